"""Who waits for what is not for sale is told when it is: catalog tells of it, and in between nobody is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from inventory.conftest import Shop, inventory_with
from inventory.test_subscriptions import left, told

from stoa.app import SERVICES, subscribers
from stoa.contracts.catalog.v1.catalog_pb2_grpc import add_CatalogServiceServicer_to_server
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from stoa.contracts.media.v1.media_pb2_grpc import MediaServiceStub
from stoa.kit import clock
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.channels.registry import Registry
from stoa.kit.events import Event
from stoa.kit.ids import uuid7
from stoa.kit.outbox import Outbox
from stoa.services.catalog.publication import publish_due
from stoa.services.catalog.routes import routes as catalog_routes
from stoa.services.catalog.rpc import CatalogServicer
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.settings import Settings as CatalogSettings
from stoa.services.inventory.handlers import handle_batch, handlers
from stoa.services.inventory.routes import routes
from stoa.services.inventory.subscriptions import tell_who_waits
from stoa.testing import Rest, new_user

ADMIN = new_user("admin")
GUEST = "guest@example.com"


class Town(Shop):
    """Inventory beside the real catalog, and no bus between them: `deliver` is the bus."""

    def __init__(self, inventory_db: Any, catalog_db: Any) -> None:
        nobody = InProcessChannel(Registry())
        self.catalog = Catalog(
            catalog_db,
            Outbox(SERVICES["catalog"], subscribers),
            CatalogSettings(),
            MediaServiceStub(nobody),
            InventoryServiceStub(nobody),
        )
        self.servicer = Answering(self.catalog)
        registry = Registry()
        add_CatalogServiceServicer_to_server(self.servicer, registry)
        super().__init__(inventory_with(inventory_db, registry))
        self.products = Rest(catalog_routes.bind(self.catalog), catalog_db)
        self.rest = Rest(routes.bind(self.inventory), inventory_db)
        self.delivered = 0

    async def product(self, status: str, sku: str = "MUG", **more: Any) -> None:
        variant = {"sku": sku, "price": {"amount": 100, "currency": "GBP"}}
        body = {"name": "Enamel mug", "slug": sku.lower(), "status": status, "variants": [variant]} | more
        await self.products.ok("POST", "/products", body, status=201, user=ADMIN)

    async def change(self, sku: str = "MUG", **changes: Any) -> None:
        await self.products.ok("PATCH", f"/products/{sku.lower()}", changes, user=ADMIN)

    async def news(self) -> list[Event]:
        """What catalog has announced since the last time."""
        rows = await self.catalog.db.fetch("SELECT * FROM event_log WHERE id > $1 ORDER BY id", self.delivered)
        self.delivered = max([self.delivered, *(row["id"] for row in rows)])
        return [
            Event(
                id=row["event_id"],
                type=row["type"],
                source="catalog",
                subject=row["subject"],
                time=row["time"],
                aggregateversion=row["aggregate_version"],
                traceparent="",
                data=row["data"],
            )
            for row in rows
            if row["type"] in SERVICES["inventory"].hears
        ]

    async def deliver(self, *others: Event) -> None:
        """The newest in a batch with the others: a product has one event in a batch at most."""
        *before, last = await self.news()
        for batch in (*([event] for event in before), [last, *others]):
            async with self.db.transaction() as tx:
                for event in await handle_batch(tx, batch):
                    await handlers(self.inventory.outbox)[event.type](tx, event)

    async def waits(self, sku: str = "MUG") -> None:
        await self.put(sku, 0)
        await self.rest.ok("POST", f"/inventory/{sku}/subscriptions", {"email": GUEST}, status=202)

    async def tell(self) -> None:
        await tell_who_waits(self.inventory)


class Answering(CatalogServicer):
    """Catalog, after whose answer something may happen before it arrives."""

    async def after(self) -> None:
        """Nothing."""

    async def GetVariants(self, request: Any, context: Any) -> Any:  # noqa: N802
        answer = await super().GetVariants(request, context)
        await self.after()
        return answer


@pytest.fixture
async def town(database) -> Town:
    return Town(await database("inventory"), await database("catalog"))


async def due(town: Town) -> Any:
    return await town.db.fetchval("SELECT due_at FROM awaited_skus")


async def names(town: Town) -> list[str]:
    rows = await town.db.fetch("SELECT data ->> 'name' AS name FROM event_log WHERE type = 'inventory.wait_ended'")
    return [row["name"] for row in rows]


async def test_who_waits_for_a_draft_is_told_when_it_is_for_sale(town):
    """Before: a mail under its SKU, of what was 404, and then no word when it could be bought."""
    await town.product("draft")
    await town.deliver()
    await town.waits()
    await town.put("MUG", 5)
    await town.tell()
    assert (await told(town), await left(town), await due(town)) == ([], [GUEST], None), "and nobody asks meanwhile"
    await town.change(description="Holds a pint.")
    await town.deliver()
    await town.tell()
    assert (await told(town), await due(town)) == ([], None)
    await town.change(status="active")
    await town.deliver()
    for _ in range(2):
        await town.tell()
    assert await told(town) == [("MUG", GUEST)]
    assert await names(town) == ["Enamel mug"]
    assert await left(town) == []


async def test_what_is_in_stock_and_not_for_sale_may_be_waited_for(town):
    await town.product("draft")
    await town.deliver()
    await town.put("MUG", 5)
    await town.rest.ok("POST", "/inventory/MUG/subscriptions", {"email": GUEST}, status=202)
    await town.tell()
    assert (await told(town), await left(town), await due(town)) == ([], [GUEST], None)
    await town.change(status="active")
    await town.deliver()
    await town.tell()
    assert await told(town) == [("MUG", GUEST)]
    refused = await town.rest.send("POST", "/inventory/MUG/subscriptions", {"email": GUEST})
    assert (refused.status, refused.problem) == (409, "in-stock")


async def archived(town: Town) -> None:
    await town.products.ok("DELETE", "/products/mug", status=204, user=ADMIN)


async def drafted(town: Town) -> None:
    await town.change(status="draft")


async def scheduled(town: Town) -> None:
    await town.change(publish_at=(clock.now() + timedelta(days=1)).isoformat())


async def activated(town: Town) -> None:
    await town.change(status="active")


async def published(town: Town) -> None:
    await town.catalog.db.execute("UPDATE products SET publish_at = now() - interval '1 second'")
    await publish_due(town.catalog)


@pytest.mark.parametrize(
    ("hide", "show"),
    [(archived, activated), (drafted, activated), (scheduled, published)],
    ids=["archived", "a draft again", "scheduled"],
)
async def test_what_is_hidden_after_somebody_waits(town, hide, show):
    await town.product("active")
    await town.waits()
    await hide(town)
    await town.deliver()
    await town.put("MUG", 5)
    await town.tell()
    assert (await told(town), await left(town), await due(town)) == ([], [GUEST], None)
    await show(town)
    await town.deliver()
    await town.tell()
    assert await told(town) == [("MUG", GUEST)]


async def test_goods_that_come_before_their_product(town):
    await town.waits()
    await town.put("MUG", 5)
    await town.tell()
    assert (await told(town), await due(town)) == ([], None)
    await town.product("active", "PAN")
    await town.deliver()
    assert await due(town) is None, "another's product is none of it"
    await town.product("active")
    await town.deliver()
    await town.tell()
    assert await told(town) == [("MUG", GUEST)]


async def test_it_is_not_told_of_what_is_gone_when_it_is_for_sale(town):
    await town.product("draft")
    await town.waits()
    await town.put("MUG", 5)
    await town.tell()
    await town.put("MUG", 0)
    await town.change(status="active")
    await town.deliver()
    await town.tell()
    assert (await told(town), await left(town), await due(town)) == ([], [GUEST], None)
    await town.put("MUG", 2)
    await town.tell()
    assert await told(town) == [("MUG", GUEST)]


@pytest.mark.parametrize("look", [1, 2], ids=["of the first look", "of the second"])
async def test_what_is_told_while_catalog_answers_is_not_lost(town, look):
    """It goes on sale, and inventory hears of it, between catalog's answer and the note that it is hidden."""
    await town.product("draft")
    await town.waits()
    await town.put("MUG", 5)
    looks = 0

    async def shown() -> None:
        nonlocal looks
        looks += 1
        if looks == look:
            await town.change(status="active")
            await town.deliver()

    town.servicer.after = shown
    await town.tell()
    assert await told(town) == [("MUG", GUEST)]
    assert looks == look + 1


