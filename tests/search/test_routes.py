"""The public API: what may be asked, what staff say comes of it, and what was searched for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from search.conftest import Town, town_of

from stoa.contracts.search.v1 import search_pb2 as pb
from stoa.kit.ids import uuid7
from stoa.kit.problems import Unprocessable
from stoa.services.search import searches_repository
from stoa.services.search.asked import several
from stoa.services.search.errors import TwoPlaces
from stoa.services.search.routes import routes
from stoa.services.search.rpc import SearchServicer
from stoa.services.search.rules import MOST_QUERY, compared
from stoa.services.search.searches import MOST_GATHERED
from stoa.services.search.searches_repository import Counted
from stoa.services.search.service import Search
from stoa.testing import Rest, new_user, who_may

EDITOR = who_may("search.rules.edit")
READER = who_may("search.report.read")
NOBODY = new_user("customer")


class Shop(Town):
    one: Search
    rest: Rest
    ids: dict[str, str]

    async def names(self, query: str) -> list[str]:
        return [item["name"] for item in (await self.rest.ok("GET", f"/search?{query}"))["items"]]

    async def edit_rules(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = await self.rest.ok(method, path, body, status=status, user=EDITOR)
        await self.one.following.worker.run()
        return answer


@pytest.fixture
async def shop(database, tmp_path) -> AsyncIterator[Shop]:
    async with town_of(database, tmp_path, Shop) as town:
        town.one = town.process("one")
        town.rest = Rest(routes.bind(town.one), town.db)
        await town.catalog.ok(
            "POST", "/categories", {"name": "Kitchen", "slug": "kitchen"}, status=201, user=new_user("admin")
        )
        goods = [
            await town.sell("Enamel mug", "MUG-1", price=995, brand="Hearth, Field", category="kitchen"),
            await town.sell("Glass mug", "MUG-2", price=1500, brand="Acme", specifications={"weight": 3}, tags=["new"]),
            await town.sell("Steel cup", "CUP-1", price=2500, brand="Acme", specifications={"color": "red"}),
        ]
        await town.put("MUG-1", 5)
        town.ids = {one["name"]: one["id"] for one in goods}
        await town.learn(town.one)
        yield town


async def test_another_service_names_a_language_or_none(shop: Shop) -> None:
    rpc = SearchServicer(shop.one)
    for locale in ("", "en"):
        found = await rpc.Search(pb.SearchRequest(text="enamel", locale=locale), None)
        assert [item.name for item in found.items] == ["Enamel mug"]
        suggested = await rpc.Suggest(pb.SuggestRequest(text="ename", locale=locale), None)
        assert [product.name for product in suggested.products] == ["Enamel mug"]


async def test_another_service_asks_for_what_is_there_what_is_not_or_both(shop: Shop) -> None:
    rpc = SearchServicer(shop.one)
    for in_stock, total in ((True, 1), (False, 2), (None, 3)):
        assert (await rpc.Search(pb.SearchRequest(in_stock=in_stock), None)).total == total


async def test_filters_facets_sorts_and_pages(shop: Shop) -> None:
    assert await shop.names("q=mug&sort=price") == ["Enamel mug", "Glass mug"]
    assert await shop.names("sort=-price") == ["Steel cup", "Glass mug", "Enamel mug"]
    assert await shop.names("category=kitchen") == ["Enamel mug"]
    assert await shop.names(r"brand=Hearth%5C, Field") == ["Enamel mug"]
    assert await shop.names(r"brand=Hearth%5C, Field,Acme&sort=price") == ["Enamel mug", "Glass mug", "Steel cup"]
    assert await shop.names("min_price=1000&max_price=2000") == ["Glass mug"]
    assert await shop.names("in_stock=true") == ["Enamel mug"]
    assert await shop.names("in_stock=false&sort=price") == ["Glass mug", "Steel cup"]
    assert await shop.names("tag=new") == ["Glass mug"]
    assert await shop.names("attr.color=red,blue") == ["Steel cup"]
    assert await shop.names("attr[weight]=1..5") == ["Glass mug"]
    assert await shop.names("attr.weight=4..") == []
    answer = await shop.rest.ok("GET", "/products/search?q=mug&sort=name&limit=1&facets=brand,attr.weight")
    assert (answer["total"], [one["value"] for one in answer["facets"]["brands"]]) == (2, ["Acme", "Hearth, Field"])
    [weight] = answer["facets"]["attributes"]
    assert (weight["key"], weight["name"], weight["least"], weight["most"]) == ("weight", "weight", 3, 3)
    assert weight["values"] == [{"value": 3, "count": 1, "name": "", "hex": None}]
    after = f"/search?q=mug&sort=name&limit=1&cursor={answer['next_cursor']}"
    assert [one["name"] for one in (await shop.rest.ok("GET", after))["items"]] == ["Glass mug"]
    card = answer["items"][0]
    assert (card["price"], card["status"], card["available_skus"]) == (
        {"amount": 995, "currency": "GBP"},
        "active",
        ["MUG-1"],
    )
    assert "".join(piece["text"] for piece in card["highlights"]["name"]) == "Enamel mug"
    suggested = await shop.rest.ok("GET", "/search/suggest?q=mu")
    assert sorted(one["name"] for one in suggested["products"]) == ["Enamel mug", "Glass mug"]


async def test_a_cursor_goes_on_with_its_own_search(shop: Shop) -> None:
    search = "q=mug&sort=price&min_price=1&max_price=9000"
    cursor = (await shop.rest.ok("GET", f"/search?{search}&limit=1"))["next_cursor"]
    for same in (search, f"{search}&limit=50", f"{search}&facets=none", f"{search}&locale=en"):
        assert await shop.names(f"{same}&cursor={cursor}") == ["Glass mug"]
    for other in ("q=mug", "q=cup&sort=price", f"{search}1", f"{search}&locale=de", f"{search}&attr.color=red"):
        refused = await shop.rest.send("GET", f"/search?{other}&cursor={cursor}")
        assert (refused.status, refused.problem, refused.body["field"]) == (422, "bad-cursor", "cursor")


@pytest.mark.parametrize(
    ("query", "problem", "field"),
    [
        ("cursor=nonsense", "bad-cursor", "cursor"),
        ("attr.weight=..", "bad-attribute", "attr.weight"),
        (f"brand={'b,' * 51}", "unprocessable", "brand"),
        ("brand=,", "unprocessable", "brand"),
        (f"attr.weight={'1,' * 51}", "unprocessable", "attr.weight"),
        (f"facets={','.join(f'attr.{at}' for at in range(21))}", "unprocessable", "facets"),
        ("attr.weight=", "bad-attribute", "attr.weight"),
        ("attr.weight=5..1", "bad-attribute", "attr.weight"),
        ("attr.since=2027-02-30", "bad-attribute", "attr.since"),
        ("attr.since=2027-01-31..2027-01-30", "bad-attribute", "attr.since"),
        ("facets=everything", "unprocessable", "facets"),
        ("facets=attr.", "unprocessable", "facets"),
        ("limit=101", "unprocessable", "limit"),
        ("sort=best", "unprocessable", "sort"),
        ("min_price=-1", "unprocessable", "min_price"),
        ("min_price=1500&max_price=1000", "nothing-between", "min_price"),
        ("color=red", "unprocessable", "color"),
        ("locale=x", "unprocessable", "locale"),
        (f"q={'x' * 1001}", "unprocessable", "q"),
        ("q=a%00b", "unprocessable", "q"),
    ],
)
async def test_refusals(shop: Shop, query: str, problem: str, field: str) -> None:
    refused = await shop.rest.send("GET", f"/search?{query}")
    assert (refused.status, refused.problem, refused.body["field"]) == (422, problem, field)


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        (
            "/search?facets=attribute",
            "There is no facet 'attribute': did you mean attributes? "
            "choose from category, brand, price, availability, attributes, none, attr.NAME.",
        ),
        ("/search?attr.weight=0.4..0.3", "The first bound is above the second: the lower one comes first."),
        (
            "/search/report?from=2027-01-02&to=2027-01-01",
            "The first day, 2027-01-02, is after the last, 2027-01-01.",
        ),
    ],
)
async def test_a_refusal_says_how_to_mend(shop: Shop, path: str, detail: str) -> None:
    refused = await shop.rest.send("GET", path, user=READER)
    assert (refused.status, refused.body["detail"]) == (422, detail)


async def test_the_same_synonyms_are_there_once(shop: Shop) -> None:
    bodies = [{"words": ["mug", "beaker"]}, {"words": ["Beaker", "m\u00fag"]}]
    answers = await asyncio.gather(*(shop.rest.send("POST", "/search/synonyms", body, user=EDITOR) for body in bodies))
    assert sorted(answer.status for answer in answers) == [201, 409]
    [there] = (await shop.rest.ok("GET", "/search/synonyms", user=EDITOR))["items"]
    [refused] = [answer for answer in answers if answer.status == 409]
    assert (refused.problem, refused.body["field"]) == ("synonyms-there", "words")
    assert there["id"] in refused.body["detail"]
    # One way is another thing.
    one_way = {"term": "mug", "words": ["beaker"]}
    other = await shop.edit_rules("POST", "/search/synonyms", one_way, 201)
    path = f"/search/synonyms/{other['id']}"
    assert (await shop.rest.send("PUT", path, bodies[1], user=EDITOR)).problem == "synonyms-there"
    assert (await shop.edit_rules("PUT", path, one_way | {"words": ["Beaker"]}))["version"] == 2


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_rule_is_about_a_word(shop: Shop, method: str) -> None:
    rule = {"query": "mug", "redirect": "/mugs"}
    there = await shop.edit_rules("POST", "/search/rules", rule, 201)
    path = "/search/rules" + (f"/{there['id']}" if method == "PUT" else "")
    refused = await shop.rest.send(method, path, rule | {"query": "!!"}, user=EDITOR)
    assert (refused.status, refused.problem, refused.body["field"]) == (422, "rule-without-word", "query")
    assert "synonym" not in refused.body["title"] + refused.body["detail"]
    assert (await shop.rest.ok("GET", "/search/rules", user=EDITOR))["items"] == [there]


async def test_whatever_is_searched_for_is_answered(shop: Shop) -> None:
    draw = random.Random(20261122)
    alphabet = "mug \"-+(){}[]^~*?:\\/'%&|!<>=äß漢字🙂\u0301\u202e\t0123456789,."
    for _ in range(150):
        text = "".join(draw.choice(alphabet) for _ in range(draw.randrange(1, 40)))
        quoted = "".join(f"%{byte:02X}" for byte in text.encode())
        for path in (f"/search?q={quoted}", f"/search/suggest?q={quoted}", f"/search?attr.{quoted}=x"):
            answer = await shop.rest.send("GET", path)
            assert answer.status in {200, 400, 422}, (text, answer)


async def test_synonyms_reach_every_process_and_end(shop: Shop) -> None:
    assert await shop.names("q=beaker") == []
    body = {"words": ["mug", "beaker"]}
    added = await shop.edit_rules("POST", "/search/synonyms", body, 201)
    assert sorted(await shop.names("q=beaker")) == ["Enamel mug", "Glass mug"]
    two = shop.process("two")
    await two.following.worker.run()
    assert two.following.rules.synonyms.groups == [["mug", "beaker"]]

    path = f"/search/synonyms/{added['id']}"
    changed = await shop.edit_rules("PUT", path, {"term": "beaker", "words": ["cup"]})
    assert (changed["version"], await shop.names("q=beaker")) == (2, ["Steel cup"])
    assert (await shop.edit_rules("PUT", path, {"term": "beaker", "words": ["cup"]}))["version"] == 2
    assert (await shop.rest.ok("GET", "/search/synonyms", user=EDITOR))["items"] == [changed]
    stale = await shop.rest.send("PUT", path, body, user=EDITOR, headers={"if-match": '"1"'})
    assert (stale.status, stale.problem) == (412, "version-mismatch")
    await shop.edit_rules("DELETE", path, status=204)
    assert await shop.names("q=beaker") == []
    gone = await shop.rest.send("DELETE", path, user=EDITOR)
    assert (gone.status, gone.problem, gone.body["field"]) == (404, "no-such-synonym", "synonym_id")
    acts = await shop.db.fetch("SELECT act FROM staff_acts ORDER BY id")
    assert [row["act"] for row in acts] == ["synonyms.added", "synonyms.changed", "synonyms.removed"]


@pytest.mark.parametrize(
    ("body", "problem", "field"),
    [
        ({"words": ["mug", "-!?"]}, "synonym-without-word", "words[1]"),
        ({"words": ["mug"], "term": "\U0001f525"}, "synonym-without-word", "term"),
        ({"words": ["mug", "cup", " MÚG "]}, "synonym-said-twice", "words[2]"),
        ({"words": ["cup", "mug"], "term": "mug"}, "synonym-said-twice", "words[1]"),
        ({"words": ["mug"]}, "synonym-of-nothing", "words"),
    ],
)
async def test_synonyms_are_words_that_differ(shop: Shop, body: dict[str, Any], problem: str, field: str) -> None:
    there = await shop.edit_rules("POST", "/search/synonyms", {"words": ["7", "漢"]}, 201)
    for method, path in (("POST", "/search/synonyms"), ("PUT", f"/search/synonyms/{there['id']}")):
        refused = await shop.rest.send(method, path, body, user=EDITOR)
        assert (refused.status, refused.problem, refused.body["field"]) == (422, problem, field)
    assert (await shop.rest.ok("GET", "/search/synonyms", user=EDITOR))["items"] == [there]


async def test_a_rule_says_which_of_its_products_nobody_finds(shop: Shop) -> None:
    """A product that is sold later may be pinned now."""
    nowhere, cup = uuid7(), shop.ids["Steel cup"]
    draft = await shop.sell("Tin mug", "TIN-1", status="draft")
    await shop.learn(shop.one)
    body = {"query": "mug", "pinned": [nowhere, cup], "buried": [draft["id"]]}
    rule = await shop.edit_rules("POST", "/search/rules", body, 201)
    assert rule["not_found"] == [nowhere, draft["id"]]
    await shop.edit(draft, status="active")
    await shop.learn(shop.one)
    assert (await shop.rest.ok("GET", f"/search/rules/{rule['id']}", user=EDITOR))["not_found"] == [nowhere]
    assert (await shop.rest.ok("GET", "/search/rules", user=EDITOR))["items"][0]["not_found"] == [nowhere]
    changed = await shop.edit_rules("PUT", f"/search/rules/{rule['id']}", {"query": "mug", "pinned": [cup]})
    assert changed["not_found"] == []


async def test_a_rule_pins_buries_and_sends_elsewhere(shop: Shop) -> None:
    cup, enamel = shop.ids["Steel cup"], shop.ids["Enamel mug"]
    body = {"query": "  MUG ", "pinned": [cup.upper()], "buried": [enamel], "redirect": "/pages/mugs"}
    rule = await shop.edit_rules("POST", "/search/rules", body, 201)
    assert (rule["query"], rule["pinned"]) == ("mug", [cup])
    answer = await shop.rest.ok("GET", "/search?q=Mug")
    assert [one["name"] for one in answer["items"]] == ["Steel cup", "Glass mug", "Enamel mug"]
    assert answer["redirect"] == "/pages/mugs"

    taken = await shop.rest.send("POST", "/search/rules", {"query": "Mug", "pinned": [cup]}, user=EDITOR)
    assert (taken.status, taken.problem, taken.body["field"]) == (409, "rule-there", "query")
    twice = await shop.rest.send("POST", "/search/rules", {"query": "x", "pinned": [cup], "buried": [cup]}, user=EDITOR)
    assert (twice.status, twice.problem, twice.body["field"]) == (422, "product-in-two-places", "buried")
    nothing = await shop.rest.send("POST", "/search/rules", {"query": "x"}, user=EDITOR)
    assert (nothing.status, nothing.problem, nothing.body["field"]) == (422, "rule-of-nothing", "pinned")
    for place in ("https://elsewhere.example", "//elsewhere.example", "/\\elsewhere", "javascript:x"):
        refused = await shop.rest.send("POST", "/search/rules", {"query": "x", "redirect": place}, user=EDITOR)
        assert (refused.status, refused.body["field"]) == (422, "redirect")
    assert await shop.db.fetchval("SELECT count(*) FROM rules") == 1

    path = f"/search/rules/{rule['id']}"
    assert (await shop.edit_rules("PUT", path, {"query": "mug", "pinned": [cup]}))["version"] == 2
    assert (await shop.rest.ok("GET", path, user=EDITOR))["redirect"] is None
    assert [one["query"] for one in (await shop.rest.ok("GET", "/search/rules", user=EDITOR))["items"]] == ["mug"]
    await shop.edit_rules("DELETE", path, status=204)
    assert (await shop.rest.ok("GET", "/search?q=Mug"))["redirect"] is None


async def test_rules_are_imported_where_there_are_none(shop: Shop) -> None:
    await shop.edit_rules("POST", "/search/rules", {"query": "Cup", "redirect": "/pages/cups"}, 201)
    rpc, cup = SearchServicer(shop.one), shop.ids["Steel cup"]

    def asked(*rules: dict[str, Any]) -> pb.ImportRulesRequest:
        synonyms = [{"words": ["mug", "beaker"]}, {"term": "goblet", "words": ["cup"]}]
        return pb.ImportRulesRequest(
            synonyms_json=map(msgspec.json.encode, synonyms), rules_json=map(msgspec.json.encode, rules)
        )

    said = asked({"query": "mug", "pinned": [cup]}, {"query": "cup", "pinned": [cup]})
    for added in (3, 0):
        assert (await rpc.ImportRules(said, None)).added == added
    await shop.one.following.worker.run()
    assert (await shop.names("q=mug"))[0] == "Steel cup"
    assert await shop.names("q=goblet") == ["Steel cup"]
    assert (await shop.rest.ok("GET", "/search?q=cup"))["redirect"] == "/pages/cups"
    with pytest.raises(TwoPlaces):
        await rpc.ImportRules(asked({"query": "new", "pinned": [cup]}, {"query": "x", "pinned": [cup, cup]}), None)
    with pytest.raises(Unprocessable) as refused:
        await rpc.ImportRules(asked({"query": "x", "redirect": "https://elsewhere.example"}), None)
    assert refused.value.field == "rules_json[0].redirect"
    assert await shop.db.fetchval("SELECT count(*) FROM rules") == 2


async def test_who_may_not_changes_nothing(shop: Shop) -> None:
    for method, path, body in (
        ("POST", "/search/synonyms", {"words": ["a", "b"]}),
        ("POST", "/search/rules", {"query": "a"}),
        ("GET", "/search/report", None),
    ):
        assert (await shop.rest.send(method, path, body)).status == 401
        assert (await shop.rest.send(method, path, body, user=NOBODY)).status == 403
    assert await shop.db.fetchval("SELECT rules_revision FROM feed") == 0


async def test_what_has_some_of_the_words_is_in_vain_and_what_filters_leave_is_not_counted(shop: Shop) -> None:
    relaxed = await shop.rest.ok("GET", "/search?q=steel+mug")
    assert (relaxed["relaxed"], relaxed["total"]) == (True, 3)
    assert await shop.names("q=mug&max_price=1") == []
    report = await shop.rest.ok("GET", "/search/report", user=READER)
    assert report["items"] == [{"query": "steel mug", "times": 1, "without_results": 1, "average_results": 0.0}]


async def test_the_report_has_what_was_searched_for_and_what_was_not_found(shop: Shop) -> None:
    for text in ("mug", "MUG", " Müg", "teapot", "teapot", "ada@example.com", "+44 20 7946 0000", "   "):
        await shop.rest.ok("GET", "/search?q=" + "".join(f"%{byte:02X}" for byte in text.encode()))
    await shop.rest.ok("GET", "/search?q=mug&limit=1&cursor=" + await _cursor(shop))
    report = await shop.rest.ok("GET", "/search/report", user=READER)
    assert (report["searches"], report["without_results"]) == (6, 2)
    assert report["items"] == [
        {"query": "mug", "times": 4, "without_results": 0, "average_results": 2.0},
        {"query": "teapot", "times": 2, "without_results": 2, "average_results": 0.0},
    ]
    in_vain = await shop.rest.ok("GET", "/search/report?in_vain=true", user=READER)
    assert [one["query"] for one in in_vain["items"]] == ["teapot"]
    today = report["until"]
    of_a_day = await shop.rest.ok("GET", f"/search/report?from={today}&to={today}", user=READER)
    assert (of_a_day["since"], of_a_day["until"], of_a_day["searches"]) == (today, today, 6)
    before = await shop.rest.ok("GET", "/search/report?from=2026-01-01&to=2026-01-31", user=READER)
    assert (before["searches"], before["items"]) == (0, [])
    long = await shop.rest.send("GET", "/search/report?from=2026-01-01&to=2026-12-31", user=READER)
    assert (long.status, long.body["field"]) == (422, "from")


@pytest.mark.parametrize("asked", ["", "in_vain=true&"])
async def test_the_report_goes_on_behind_the_last_search(shop: Shop, asked: str) -> None:
    for times in (1, 2, 3):
        for text in ("mug", "teapot", "kettle", "cup", "jug", "tray"):
            shop.one.searches.count(f"{text} {times % 2}", results=times % 2 * (text > "m"))
    whole = await shop.rest.ok("GET", f"/search/report?{asked}limit=1000", user=READER)
    assert (len({one["query"] for one in whole["items"]}), whole["next_cursor"]) == (9 if asked else 12, None)
    often = "without_results" if asked else "times"
    assert whole["items"] == sorted(whole["items"], key=lambda one: (-one[often], one["query"]))
    paged, path = [], f"/search/report?{asked}limit=5"
    while path:
        page = await shop.rest.ok("GET", path, user=READER)
        assert (page["since"], page["searches"]) == (whole["since"], 18)
        paged += page["items"]
        path = page["next_cursor"] and f"/search/report?{asked}limit=4&cursor={page['next_cursor']}"
    assert paged == whole["items"]


async def test_a_page_of_a_report_is_of_the_days_of_the_first(shop: Shop) -> None:
    """So that it is the same report after midnight."""
    day = date(2026, 3, 1)
    gathered = {(day + timedelta(days=at % 2), f"mug {at}"): Counted(4 - at, 0, 1) for at in range(4)}
    await searches_repository.add_searches(shop.db, gathered, 10)
    first = await shop.rest.ok("GET", "/search/report?to=2026-03-01&limit=1", user=READER)
    assert ([one["query"] for one in first["items"]], first["since"]) == (["mug 0"], "2026-01-31")
    cursor = first["next_cursor"]
    last = await shop.rest.ok("GET", f"/search/report?cursor={cursor}", user=READER)
    assert [one["query"] for one in last["items"]] == ["mug 2"]
    assert (last["since"], last["until"], last["next_cursor"]) == ("2026-01-31", "2026-03-01", None)
    for other in ("in_vain=true", "to=2026-03-02", "from=2026-02-01"):
        refused = await shop.rest.send("GET", f"/search/report?{other}&cursor={cursor}", user=READER)
        assert (refused.status, refused.problem, refused.body["field"]) == (422, "bad-cursor", "cursor")


async def _cursor(shop: Shop) -> str:
    return str((await shop.rest.ok("GET", "/search?q=mug&limit=1"))["next_cursor"])


async def test_a_search_costs_no_statement_and_a_day_has_a_bounded_number_of_them(shop: Shop) -> None:
    few = shop.process("few", searches_a_day=3)
    for number in range(10):
        few.searches.count(f"word {number}", 1)
    few.searches.count("word 0", 0)
    assert await shop.db.fetchval("SELECT count(*) FROM searches") == 0
    await few.searches.write()
    rows = await shop.db.fetch("SELECT query, times, without FROM searches ORDER BY query")
    assert [(row["query"], row["times"]) for row in rows if row["query"] == ""] == [("", 7)]
    assert (len(rows), sum(row["times"] for row in rows), sum(row["without"] for row in rows)) == (4, 11, 1)
    for number in range(MOST_GATHERED + 5):
        few.searches.count(f"word {number}", 1)
    await few.searches.write()
    assert await shop.db.fetchval("SELECT count(*) FROM searches") == 4


def test_how_searches_are_compared() -> None:
    assert compared("  Café\u00a0 CRÈME\n") == "cafe creme"
    assert compared("Straße") == "strasse"
    assert len(compared("ﷺ" * 500)) <= MOST_QUERY
    assert several(r"a, b\,c,,", "brand") == ["a", "b,c", " b,c"]
    assert several(r"x\y,\\,c\\,d\,,e\\\,f,g\\"[:-1], "brand") == [r"x\y", "\\", "c\\", "d,", "e\\,f", "g\\"]
