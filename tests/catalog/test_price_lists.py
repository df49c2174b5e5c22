"""Price lists: what is paid in a context, and who changes that how."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from counting import Counting
from editors import one_of_two

from stoa.contracts.catalog.v1.catalog_pb2 import (
    GetVariantsManyRequest,
    GetVariantsRequest,
    ImportPriceListsRequest,
    PriceContext,
)
from stoa.kit import context
from stoa.kit.context import Principal
from stoa.services.catalog import price_lists
from stoa.services.catalog.errors import UnknownSku
from stoa.services.catalog.price_bodies import NewPrices
from stoa.services.catalog.rpc import CatalogServicer

from .conftest import ADMIN, CUSTOMER, SELLER

STAFF = Principal(ADMIN.id, ADMIN.email, frozenset({"admin"}), "session", frozenset({"*"}))
NOON = datetime(2030, 6, 1, 12, tzinfo=UTC)


async def make(shop, slug, prices=None, **more):
    """An active list with prices by SKU: an amount, or tiers by least quantity."""
    body = {"slug": slug, "name": slug.title(), "currency": "GBP", "status": "active"} | more
    made = await shop.rest.ok("POST", "/price-lists", body, status=201, user=ADMIN)
    if prices:
        made = await put(shop, slug, prices, body["currency"])
    return made


async def put(shop, slug, prices, currency="GBP"):
    return await shop.rest.ok("PUT", f"/price-lists/{slug}/prices", {"items": items(prices, currency)}, user=ADMIN)


def items(prices, currency="GBP", *, twice=False):
    return [
        {
            "sku": sku,
            "prices": [
                {"least_quantity": quantity, "price": {"amount": amount, "currency": currency}}
                for quantity, amount in (said if isinstance(said, dict) else {1: said}).items()
            ]
            * (2 if twice else 1),
        }
        for sku, said in prices.items()
    ]


async def price(shop, sku="MUG-0", user=None, **query):
    """Amount, own price where that is higher, and list."""
    asked = "".join(f"&{name}={value}" for name, value in query.items())
    (shown,) = (await shop.rest.ok("GET", f"/prices?skus={sku}{asked}", user=user))["items"]
    price, compare_at = shown["price"], shown["compare_at"]
    return price and price["amount"], compare_at and compare_at["amount"], shown["price_list"]


async def test_a_list_changes_the_price(shop):
    await shop.add("mug", 500, 700)
    await make(shop, "sale", {"MUG-0": 400})
    assert await price(shop) == (400, 500, "sale")
    assert await price(shop, "MUG-1") == (700, None, None)
    await make(shop, "dear", {"MUG-0": 900}, priority=1)
    assert await price(shop) == (900, None, "dear")
    await shop.rest.ok("DELETE", "/price-lists/dear", status=204, user=ADMIN)
    assert await price(shop) == (400, 500, "sale")


async def test_tiers_groups_countries_and_currencies(shop):
    await shop.add("mug", 500)
    trader = replace(CUSTOMER, groups=frozenset({"trade", "club"}))
    await make(shop, "trade", {"MUG-0": {1: 450, 10: 400, 100: 300}}, customer_group="trade")
    await make(shop, "france", {"MUG-0": 520}, countries=["FR", "MC"])
    await make(shop, "euro", {"MUG-0": 600}, currency="EUR")
    assert await price(shop) == (500, None, None)
    assert [(await price(shop, user=trader, quantity=n))[0] for n in (1, 9, 10, 99, 100, 500)] == [
        450, 450, 400, 400, 300, 300
    ]  # fmt: skip
    assert await price(shop, country="FR") == (520, None, "france")
    assert await price(shop, country="DE") == (500, None, None)
    assert await price(shop, user=trader, country="MC") == (450, 500, "trade")
    assert await price(shop, currency="EUR", country="FR") == (600, None, "euro")
    assert await price(shop, currency="JPY") == (None, None, None)


async def test_a_list_begins_and_ends_to_the_second(shop, monkeypatch):
    await shop.add("mug", 500)
    await make(shop, "sale", {"MUG-0": 400}, starts_at="2030-06-01T12:00:00.900Z", ends_at="2030-06-02T14:00:00+02:00")
    day = timedelta(days=1)
    for moment, amount in (
        (NOON - timedelta(milliseconds=1), 500),
        (NOON, 400),
        (NOON + day - timedelta(milliseconds=1), 400),
        (NOON + day, 500),
    ):
        for now, at_ms in ((moment, 0), (NOON, int(moment.timestamp() * 1000))):
            monkeypatch.setattr("stoa.kit.clock.now", lambda now=now: now)
            asked = GetVariantsRequest(skus=["MUG-0"], context=PriceContext(at_ms=at_ms))
            (variant,) = (await CatalogServicer(shop.catalog).GetVariants(asked, None)).variants
            assert variant.price.amount_minor == amount, moment


async def test_many_contexts_are_one_statement(shop):
    await shop.add("mug", 500)
    await make(shop, "trade", {"MUG-0": {1: 450, 10: 400}}, customer_group="trade")
    await make(shop, "france", {"MUG-0": 520}, countries=["FR"], priority=1)
    contexts = [
        PriceContext(),
        PriceContext(groups=["trade"]),
        PriceContext(groups=["trade"], quantities={"MUG-0": 10}),
        PriceContext(groups=["trade"], country="FR"),
        PriceContext(currency="EUR"),
    ]
    many = GetVariantsManyRequest(requests=[GetVariantsRequest(skus=["MUG-0", "NONE"], context=c) for c in contexts])
    answers = (await CatalogServicer(shop.catalog).GetVariantsMany(many, None)).answers
    found = [one.variants[0] for one in answers]
    assert [one.price.amount_minor for one in found] == [500, 450, 400, 520, 0]
    assert [one.compare_at.amount_minor for one in found] == [0, 500, 500, 0, 0]
    assert [one.price_list for one in found] == ["", "trade", "trade", "france", ""]
    assert [one.price_varies for one in found] == [True] * 5
    assert not (await CatalogServicer(shop.catalog).GetVariantsMany(GetVariantsManyRequest(), None)).answers


@pytest.mark.parametrize(
    ("changes", "problem", "field"),
    [
        ({"slug": "No Slug"}, "unprocessable", "slug"),
        ({"slug": "taken"}, "slug-taken", "slug"),
        ({"name": " "}, "unprocessable", "name"),
        ({"currency": "euro"}, "unprocessable", "currency"),
        ({"currency": "XXX"}, "unprocessable", "currency"),
        ({"customer_group": "Trade"}, "unprocessable", "customer_group"),
        ({"countries": ["XX"]}, "unprocessable", "countries[0]"),
        ({"priority": 1_001}, "unprocessable", "priority"),
        ({"starts_at": "2030-01-01T00:00:00"}, "unprocessable", "starts_at"),
        # The driver takes that for minus infinity.
        ({"starts_at": "0001-01-01T00:00:00Z"}, "date-out-of-range", "starts_at"),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, "date-out-of-range", "starts_at"),
        ({"ends_at": "9999-12-31T23:59:59-14:00"}, "date-out-of-range", "ends_at"),
        (
            {"starts_at": "2030-01-01T00:00:00.1Z", "ends_at": "2030-01-01T00:00:00.9Z"},
            "ends-before-it-starts",
            "ends_at",
        ),
        ({"status": "archived"}, "unprocessable", "status"),
        ({"prices": []}, "unprocessable", "prices"),
    ],
)
async def test_a_bad_list_is_refused(shop, changes, problem, field):
    await make(shop, "taken")
    made = await make(shop, "sale")
    before = [tuple(row) for row in await shop.db.fetch("SELECT * FROM price_lists ORDER BY id")]
    body = {"slug": "spring", "name": "Spring", "currency": "GBP"} | changes
    for method, path in (("POST", "/price-lists"), ("PUT", f"/price-lists/{made['id']}")):
        refused = await shop.rest.send(method, path, body, user=ADMIN)
        assert refused.status in {409, 422}
        assert (refused.problem, refused.body["field"]) == (problem, field)
    assert [tuple(row) for row in await shop.db.fetch("SELECT * FROM price_lists ORDER BY id")] == before


@pytest.mark.parametrize(
    ("wrong", "problem", "field"),
    [
        (items({"NONE": 1}), "unknown-sku", "items[1].sku"),
        (items({"GONE-0": 1}), "unknown-sku", "items[1].sku"),
        (items({"MUG-0": 1}), "price-twice", "items[1].sku"),
        (items({"MUG-1": 1}, "EUR"), "list-of-another-currency", "items[1].prices[0].price.currency"),
        (items({"MUG-1": -1}), "unprocessable", "items[1].prices[0].price.amount"),
        (items({"MUG-1": {0: 1}}), "unprocessable", "items[1].prices[0].least_quantity"),
        (items({"MUG-1": 5}, twice=True), "price-twice", "items[1].prices[1].least_quantity"),
        (items({"MUG-1": dict.fromkeys(range(1, 22), 1)}), "unprocessable", "items[1].prices"),
    ],
)  # fmt: skip
async def test_bad_prices_are_refused_all_together(shop, wrong, problem, field):
    await shop.add("mug", 500, 700)
    await shop.add("gone", 500)
    await shop.rest.ok("DELETE", "/products/gone", status=204, user=ADMIN)
    await shop.db.execute("UPDATE variants SET archived_at = now() WHERE sku = 'GONE-0'")
    made = await make(shop, "sale", {"MUG-0": 400})
    body = {"items": [*items({"MUG-0": 300}), *wrong]}
    refused = await shop.rest.send("PUT", "/price-lists/sale/prices", body, user=ADMIN)
    assert (refused.status, refused.problem, refused.body["field"]) == (422, problem, field)
    assert await shop.rest.ok("GET", "/price-lists/sale", user=ADMIN) == made
    assert await price(shop) == (400, 500, "sale")


async def test_the_prices_in_a_list_page_by_page(shop):
    await shop.add("mug", 500, 700)
    await make(shop, "sale", {"MUG-0": {1: 400, 10: 300}, "MUG-1": 600})
    listed, cursor = [], ""
    while cursor is not None:
        page = await shop.rest.ok("GET", f"/price-lists/sale/prices?limit=1{cursor}", user=ADMIN)
        listed += [(one["sku"], one["least_quantity"], one["price"]["amount"]) for one in page["items"]]
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    assert sorted(listed) == [("MUG-0", 1, 400), ("MUG-0", 10, 300), ("MUG-1", 1, 600)]
    # What is not named stays, and what is named without prices goes.
    await put(shop, "sale", {"MUG-0": {}})
    page = await shop.rest.ok("GET", "/price-lists/sale/prices", user=ADMIN)
    assert [one["sku"] for one in page["items"]] == ["MUG-1"]
    lists = await shop.rest.ok("GET", "/price-lists", user=ADMIN)
    assert [one["slug"] for one in lists["items"]] == ["sale"]


async def test_a_repeat_changes_nothing_and_what_was_done_is_kept(shop):
    await shop.add("mug", 500)
    made = await make(shop, "sale", {"MUG-0": 400})
    assert await put(shop, "sale", {"MUG-0": 400}) == made
    body = {"slug": "sale", "name": "Sale", "currency": "GBP", "status": "active"}
    assert await shop.rest.ok("PUT", "/price-lists/sale", body, user=ADMIN) == made
    changed = await shop.rest.ok("PUT", "/price-lists/sale", body | {"priority": 7}, user=ADMIN)
    assert changed["version"] == made["version"] + 1
    acts = await shop.db.fetch("SELECT act, before, after FROM staff_acts WHERE act LIKE 'price_list.%' ORDER BY id")
    assert [row["act"] for row in acts] == ["price_list.added", "price_list.prices_set", "price_list.changed"]
    assert (acts[1]["before"], acts[1]["after"]) == (
        {"sku": "MUG-0", "prices": []},
        {"sku": "MUG-0", "prices": [[1, 400]]},
    )
    assert (acts[2]["before"], acts[2]["after"]) == ({"priority": 0}, {"priority": 7})
    told = await shop.db.fetch("SELECT data FROM event_log WHERE type = 'price_list.updated' ORDER BY id")
    assert [row["data"]["changed"] for row in told] == [["prices"], ["priority"]]


async def test_a_list_keeps_its_currency(shop):
    await make(shop, "sale")
    body = {"slug": "sale", "name": "Sale", "currency": "EUR"}
    refused = await shop.rest.send("PUT", "/price-lists/sale", body, user=ADMIN)
    assert (refused.status, refused.problem, refused.body["field"]) == (422, "list-of-another-currency", "currency")


async def test_a_list_is_a_draft_until_it_is_said_to_be_active_and_whenever_that_is_left_out(shop):
    await shop.add("mug", 500)
    body = {"slug": "sale", "name": "Sale", "currency": "GBP", "priority": 3}
    made = await shop.rest.ok("POST", "/price-lists", body, status=201, user=ADMIN)
    await put(shop, "sale", {"MUG-0": 400})
    assert (made["status"], await price(shop)) == ("draft", (500, None, None))
    for more, status, costs in (({"status": "active"}, "active", (400, 500, "sale")), ({}, "draft", (500, None, None))):
        said = await shop.rest.ok("PUT", "/price-lists/sale", body | more, user=ADMIN)
        assert (said["status"], said["priority"], await price(shop)) == (status, 3, costs)
    said = await shop.rest.ok("PUT", "/price-lists/sale", {"slug": "sale", "name": "S", "currency": "GBP"}, user=ADMIN)
    assert said["priority"] == 0


async def test_a_shop_has_so_many_lists(shop, monkeypatch):
    monkeypatch.setattr(price_lists, "MOST_LISTS", 2)
    await make(shop, "one")
    body = {"name": "List", "currency": "GBP"}
    sent = [shop.rest.send("POST", "/price-lists", body | {"slug": slug}, user=ADMIN) for slug in ("two", "three")]
    answers = await asyncio.gather(*sent)
    assert sorted(answer.status for answer in answers) == [201, 409]
    assert [answer.problem for answer in answers if answer.status == 409] == ["too-many-price-lists"]


async def test_two_editors(shop):
    await shop.add("mug", 500)
    await make(shop, "sale", {"MUG-0": 400})
    body = {"slug": "sale", "name": "Sale", "currency": "GBP", "status": "active"}
    bodies = (body | {"priority": 1}, body | {"priority": 2})
    await one_of_two(shop.rest, "PUT", "/price-lists/sale", bodies, user=ADMIN)
    prices = ({"items": items({"MUG-0": 1})}, {"items": items({"MUG-0": 2})})
    await one_of_two(shop.rest, "PUT", "/price-lists/sale/prices", prices, read="/price-lists/sale", user=ADMIN)


async def test_only_who_may_edit_prices_sees_a_list(shop):
    await shop.add("mug", 500, user=SELLER)
    await make(shop, "sale", {"MUG-0": 400})
    for method, path, body in (
        ("GET", "/price-lists", None),
        ("GET", "/price-lists/sale/prices", None),
        ("PUT", "/price-lists/sale/prices", {"items": items({"MUG-0": 1})}),
    ):
        # A seller's own product, too: lists are the shop's.
        assert (await shop.rest.send(method, path, body, user=SELLER)).status == 403
    assert (await shop.rest.send("GET", "/price-lists/none", user=ADMIN)).problem == "no-such-price-list"


async def test_the_same_statements_for_one_sku_and_for_a_thousand(shop):
    for at in range(10):
        await shop.add(f"p{at}", *[500] * 100)
    skus = [f"P{product}-{at}" for product in range(10) for at in range(100)]
    await make(shop, "sale")
    db = Counting(shop.db)
    catalog = replace(shop.catalog, db=db)
    taken = {}
    for amount, many in enumerate((1, 20, 1_000), start=300):
        new = msgspec.convert({"items": items(dict.fromkeys(skus[:many], amount))}, NewPrices)
        with context.using(context.fresh(principal=STAFF)):
            await price_lists.set_prices(catalog, "sale", new)
        taken[many] = len(await db.taken())
        asked = GetVariantsRequest(skus=skus[:many], context=PriceContext(groups=["trade"]))
        await CatalogServicer(catalog).GetVariants(asked, None)
        assert len(await db.taken()) == 1
    await db.close()
    assert taken[20] == taken[1_000] <= taken[1] + 1, taken


async def test_lists_are_imported_once_each_with_its_prices(shop):
    await shop.add("mug", 500)
    body = {"slug": "trade", "name": "Trade", "currency": "GBP", "status": "active", "customer_group": "trade"}
    good = msgspec.json.encode(body | {"items": items({"MUG-0": 400})})
    bad = msgspec.json.encode(body | {"slug": "bad", "items": items({"NONE": 1})})
    rpc = CatalogServicer(shop.catalog)
    for added in (1, 0):
        assert (await rpc.ImportPriceLists(ImportPriceListsRequest(lists_json=[good]), None)).added == added
    with pytest.raises(UnknownSku):
        await rpc.ImportPriceLists(ImportPriceListsRequest(lists_json=[bad]), None)
    assert await shop.db.fetchval("SELECT array_agg(slug) FROM price_lists") == ["trade"]
    assert await price(shop, user=replace(CUSTOMER, groups=frozenset({"trade"}))) == (400, 500, "trade")