async def test_a_batch_has_orders_too(town):
    """Its locks are taken in the order of every other act, whatever was announced first."""
    await town.product("draft")
    await town.waits()
    await town.put("MUG", 5)
    await town.tell()
    order = uuid7()
    await town.promise("k", order, MUG=2)
    await town.deliver()
    await town.change(status="active")
    placed = {"order_id": order, "number": "S-1", "reservation_key": "k", "items": [{"sku": "MUG", "quantity": 2}]}
    about = {"id": uuid7(), "type": "order.placed", "source": "order", "subject": order, "aggregateversion": 1}
    await town.deliver(Event(**about, time=clock.now(), traceparent="", data=placed))
    assert await town.stock("MUG") == (3, 0)
    await town.tell()
    assert await told(town) == [("MUG", GUEST)]
    await town.assert_sound()


async def test_the_handler_of_one_event_does_the_same(town):
    """As it is called where a batch failed, and each is handled alone."""
    await town.product("draft")
    await town.waits()
    await town.put("MUG", 5)
    await town.tell()
    await town.news()
    await town.change(status="active")
    for event in await town.news():
        async with town.db.transaction() as tx:
            await handlers(town.inventory.outbox)[event.type](tx, event)
    await town.tell()
    assert await told(town) == [("MUG", GUEST)]
