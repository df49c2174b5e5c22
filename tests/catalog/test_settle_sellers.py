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
from stoa.services.catalog import repository
from stoa.services.catalog import settle_sellers as rounds
from stoa.services.catalog.handlers import handlers
from stoa.services.catalog.jobs import jobs
from stoa.services.catalog.settle_sellers import one_round
from stoa.testing import new_user

from .conftest import ADMIN, OTHER_SELLER, SELLER


def changed(user, version, *, roles=("seller",), enabled=True):
    return Event(
        id=uuid7(),
        type="user.changed",
        source="auth",
        subject=user.id,
        time=now(),
        aggregateversion=version,
        traceparent="",
        data={"user_id": user.id, "roles": list(roles), "enabled": enabled},
    )


async def note(shop, version, *, user=SELLER, **change):
    event = changed(user, version, **change)
    async with shop.db.transaction() as tx:
        await handlers["user.changed"](tx, event)


async def settle(catalog):
    """As the job is run: again while somebody else has a seller in hand."""
    (job,) = jobs(catalog)
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


@pytest.mark.parametrize("change", [{"enabled": False}, {"roles": ("customer",)}])
async def test_a_barred_sellers_products_go_off_sale_and_come_back(shop, change):
    await shop.add("mug", 500, user=SELLER)
    await shop.add("sketch", user=SELLER)
    await shop.add("other", 500, user=OTHER_SELLER)
    await shop.add("ours", 500)
    await hear(shop, 2, **change)
    assert await shop.slugs("") == ["ours", "other"]
    assert (await shop.rest.send("GET", "/products/mug")).problem == "no-such-product"
    assert await repository.variants_for_sale(shop.db, ["MUG-0"]) == []
    assert [await standing(shop, slug) for slug in ("mug", "sketch")] == [("suspended", 2), ("draft", 2)]
    assert await shop.slugs("status=suspended", ADMIN) == ["mug"]
    told = await shop.announced()
    assert sorted(told[-2:]) == [("product.updated", "mug", 2, []), ("product.updated", "sketch", 2, [])]
    await hear(shop, 2, **change)  # a repeat
    await hear(shop, 1)  # and what is older than that
    assert await shop.announced() == told
    await hear(shop, 3, roles=("seller", "customer"))
    assert [await standing(shop, slug) for slug in ("mug", "sketch")] == [("active", 3), ("draft", 3)]
    assert [card.sku for card in await repository.variants_for_sale(shop.db, ["MUG-0"])] == ["MUG-0"]


async def test_what_is_sold_follows_at_once_and_where_products_stand_in_rounds(shop, few):
    for at in range(5):
        await shop.add(f"mug-{at}", 500, user=SELLER)
    skus = [f"MUG-{at}-0" for at in range(5)]

    async def sold():
        return [one.sku for one in await repository.variants_for_sale(shop.db, skus)]

    await note(shop, 2, enabled=False)
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
    await note(shop, 2, enabled=False)
    await one_round(shop.catalog)
    await hear(shop, 3)
    stand = [await standing(shop, f"mug-{at}") for at in range(3)]
    assert stand == [("active", 3), ("active", 3), ("active", 1)]


async def test_what_a_barred_seller_adds_is_not_for_sale(shop):
    """His token still works for a while."""
    await hear(shop, 2, enabled=False)
    assert (await shop.add("mug", 500, user=SELLER))["standing"] == "suspended"
    await shop.rest.ok("PATCH", "/products/mug", {"status": "draft"}, user=SELLER)
    patched = await shop.rest.ok("PATCH", "/products/mug", {"status": "active"}, user=SELLER)
    assert patched["standing"] == "suspended"


async def test_nothing_slips_by_while_he_is_barred(shop):
    for at in range(10):
        _, *made = await asyncio.gather(
            hear(shop, 2 + 2 * at, enabled=False),
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
    await hear(shop, 2, enabled=False)
    await hear(shop, 3)
    assert await standing(shop, "mug") == ("withheld", 4)


async def test_an_admin_who_was_a_seller_may_sell(shop):
    await shop.add("mug", 500, user=SELLER)
    await hear(shop, 2, roles=("admin",))
    assert await standing(shop, "mug") == ("active", 1)


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
    inboxes = [Inbox(SERVICES["catalog"], each.db, handlers) for each in (shop.catalog, twin)]
    events = [changed(seller, version, enabled=version % 2 == 1) for version in range(2, 8) for seller in sellers]

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
        while await repository.any_unsettled(shop.db):
            await asyncio.sleep(0.02)
    assert not any(task.done() for task in settling)
    for task in settling:
        task.cancel()
    await asyncio.gather(*settling, return_exceptions=True)
    assert await shop.db.fetchval("SELECT sum(attempts) FROM inbox") == 0
    assert await shop.db.fetchval("SELECT count(*) FROM products WHERE seller_barred") == 0
    assert await deadlocks(postgres, shop.db, twin.db) == 0
