"""Lists: filters, orders and pages, in one statement each."""

from __future__ import annotations

import pytest

from stoa.kit.http.pages import encode_cursor
from stoa.services.catalog.lists_repository import NAME_START
from stoa.testing import who_may

from .conftest import ADMIN, CUSTOMER, OTHER_SELLER, SELLER, pounds


@pytest.fixture
async def stocked(shop):
    for body in (
        {"slug": "kitchen", "name": "Kitchen"},
        {"slug": "cups", "name": "Cups", "parent": "kitchen"},
        {"slug": "mugs", "name": "Mugs", "parent": "cups"},
        {"slug": "garden", "name": "Garden"},
    ):
        await shop.rest.ok("POST", "/categories", body, status=201, user=ADMIN)
    await shop.add("apron", 2000, category="kitchen", brand="Linen & Co")
    await shop.add("Beaker".lower(), 500, 900, category="cups", brand="Potters")
    await shop.add("mug", 700, category="mugs", brand="Potters", name="aa mug")
    await shop.add("spade", 700, category="garden", brand="Steel")
    await shop.add("hidden", 1, category="mugs", status="draft")
    return shop


@pytest.mark.parametrize(
    ("query", "slugs"),
    [
        ("", ["spade", "mug", "beaker", "apron"]),
        ("sort=price", ["beaker", "mug", "spade", "apron"]),
        ("sort=-price", ["apron", "spade", "mug", "beaker"]),
        ("sort=name", ["mug", "apron", "beaker", "spade"]),
        ("category=kitchen&sort=price", ["beaker", "mug", "apron"]),
        ("category=cups", ["mug", "beaker"]),
        ("brand=Potters", ["mug", "beaker"]),
        ("min_price=700&sort=price", ["mug", "spade", "apron"]),
        ("max_price=700&sort=price", ["beaker", "mug", "spade"]),
        ("min_price=501&max_price=1999&category=kitchen", ["mug"]),
        ("brand=' OR 1=1 --", []),
    ],
)
async def test_filters_and_orders(stocked, query, slugs):
    assert await stocked.slugs(query.replace(" ", "%20").replace("'", "%27")) == slugs


async def test_a_category_that_there_is_not_is_said_to_be_none(stocked):
    await stocked.rest.ok("POST", "/categories", {"slug": "bare", "name": "Bare"}, status=201, user=ADMIN)
    assert await stocked.slugs("category=bare") == []
    assert await stocked.slugs("category=cups&min_price=999999") == []
    answer = await stocked.rest.send("GET", "/products?category=nowhere")
    assert (answer.status, answer.problem, answer.body["field"]) == (404, "no-such-category", "category")


@pytest.mark.parametrize("sort", ["newest", "price", "-price", "name"])
async def test_pages_show_each_product_once(stocked, sort):
    seen, cursor = [], ""
    for _ in range(4):
        page = await stocked.rest.ok("GET", f"/products?sort={sort}&limit=1{cursor}")
        seen += [card["slug"] for card in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    assert seen == await stocked.slugs(f"sort={sort}")


async def test_a_card_has_the_lowest_and_highest_price(stocked):
    page = await stocked.rest.ok("GET", "/products?category=cups&sort=price&limit=1")
    (card,) = page["items"]
    assert card == {
        "id": card["id"],
        "slug": "beaker",
        "name": "Beaker",
        "brand": "Potters",
        "status": "active",
        "category": {"id": card["category"]["id"], "slug": "cups", "name": "Cups"},
        "price": pounds(500),
        "price_max": pounds(900),
        "image": None,
        "skus": ["BEAKER-0", "BEAKER-1"],
    }


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("sort=color", "sort"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("min_price=-1", "min_price"),
        ("min_price=cheap", "min_price"),
        ("min_price=2&max_price=1", "min_price"),
        ("min_price=2&max_price=1&collection=gifts", "min_price"),
        ("cursor=nonsense", "cursor"),
        ("sort=price&cursor=WyIwMThmMDAwMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDAiLCJhIl0", "cursor"),
        ("q=mug", "q"),
        ("category=A%20B", "category"),
    ],
)
async def test_bad_queries_name_the_parameter(stocked, query, field):
    answer = await stocked.rest.send("GET", f"/products?{query}")
    assert (answer.status, answer.body["field"]) == (422, field)


