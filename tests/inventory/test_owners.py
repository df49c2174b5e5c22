"""Stock is touched by whoever sells the product, and by staff."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from runners import drained

from stoa.app import SERVICES, subscribers
from stoa.contracts.catalog.v1.catalog_pb2_grpc import add_CatalogServiceServicer_to_server
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from stoa.contracts.media.v1.media_pb2_grpc import MediaServiceStub
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.channels.registry import Registry
from stoa.kit.clock import now
from stoa.kit.db import before_commit
from stoa.kit.events import Event
from stoa.kit.ids import uuid7
from stoa.kit.inbox import Inbox
from stoa.kit.outbox import Outbox
from stoa.services.catalog.routes import routes as catalog_routes
from stoa.services.catalog.rpc import CatalogServicer
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.settings import Settings as CatalogSettings
from stoa.services.inventory import owners_repository
from stoa.services.inventory.handlers import handle_batch, handlers
from stoa.services.inventory.owners import ask_for_owners_of
from stoa.services.inventory.owners_repository import Owner
from stoa.services.inventory.routes import routes
from stoa.testing import Rest, new_user

from .conftest import inventory_with

ADMIN = new_user("admin")
SELLER = new_user("seller")
OTHER = new_user("seller", "customer")


def _nobody() -> tuple[Any, Any]:
    """Products here have no images and come from no file: nobody is asked for any."""
    nobody = InProcessChannel(Registry())
    return MediaServiceStub(nobody), InventoryServiceStub(nobody)


class Town:
    """Inventory with the real catalog beside it, and no bus between them: a test says which events arrive."""

    def __init__(self, inventory_db: Any, catalog_db: Any) -> None:
        self.registry = Registry()
        catalog = Catalog(catalog_db, Outbox(SERVICES["catalog"], subscribers), CatalogSettings(), *_nobody())
        add_CatalogServiceServicer_to_server(CatalogServicer(catalog), self.registry)
        self.products = Rest(catalog_routes.bind(catalog), catalog_db)
        self.inventory = inventory_with(inventory_db, self.registry)
        self.rest = Rest(routes.bind(self.inventory), inventory_db)
        self.db = inventory_db

    async def sell(self, sku: str, user: Any) -> None:
        body = {"name": sku, "variants": [{"sku": sku, "price": {"amount": 100, "currency": "GBP"}}]}
        await self.products.ok("POST", "/products", body, status=201, user=user)

    async def traces(self) -> tuple[int, ...]:
        tables = ("items", "stock", "stock_movements", "event_log", "staff_acts")
        return tuple([await self.db.fetchval(f"SELECT count(*) FROM {table}") for table in tables])


@pytest.fixture
async def town(database) -> Town:
    return Town(await database("inventory"), await database("catalog"))


def told(seller_id: str | None, *skus: str, version: int = 1, kind: str = "updated", product: str = "", **more: Any):
    product_id = product or uuid7()
    return Event(
        id=uuid7(),
        type=f"product.{kind}",
        source="catalog",
        subject=product_id,
        time=now(),
        aggregateversion=version,
        traceparent="",
        data={"product_id": product_id, "slug": "mug", "seller_id": seller_id, "skus": list(skus)} | more,
    )


async def hear(shop, *events: Event) -> None:
    for event in events:
        async with shop.db.transaction() as tx:
            assert await handle_batch(tx, [event]) == []


async def owner(shop, sku: str) -> Owner | None:
    return (await owners_repository.owners_of(shop.db, [sku])).get(sku)


@pytest.mark.parametrize("sku", ["THEIRS", "OURS", "NOBODYS"])
@pytest.mark.parametrize("counted", [False, True])
async def test_a_seller_cannot_touch_what_is_not_his(town, sku, counted):
    """Before: whoever counted a SKU first owned its stock."""
    await town.sell("THEIRS", OTHER)
    await town.sell("OURS", ADMIN)
    if counted:
        await town.rest.ok("PUT", f"/inventory/{sku}", {"on_hand": 5}, user=ADMIN)
    before = await town.traces()
    for _ in range(2):
        answer = await town.rest.send("PUT", f"/inventory/{sku}", {"on_hand": 9}, user=SELLER)
        expected = (404, "sku-of-no-product") if sku == "NOBODYS" else (403, "not-your-stock")
        assert (answer.status, answer.problem, answer.body["field"]) == (*expected, "sku")
    assert await town.traces() == before
    assert (await owner(town, sku) is None) == (sku == "NOBODYS")


async def test_a_seller_counts_what_he_sells_at_once(town):
    """The event of his product is still on its way."""
    await town.sell("HIS", SELLER)
    stock = await town.rest.ok("PUT", "/inventory/HIS", {"on_hand": 3}, user=SELLER)
    assert stock["on_hand"] == 3
    assert await owner(town, "HIS") == Owner("HIS", SELLER.id, 1)
    await town.rest.ok("PUT", "/inventory/HIS", {"on_hand": 7}, user=ADMIN)
    await town.rest.ok("PUT", "/inventory/HIS", {"on_hand": 6}, user=SELLER)


async def test_staff_see_what_no_product_has(town):
    """Goods may come before their product; a slip of the pen looks the same, and nobody was told of it."""
    for sku in ("HEARD", "ON-ITS-WAY"):
        await town.sell(sku, ADMIN)
    await hear(town, told(None, "HEARD"))
    for sku in ("HEARD", "MGU", "MUGG", "ON-ITS-WAY"):
        await town.rest.ok("PUT", f"/inventory/{sku}", {"on_hand": 5}, user=ADMIN)
    receipt = {"supplier": "Saltway", "warehouse": "main", "lines": [{"sku": "CPU", "quantity": 3}]}
    await town.rest.ok("POST", "/receipts", receipt, status=201, user=ADMIN)

    async def listed(query: str = "") -> list[tuple[str, int, int]]:
        page = await town.rest.ok("GET", f"/inventory?of_no_product=true{query}", user=ADMIN)
        shown = [(one["sku"], one["on_hand"], one["incoming"]) for one in page["items"]]
        return shown + (await listed(f"&limit=1&cursor={page['next_cursor']}") if page["next_cursor"] else [])

    assert await listed() == await listed("&limit=1") == [("CPU", 0, 3), ("MGU", 5, 0), ("MUGG", 5, 0)]
    assert await owner(town, "ON-ITS-WAY") == Owner("ON-ITS-WAY", None, 1)
    # One is put right, and the other gets its product.
    await town.rest.ok("PUT", "/inventory/MGU", {"on_hand": 0}, user=ADMIN)
    await town.sell("MUGG", ADMIN)
    assert await listed() == [("CPU", 0, 3)]
    both = await town.rest.send("GET", "/inventory?of_no_product=true&low_stock=true", user=ADMIN)
    assert (both.status, both.body["field"]) == (422, "of_no_product")
    for user in (SELLER, None):
        answer = await town.rest.send("GET", "/inventory?of_no_product=true", user=user)
        assert answer.status == (401 if user is None else 403)


async def test_asking_does_not_mark_the_requests_key(town):
    """A crash between the answer and the count leaves nothing done, and a repeat does it."""
    await town.sell("HIS", SELLER)

    async def mark(_: Any) -> None:
        raise AssertionError("nothing is counted yet")

    with before_commit(town.db, mark):
        await ask_for_owners_of(town.inventory, ["HIS"])
    assert await owner(town, "HIS") == Owner("HIS", SELLER.id, 1)
    for _ in range(2):
        await town.rest.ok("PUT", "/inventory/HIS", {"on_hand": 3}, user=SELLER, key="k")


async def test_staff_count_what_nobody_sells_yet(town):
    await town.rest.ok("PUT", "/inventory/LATER", {"on_hand": 3}, user=ADMIN)
    await town.sell("LATER", SELLER)
    assert (await town.rest.ok("PUT", "/inventory/LATER", {"on_hand": 4}, user=SELLER))["on_hand"] == 4


async def test_an_update_tells_of_the_skus_that_changed(town):
    """The others stay known; one of before told of all."""
    product = uuid7()
    await hear(town, told(SELLER.id, "A", "B", kind="created", product=product))
    await hear(town, told(SELLER.id, "C", version=2, product=product, changed=["variants"]))
    await hear(town, told(SELLER.id, version=3, product=product, changed=["name"]))
    assert [await owner(town, sku) for sku in "ABC"] == [
        Owner("A", SELLER.id, 1),
        Owner("B", SELLER.id, 1),
        Owner("C", SELLER.id, 2),
    ]
    await hear(town, told(SELLER.id, "A", "B", "C", version=4, product=product))
    assert await owner(town, "A") == Owner("A", SELLER.id, 4)


async def test_what_was_told_is_known_without_catalog(shop):
    rest = Rest(routes.bind(shop.inventory), shop.db)
    assert (await rest.send("PUT", "/inventory/HIS", {"on_hand": 3}, user=SELLER)).status == 500  # nobody to ask
    assert await shop.db.fetchval("SELECT count(*) FROM items") == 0
    await hear(shop, told(SELLER.id, "HIS", kind="created"))
    await rest.ok("PUT", "/inventory/HIS", {"on_hand": 3}, user=SELLER)
    assert (await rest.send("PUT", "/inventory/HIS", {"on_hand": 9}, user=OTHER)).problem == "not-your-stock"
    assert await shop.stock("HIS") == (3, 0)


async def test_events_in_any_order_leave_the_newest(shop):
    newest = told(OTHER.id, "A", "B", version=3)
    await hear(shop, newest, told(SELLER.id, "A", version=2), told(None, "A", version=1, kind="created"), newest)
    assert [await owner(shop, sku) for sku in "AB"] == [Owner("A", OTHER.id, 3), Owner("B", OTHER.id, 3)]
    await hear(shop, told(SELLER.id, version=4, kind="deleted"))
    assert await owner(shop, "A") == Owner("A", OTHER.id, 3)


async def test_an_event_of_before_catalog_told_sellers_teaches_nothing(shop):
    event = told(None, "A")
    del event.data["seller_id"]
    await hear(shop, event)
    assert await owner(shop, "A") is None
    await hear(shop, told(None, "A"))
    assert await owner(shop, "A") == Owner("A", None, 1)


async def test_two_runners_learn_everything_beside_orders(shop, twin):
    """SKUs of one product after another, announced in two directions."""
    shops = [shop, twin()]
    inboxes = [Inbox(SERVICES["inventory"], one.db, handlers(one.inventory.outbox), handle_batch) for one in shops]
    skus = [f"S{at:03}" for at in range(100)]
    products = [uuid7() for _ in range(10)]
    events = [
        told(SELLER.id, *skus[at::10][:: 1 if version % 2 else -1], version=version, product=product)
        for version in range(1, 11)
        for at, product in enumerate(products)
    ]
    async with drained(shop.db, *inboxes):
        await asyncio.gather(*(inbox.accept(events[at::2]) for at, inbox in enumerate(inboxes)))
    assert await shop.db.fetchval("SELECT sum(attempts) FROM inbox") == 0
    assert {tuple(row) for row in await shop.db.fetch("SELECT sku, seller_id, product_version FROM owners")} == {
        (sku, SELLER.id, 10) for sku in skus
    }
