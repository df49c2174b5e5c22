"""What everybody pays: lists are sorted by it as price lists begin and end, and its lowest of 30 days is kept."""

from __future__ import annotations

import asyncio
import importlib
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import asyncpg
import pytest
from holding import waits
from runners import deadlocks

from stoa.contracts.catalog.v1.catalog_pb2 import GetProductRequest, GetProductsRequest
from stoa.services.catalog import (
    price_lists_repository,
    public_prices,
    public_prices_repository,
    variants_repository,
)
from stoa.services.catalog.pricing import Held, lowest_before
from stoa.services.catalog.public_prices import follow_lists
from stoa.services.catalog.rpc import CatalogServicer

from .conftest import ADMIN, pounds
from .test_price_lists import make, put

NOON = datetime(2030, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SALE = {"starts_at": NOON.isoformat(), "ends_at": (NOON + 10 * DAY).isoformat()}


@pytest.fixture
def at(monkeypatch):
    """`at(moment)`: it is that now, for whatever is about prices. Tokens go by the clock on the wall."""

    def move(moment):
        for name in ("price_lists", "public_prices", "prices_routes", "sales"):
            module = importlib.import_module(f"stoa.services.catalog.{name}")
            monkeypatch.setattr(module, "clock", SimpleNamespace(now=lambda: moment))

    return move


@pytest.fixture
async def mug(shop, at):
    """Made a year before."""
    at(NOON - 365 * DAY)
    made = await shop.add("mug", 500, 700)
    await shop.db.execute("UPDATE products SET created_at = $1", NOON - 365 * DAY)
    return made


async def shown(shop):
    """The card's prices, and of the first variant the sale."""
    card = (await shop.rest.ok("GET", "/products"))["items"][0]
    product = await shop.rest.ok("GET", "/products/mug")
    assert (card["price"], card["price_max"]) == (product["price"], product["price_max"])
    lowest = next((sale["lowest_30_days"] for sale in product["sales"] if sale["sku"] == "MUG-0"), None)
    return card["price"]["amount"], card["price_max"]["amount"], lowest and lowest["amount"]


async def updates(shop):
    told = "SELECT data, aggregate_version FROM event_log WHERE type = 'product.updated' ORDER BY id"
    rows = await shop.db.fetch(told)
    return [(row["data"]["changed"], row["aggregate_version"]) for row in rows]


async def test_a_list_begins_and_ends_where_products_are_listed(shop, mug, at):
    await make(shop, "sale", {"MUG-0": 400, "MUG-1": 450}, **SALE)
    at(NOON - DAY)
    assert await follow_lists(shop.catalog) == DAY.total_seconds()
    assert (await shown(shop), await updates(shop)) == ((500, 700, None), [])
    at(NOON)
    assert await follow_lists(shop.catalog) == 10 * DAY.total_seconds()
    assert (await shown(shop), await updates(shop)) == ((400, 450, 500), [(["price"], 2)])
    assert await shop.slugs("sort=price&max_price=400") == ["mug"]
    # In the middle nothing is due.
    at(NOON + DAY)
    assert await follow_lists(shop.catalog) == 9 * DAY.total_seconds()
    at(NOON + 10 * DAY)
    assert await follow_lists(shop.catalog) is None
    assert (await shown(shop), await updates(shop)) == ((500, 700, None), [(["price"], 2), (["price"], 3)])
    for ask in (
        CatalogServicer(shop.catalog).GetProduct(GetProductRequest(product="mug"), None),
        CatalogServicer(shop.catalog).GetProducts(GetProductsRequest(ids=[mug["id"]]), None),
    ):
        answer = await ask
        product = answer.product if hasattr(answer, "product") else answer.products[0]
        assert (product.price.amount_minor, product.price_max.amount_minor) == (500, 700)


async def test_a_price_that_is_put_into_a_list_is_told_once(shop, mug, at):
    at(NOON)
    await make(shop, "sale", {}, ends_at=(NOON + DAY).isoformat())
    at(NOON + timedelta(minutes=1))
    await put(shop, "sale", {"MUG-0": 400})
    assert await follow_lists(shop.catalog) == (DAY - timedelta(minutes=1)).total_seconds()
    assert (await shown(shop), await updates(shop)) == ((400, 700, 500), [(["price"], 2)])
    history = "SELECT since, amount_minor FROM price_history WHERE since >= $1 ORDER BY since"
    assert [tuple(row) for row in await shop.db.fetch(history, NOON)] == [(NOON + timedelta(minutes=1), 400)]
    at(NOON + DAY)
    assert await follow_lists(shop.catalog) is None
    assert await updates(shop) == [(["price"], 2), (["price"], 3)]


async def test_who_makes_a_list_does_not_wait_in_a_circle_with_the_job(shop, mug, at, postgres):
    """He has the lists, and waits for products; the job has one list, and waits for the lists before any product."""
    await make(shop, "sale", {"MUG-0": 400}, starts_at=NOON.isoformat())
    at(NOON)
    maker = await asyncpg.connect(shop.db.dsn)
    async with maker.transaction():
        await maker.execute(price_lists_repository.LOCK_LISTS)
        following = asyncio.create_task(follow_lists(shop.catalog))
        await waits(shop.db, "UPDATE price_lists")
        await maker.execute(public_prices_repository.HOLD_PRODUCTS, [mug["id"]])
    await following
    assert (await shown(shop))[0] == 400
    await maker.close()
    assert await deadlocks(postgres, shop.db) == 0


async def test_who_prices_a_variant_does_not_wait_in_a_circle_with_who_changes_it(shop, mug, postgres):
    changer = await asyncpg.connect(shop.db.dsn)
    made = await make(shop, "sale", {})
    async with changer.transaction():
        await changer.execute(public_prices_repository.HOLD_PRODUCTS, [mug["id"]])
        pricing = asyncio.create_task(put(shop, made["id"], {"MUG-0": 400}))
        await waits(shop.db, "FROM products")
        await changer.execute(variants_repository.LOCK_VARIANTS, ["MUG-0"])
    await pricing
    assert (await shown(shop))[0] == 400
    await changer.close()
    assert await deadlocks(postgres, shop.db) == 0


async def test_a_shop_that_slept_through_a_sale_notes_when_it_was(shop, mug, at):
    await make(shop, "sale", {"MUG-0": 400}, **SALE)
    await follow_lists(shop.catalog)
    await make(shop, "later", {"MUG-0": 450}, starts_at=(NOON + 30 * DAY).isoformat())
    at(NOON + 31 * DAY)
    await follow_lists(shop.catalog)
    assert await shown(shop) == (450, 700, 400)
    history = await shop.db.fetch("SELECT since, amount_minor FROM price_history ORDER BY since")
    assert [tuple(row) for row in history] == [
        (NOON, 400),
        (NOON + 10 * DAY, 500),
        (NOON + 30 * DAY, 450),
    ]


async def test_own_prices_are_noted_too_and_what_outlived_its_use_goes(shop, mug, at):
    async def reprice(amount):
        await shop.rest.ok("PUT", "/variants/MUG-0", {"price": pounds(amount)}, user=ADMIN)

    at(NOON - 40 * DAY)
    await reprice(300)
    at(NOON - 30 * DAY)
    await reprice(480)
    at(NOON - 20 * DAY)
    await reprice(520)
    at(NOON)
    await make(shop, "sale", {"MUG-0": 400})
    # At the moment of 30 days before it was 480 already.
    assert await shown(shop) == (400, 700, 480)
    history = await shop.db.fetch("SELECT amount_minor FROM price_history ORDER BY since")
    assert [row["amount_minor"] for row in history] == [480, 520, 400]
    # While it is reduced its own price may change: nobody pays that.
    await reprice(600)
    assert await shown(shop) == (400, 700, 480)
    # Reduced again it is compared with what it cost in between.
    at(NOON + DAY)
    await put(shop, "sale", {"MUG-0": 350})
    assert await shown(shop) == (350, 700, 400)
    await shop.rest.ok("DELETE", "/price-lists/sale", status=204, user=ADMIN)
    await follow_lists(shop.catalog)
    assert await shown(shop) == (600, 700, None)


async def test_any_other_change_of_a_product_leaves_it_reduced(shop, mug, at):
    at(NOON)
    await make(shop, "sale", {"MUG-0": 400})
    changed = await shop.rest.ok("PATCH", "/products/mug", {"name": "Cup"}, user=ADMIN)
    assert changed["price"] == pounds(400)
    assert await shown(shop) == (400, 700, 500)
    await shop.rest.ok("DELETE", "/variants/MUG-0", status=204, user=ADMIN)
    assert (await shop.rest.ok("GET", "/products?sort=price"))["items"][0]["price"] == pounds(700)
    bulk = {"products": [{"slug": "mug", "variants": [{"sku": "MUG-0", "price": pounds(800)}]}]}
    await shop.rest.ok("POST", "/products/bulk", bulk, user=ADMIN)
    assert (await shown(shop))[:2] == (400, 400)


@pytest.mark.parametrize(
    "some",
    [{"customer_group": "trade"}, {"countries": ["GB"]}, {"currency": "EUR"}, {"status": "draft"}],
    ids=["group", "country", "currency", "draft"],
)
async def test_what_is_for_some_changes_nothing_for_everybody(shop, mug, at, some):
    await make(shop, "some", {"MUG-0": 1}, **some)
    assert await follow_lists(shop.catalog) is None
    assert (await shown(shop), await updates(shop)) == ((500, 700, None), [])
    assert await shop.db.fetchval("SELECT count(*) FROM price_history") == 0


async def test_a_list_that_is_for_everybody_no_more(shop, mug, at):
    made = await make(shop, "sale", {"MUG-0": 400})
    assert (await shown(shop))[0] == 400
    body = {"slug": "sale", "name": "Sale", "currency": "GBP", "status": "active"}
    await shop.rest.ok("PUT", f"/price-lists/{made['id']}", body | {"customer_group": "trade"}, user=ADMIN)
    await follow_lists(shop.catalog)
    assert (await shown(shop))[0] == 500
    await shop.rest.ok("PUT", f"/price-lists/{made['id']}", body, user=ADMIN)
    await follow_lists(shop.catalog)
    assert (await shown(shop))[0] == 400


async def test_tiers_are_not_what_everybody_pays(shop, mug, at):
    await make(shop, "tiers", {"MUG-0": {2: 300}})
    await follow_lists(shop.catalog)
    assert await shown(shop) == (500, 700, None)
    (price,) = (await shop.rest.ok("GET", "/prices?skus=MUG-0&quantity=2"))["items"]
    assert (price["price"], price["compare_at"], price["lowest_30_days"]) == (pounds(300), pounds(500), None)


async def test_the_lowest_stands_with_prices_too(shop, mug, at):
    at(NOON)
    await make(shop, "sale", {"MUG-0": 400})
    (first, second) = (await shop.rest.ok("GET", "/prices?skus=MUG-0,MUG-1"))["items"]
    assert (first["lowest_30_days"], second["lowest_30_days"]) == (pounds(500), None)


async def test_a_large_list_is_followed_in_rounds_that_may_be_cut_short(shop, at, monkeypatch):
    monkeypatch.setattr(public_prices, "ONE_ROUND", 2)
    monkeypatch.setattr(public_prices, "MOST_REMOVED", 2)
    at(NOON - DAY)
    for number in range(3):
        await shop.add(f"p{number}", 500, 500)
    await make(shop, "sale", {f"P{number}-{at}": 400 for number in range(3) for at in range(2)}, **SALE)
    await follow_lists(shop.catalog)
    at(NOON)
    announce = shop.catalog.outbox.announce_all
    rounds = []

    async def dying(tx, said):
        rounds.append(len(said))
        if len(rounds) == 2:
            raise RuntimeError
        return await announce(tx, said)

    monkeypatch.setattr(shop.catalog.outbox, "announce_all", dying, raising=False)
    with pytest.raises(RuntimeError):
        await follow_lists(shop.catalog)
    assert await shop.db.fetchval("SELECT count(*) FROM products WHERE price_minor = 400") == 1
    await asyncio.gather(follow_lists(shop.catalog), follow_lists(shop.catalog))
    await follow_lists(shop.catalog)
    assert await shop.db.fetchval("SELECT count(*) FROM products WHERE price_minor = 400 AND version = 2") == 3
    await shop.rest.ok("DELETE", "/price-lists/sale", status=204, user=ADMIN)
    body = {"items": [{"sku": "P0-0", "prices": []}]}
    gone = await shop.rest.send("PUT", "/price-lists/sale/prices", body, user=ADMIN)
    assert (gone.status, gone.problem) == (409, "list-archived")
    await follow_lists(shop.catalog)
    assert await shop.db.fetchval("SELECT count(*) FROM products WHERE price_minor = 500 AND version = 3") == 3
    assert await shop.db.fetchval("SELECT count(*) FROM prices") == 0
    assert (await shop.rest.send("GET", "/price-lists/sale", user=ADMIN)).status == 404
    await make(shop, "sale")


async def test_a_product_and_a_list_that_change_at_once(shop, mug, at):
    await make(shop, "sale", {"MUG-0": 400})
    for amount in (390, 380, 370):
        await asyncio.gather(
            put(shop, "sale", {"MUG-0": amount}),
            shop.rest.ok("PUT", "/variants/MUG-1", {"price": pounds(amount - 100)}, user=ADMIN),
            follow_lists(shop.catalog),
        )
        assert (await shown(shop))[:2] == (amount - 100, amount)


D = 24 * 60 * 60 * 1000


@pytest.mark.parametrize(
    ("history", "price", "lowest"),
    [
        ([], 400, None),
        ([(0, 500), (100 * D, 400)], 400, 500),
        # It ended as the 30 days began, or a moment later.
        ([(0, 300), (70 * D, 500), (100 * D, 400)], 400, 500),
        ([(0, 300), (70 * D + 1, 500), (100 * D, 400)], 400, 300),
        # Noted twice, it began the first time.
        ([(0, 500), (60 * D, 450), (69 * D, 500), (99 * D, 400), (100 * D, 400)], 400, 500),
        # Not noted yet: it begins now.
        ([(0, 500), (100 * D, 450)], 400, 450),
        # The future is not known.
        ([(0, 500), (100 * D, 400), (102 * D, 1)], 400, 500),
        # It never was anything else.
        ([(100 * D, 400)], 400, None),
    ],
)
def test_the_30_days(history, price, lowest):
    assert lowest_before([Held(*each) for each in history], price, 101 * D) == lowest
