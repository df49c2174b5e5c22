"""When a seller may no longer sell, what he sells goes off sale; when he may again, it comes back."""

from __future__ import annotations

import asyncio

import pytest
from rest import new_user

from stoa.app import SERVICES
from stoa.kit.clock import now
from stoa.kit.db import Database
from stoa.kit.events import Event
from stoa.kit.ids import uuid7
from stoa.kit.inbox import Inbox
from stoa.services.catalog import repository
from stoa.services.catalog.handlers import handlers, together

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


async def hear(shop, version, *, user=SELLER, **change):
    event = changed(user, version, **change)
    async with shop.db.transaction() as tx:
        await handlers(shop.catalog.outbox)["user.changed"](tx, event)


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
    assert told[-2:] == [("product.updated", "mug", 2, ["MUG-0"]), ("product.updated", "sketch", 2, [])]
    await hear(shop, 2, **change)  # a repeat
    await hear(shop, 1)  # and what is older than that
    assert await shop.announced() == told
    await hear(shop, 3, roles=("seller", "customer"))
    assert [await standing(shop, slug) for slug in ("mug", "sketch")] == [("active", 3), ("draft", 3)]
    assert [card.sku for card in await repository.variants_for_sale(shop.db, ["MUG-0"])] == ["MUG-0"]


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


async def test_two_runners_beside_who_removes_categories(shop):
    """Both lock products of many sellers, in the order of their ids."""
    sellers = [new_user("seller") for _ in range(8)]
    for at in range(24):
        slug = f"p{at}"
        await shop.add(slug, 100, user=sellers[at * 5 % 8])
    twin = Database("catalog", shop.db.dsn, shop.db.size)
    inboxes = [Inbox(SERVICES["catalog"], db, handlers(shop.catalog.outbox), together) for db in (shop.db, twin)]
    events = [changed(seller, version, enabled=version % 2 == 1) for version in range(2, 8) for seller in sellers]
    running = [asyncio.create_task(inbox.run()) for inbox in inboxes]

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

    await asyncio.gather(arrange(), *(inbox.accept(events[at::2]) for at, inbox in enumerate(inboxes)))
    async with asyncio.timeout(30):
        while await shop.db.fetchval("SELECT count(*) FROM inbox WHERE done_at IS NULL"):
            await asyncio.sleep(0.02)
    for inbox in inboxes:
        await inbox.stop()
    await asyncio.gather(*running, return_exceptions=True)
    await twin.close()
    assert await shop.db.fetchval("SELECT sum(attempts) FROM inbox") == 0
    assert await shop.db.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0
    assert await shop.db.fetchval("SELECT count(*) FROM products WHERE seller_barred") == 0