async def test_names_of_any_length_and_script_are_paged(stocked):
    for at in range(4):
        await stocked.add(f"emoji-{at}", 100, name="\U0001f355" * 200)
        await stocked.add(f"capital-{at}", 100, name="\u0130" * 200)
    everything = await stocked.slugs("sort=name&limit=100")
    assert len(everything) == 12
    seen, cursor = [], ""
    while cursor is not None:
        page = await stocked.rest.ok("GET", f"/products?sort=name&limit=1{cursor and '&cursor=' + cursor}")
        seen += [card["slug"] for card in page["items"]]
        cursor = page["next_cursor"]
    assert seen == everything


@pytest.mark.parametrize(
    ("sort", "position"),
    [
        ("name", ["018f0000-0000-7000-8000-000000000000", "x" * (NAME_START + 1)]),
        ("name", ["' OR 1=1", "x"]),
        ("name", ["018f0000-0000-7000-8000-000000000000", "a\0"]),
        ("price", ["018f0000-0000-7000-8000-000000000000", 2**63]),
        ("newest", ["018f0000-0000-7000-8000-000000000000", "x"]),
    ],
)
async def test_a_cursor_that_was_tampered_with_is_refused(stocked, sort, position):
    answer = await stocked.rest.send("GET", f"/products?sort={sort}&cursor={encode_cursor(tuple(position))}")
    assert (answer.status, answer.problem, answer.body["field"]) == (422, "bad-cursor", "cursor")


@pytest.mark.parametrize("limit", [1, 100])
async def test_a_list_is_one_statement_whatever_its_length(stocked, limit, monkeypatch):
    for at in range(30):
        await stocked.add(f"plate-{at}", 100, 200)
    statements = []
    fetch = stocked.db.fetch

    async def counted(sql, *arguments):
        statements.append(sql)
        return await fetch(sql, *arguments)

    monkeypatch.setattr(stocked.db, "fetch", counted)
    page = await stocked.rest.ok("GET", f"/products?limit={limit}")
    assert (len(page["items"]), len(statements)) == (min(limit, 34), 1)


async def test_a_product_is_found_by_a_sku_wherever_it_stands_by_who_may_see_it(shop):
    await shop.add("mug", 500, 700)
    await shop.add("draft", 1, 2, status="draft", user=SELLER)
    await shop.add("gone", 1, user=SELLER)
    await shop.rest.ok("DELETE", "/products/gone", status=204, user=SELLER)
    await shop.rest.ok("DELETE", "/variants/MUG-1", status=204, user=ADMIN)
    moderator = who_may("catalog.products.withhold")
    for user in (None, CUSTOMER, OTHER_SELLER, SELLER, ADMIN, moderator):
        assert await shop.slugs("sku=MUG-0", user) == ["mug"]
        assert [await shop.slugs(f"sku={sku}", user) for sku in ("MUG-1", "mug-0", "NONE")] == [[], [], []]
        sees = user in (SELLER, ADMIN, moderator)
        assert await shop.slugs("sku=DRAFT-1&locale=en&limit=1", user) == ["draft"] * sees
        assert await shop.slugs("sku=GONE-0", user) == ["gone"] * sees
    page = await shop.rest.ok("GET", "/products?sku=DRAFT-0", user=ADMIN)
    assert [(one["status"], one["skus"]) for one in page["items"]] == [("draft", ["DRAFT-0", "DRAFT-1"])]
    assert page["next_cursor"] is None


@pytest.mark.parametrize(
    "other",
    ["status=draft", "status=active", "tag=new", "brand=A", "custom.color=red", "sort=name", "min_price=1", "cursor=x"],
)
async def test_a_sku_goes_with_no_other_filter(shop, other):
    answer = await shop.rest.send("GET", f"/products?sku=MUG-0&{other}", user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (422, "sku-filter-alone", "sku")
