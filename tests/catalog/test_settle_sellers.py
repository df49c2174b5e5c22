"""When a seller may no longer sell, what he sells goes off sale; when he may again, it comes back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from runners import deadlocks, drained

from stoa.app import SERVICES
from stoa.kit.clock import now
from stoa.kit.db import Database
from stoa.kit.events import Event
from stoa.kit.ids import uuid7
from stoa.kit.inbox import Inbox
from stoa.services.catalog import sellers_repository, variants_repository
from stoa.services.catalog import settle_sellers as rounds
from stoa.services.catalog.handlers import handlers
from stoa.services.catalog.jobs import jobs
from stoa.services.catalog.pricing import EVERYBODY
from stoa.services.catalog.settle_sellers import one_round
from stoa.testing import acting, new_user

from .conftest import ADMIN, OTHER_SELLER, SELLER


def changed(seller, version, *, selling=True):
    data = {"seller_id": seller.id, "selling": selling, "blocked": False}
    return told("seller.changed", seller, version, data)


def user_changed(user, version, *, roles=("seller",), enabled=True, **more):
    return told("user.changed", user, version, {"user_id": user.id, "roles": list(roles), "enabled": enabled, **more})


def told(kind, user, version, data):
    return Event(
        id=uuid7(),
        type=kind,
        source="auth",
        subject=user.id,
        time=now(),
        aggregateversion=version,
        traceparent="",
        data=data,
    )


async def note(shop, version, *, user=SELLER, **change):
    event = changed(user, version, **change)
    async with shop.db.transaction() as tx:
        await handlers(shop.catalog)[event.type](tx, event)


async def settle(catalog):
    """As the job is run: again while somebody else has a seller in hand."""
    job, *_ = jobs(catalog)
    while await job.run() is not None:
        await asyncio.sleep(0.01)


async def hear(shop, version, **change):
    await note(shop, version, **change)
    await settle(shop.catalog)


@pytest.fixture
def few(monkeypatch):
    """Two products in a round."""
    monkeypatch.setattr(rounds, "ONE_ROUND", 2)


async def standing(shop, slug):
    product = await shop.rest.ok("GET", f"/products/{slug}", user=ADMIN)
    return product["standing"], product["version"]


async def test_a_barred_sellers_products_go_off_sale_and_come_back(shop):
    await shop.add("mug", 500, user=SELLER)
    await shop.add("sketch", user=SELLER)
    await shop.add("other", 500, user=OTHER_SELLER)
    await shop.add("ours", 500)
    await hear(shop, 2, selling=False)
    assert await shop.slugs("") == ["ours", "other"]
    assert (await shop.rest.send("GET", "/products/mug")).problem == "no-such-product"
    assert await variants_repository.variants_for_sale(shop.db, ["MUG-0"], EVERYBODY) == {}
    assert [await standing(shop, slug) for slug in ("mug", "sketch")] == [("suspended", 2), ("draft", 2)]
    assert await shop.slugs("status=suspended", ADMIN) == ["mug"]
    told = await shop.announced()
    assert sorted(told[-2:]) == [("product.updated", "mug", 2, []), ("product.updated", "sketch", 2, [])]
    await hear(shop, 2, selling=False)  # a repeat
    await hear(shop, 1)  # and what is older than that
    assert await shop.announced() == told
    await hear(shop, 3)
    assert [await standing(shop, slug) for slug in ("mug", "sketch")] == [("active", 3), ("draft", 3)]
    assert list(await variants_repository.variants_for_sale(shop.db, ["MUG-0"], EVERYBODY)) == ["MUG-0"]


async def test_what_is_sold_follows_at_once_and_where_products_stand_in_rounds(shop, few):
    for at in range(5):
        await shop.add(f"mug-{at}", 500, user=SELLER)
    skus = [f"MUG-{at}-0" for at in range(5)]

    async def sold():
        return list(await variants_repository.variants_for_sale(shop.db, skus, EVERYBODY))

    await note(shop, 2, selling=False)
    assert await sold() == []
    assert len(await shop.slugs("")) == 5
    assert await one_round(shop.catalog)
    assert await shop.slugs("status=suspended", ADMIN) == ["mug-1", "mug-0"]
    assert len(await shop.announced()) == 5 + 2
    # Whoever ran the rounds is gone. The next finds where to go on, and no product is announced twice.
    await settle(shop.catalog)
    assert await shop.slugs("") == []
    assert [row[2] for row in await shop.announced()] == [1] * 5 + [2] * 5
    await note(shop, 3)
    assert await sold() == []
    await settle(shop.catalog)
    assert await sold() == skus
    assert not await one_round(shop.catalog)


async def test_he_may_sell_again_before_all_has_followed(shop, few):
    for at in range(3):
        await shop.add(f"mug-{at}", 500, user=SELLER)
    await note(shop, 2, selling=False)
    await one_round(shop.catalog)
    await hear(shop, 3)
    stand = [await standing(shop, f"mug-{at}") for at in range(3)]
    assert stand == [("active", 3), ("active", 3), ("active", 1)]


async def test_what_a_barred_seller_adds_is_not_for_sale(shop):
    """His token still works for a while."""
    await hear(shop, 2, selling=False)
    assert (await shop.add("mug", 500, user=SELLER))["standing"] == "suspended"
    await shop.rest.ok("PATCH", "/products/mug", {"status": "draft"}, user=SELLER)
    patched = await shop.rest.ok("PATCH", "/products/mug", {"status": "active"}, user=SELLER)
    assert patched["standing"] == "suspended"


async def test_nothing_slips_by_while_he_is_barred(shop):
    for at in range(10):
        _, *made = await asyncio.gather(
            hear(shop, 2 + 2 * at, selling=False),
            shop.add(f"first-{at}", 500, user=SELLER),
            shop.add(f"second-{at}", 500, user=SELLER),
        )
        assert await shop.slugs("") == []
        for product in made:
            shown = await shop.rest.ok("GET", f"/products/{product['slug']}", user=ADMIN)
            announced = await shop.db.fetchval(
                "SELECT max(aggregate_version) FROM event_log WHERE subject = $1", product["id"]
            )
            assert (shown["standing"], shown["version"]) == ("suspended", announced)
        await hear(shop, 3 + 2 * at)


async def test_what_staff_withhold_stays_withheld(shop):
    await shop.add("mug", 500, user=SELLER)
    await shop.rest.ok("POST", "/products/mug/withhold", {"reason": "A counterfeit"}, user=ADMIN)
    await hear(shop, 2, selling=False)
    await hear(shop, 3)
    assert await standing(shop, "mug") == ("withheld", 4)


@pytest.mark.parametrize(
    ("event", "stands"),
    [
        (user_changed(SELLER, 2, enabled=False), ("suspended", 2)),
        (user_changed(SELLER, 2, roles=("customer",)), ("suspended", 2)),
        (user_changed(SELLER, 2, roles=("admin",)), ("active", 1)),
        (user_changed(SELLER, 2, enabled=False, sellers_apart=True), ("active", 1)),
    ],
)
async def test_a_user_counts_for_a_seller_where_auth_knows_no_sellers_yet(shop, event, stands):
    await shop.add("mug", 500, user=SELLER)
    async with shop.db.transaction() as tx:
        await handlers(shop.catalog)["user.changed"](tx, event)
    await settle(shop.catalog)
    assert await standing(shop, "mug") == stands


async def test_who_acts_for_several_sellers_says_for_which(shop):
    bea = acting("b0b0b0b0-0000-7000-8000-000000000001", "b0b0b0b0-0000-7000-8000-000000000002")
    first, second = sorted(bea.sellers)
    for named, status, problem in ((None, 422, "which-seller"), (SELLER.id, 403, "not-your-seller")):
        body = {"name": "Mug", "slug": "mug", "seller_id": named}
        answer = await shop.rest.send("POST", "/products", body, user=bea)
        assert (answer.status, answer.problem, answer.body["field"]) == (status, problem, "seller_id")
    body = {"name": "Mug", "slug": "mug", "status": "draft", "seller_id": second}
    assert (await shop.rest.ok("POST", "/products", body, status=201, user=bea))["seller_id"] == second
    assert (await shop.rest.send("GET", "/products?status=draft", user=bea)).problem == "which-seller"
    assert await shop.slugs(f"status=draft&seller_id={second}", bea) == ["mug"]
    assert await shop.slugs(f"status=draft&seller_id={first}", bea) == []
    # Whoever else acts for it changes it, and who acts for the other one does not.
    await shop.rest.ok("PATCH", "/products/mug", {"name": "Cup"}, user=acting(second))
    assert (await shop.rest.send("PATCH", "/products/mug", {"name": "Pot"}, user=acting(first))).status == 404


async def test_staff_add_what_is_the_shops_and_for_a_seller_only_who_acts_for_it(shop):
    assert (await shop.add("mug", 100))["seller_id"] is None
    for path, body in (
        ("/products", {"name": "Cup", "slug": "cup", "seller_id": SELLER.id}),
        ("/products/bulk", {"products": [{"name": "Cup", "slug": "cup", "seller_id": SELLER.id}]}),
    ):
        answer = await shop.rest.send("POST", path, body, user=ADMIN)
        refused = answer.body if path == "/products" else answer.body["items"][0]["problem"]
        assert (refused["type"], refused["status"]) == ("/problems/not-your-seller", 403)
    both = replace(ADMIN, sellers=frozenset([SELLER.id]))
    body = {"name": "Cup", "slug": "cup", "seller_id": SELLER.id}
    assert (await shop.rest.ok("POST", "/products", body, status=201, user=both))["seller_id"] == SELLER.id
    assert (await shop.rest.ok("POST", "/products", {"name": "Jug"}, status=201, user=both))["seller_id"] is None


async def test_a_product_stays_its_sellers(shop):
    await shop.add("mug", 500, user=SELLER)
    await shop.add("jug", 500)
    both = replace(SELLER, sellers=frozenset([SELLER.id, OTHER_SELLER.id]))
    for slug, named, user in (
        ("mug", OTHER_SELLER.id, ADMIN),
        ("mug", OTHER_SELLER.id, both),
        ("mug", OTHER_SELLER.id, SELLER),
        ("jug", SELLER.id, ADMIN),
    ):
        for method, more in (("PUT", {"name": "New", "version": 1}), ("PATCH", {"name": "New"})):
            answer = await shop.rest.send(method, f"/products/{slug}", {"seller_id": named} | more, user=user)
            assert (answer.status, answer.problem, answer.body["field"]) == (403, "not-your-seller", "seller_id")
    shown = [await shop.rest.ok("GET", f"/products/{slug}") for slug in ("mug", "jug")]
    assert [(one["name"], one["seller_id"], one["version"]) for one in shown] == [
        ("Mug", SELLER.id, 1),
        ("Jug", None, 1),
    ]
    for named in (SELLER.id.upper(), None):
        body = {"name": "Mug", "seller_id": named, "status": "draft", "version": 1 if named else 2}
        assert (await shop.rest.ok("PUT", "/products/mug", body, user=SELLER))["seller_id"] == SELLER.id


async def test_who_acts_for_nobody_adds_nothing(shop):
    answer = await shop.rest.send("POST", "/products", {"name": "Mug"}, user=acting())
    assert (answer.status, answer.problem) == (403, "not-your-seller")


async def settle_for_ever(catalog):
    while True:
        await settle(catalog)
        await asyncio.sleep(0.01)


async def test_two_processes_beside_who_removes_categories(shop, few, postgres):
    """All lock products of a seller, or of several, in the order of their ids."""
    sellers = [new_user("seller") for _ in range(8)]
    for at in range(24):
        slug = f"p{at}"
        await shop.add(slug, 100, user=sellers[at * 5 % 8])
    twin = replace(shop.catalog, db=Database("catalog", shop.db.dsn, shop.db.size))
    inboxes = [Inbox(SERVICES["catalog"], each.db, handlers(each)) for each in (shop.catalog, twin)]
    events = [changed(seller, version, selling=version % 2 == 1) for version in range(2, 8) for seller in sellers]

    async def arrange():
        for at in range(6):
            category = {"slug": f"c{at}", "name": "C"}
            await shop.rest.ok("POST", "/categories", category, status=201, user=ADMIN)
            for number in range(24):
                await shop.rest.ok("PATCH", f"/products/p{number}", {"category": f"c{at}"}, user=ADMIN)
                await shop.rest.ok("DELETE", f"/products/p{number}", status=204, user=ADMIN)
            await shop.rest.ok("DELETE", f"/categories/c{at}", status=204, user=ADMIN)
            for number in range(24):
                await shop.rest.ok("PATCH", f"/products/p{number}", {"status": "active"}, user=ADMIN)

    settling = [asyncio.create_task(settle_for_ever(catalog)) for catalog in (shop.catalog, twin)]
    async with drained(shop.db, *inboxes):
        await asyncio.gather(arrange(), *(inbox.accept(events[at::2]) for at, inbox in enumerate(inboxes)))
    async with asyncio.timeout(30):
        while await sellers_repository.any_unsettled(shop.db):
            await asyncio.sleep(0.02)
    assert not any(task.done() for task in settling)
    for task in settling:
        task.cancel()
    await asyncio.gather(*settling, return_exceptions=True)
    assert await shop.db.fetchval("SELECT sum(attempts) FROM inbox") == 0
    assert await shop.db.fetchval("SELECT count(*) FROM products WHERE seller_barred") == 0
    assert await deadlocks(postgres, shop.db, twin.db) == 0
