"""An inventory over a database of its own, and what a test reads of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from stoa.app import SERVICES, subscribers
from stoa.audit.stock import INCOMING, RECEIVED, TRANSFERRED, UNENDED
from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.channels.registry import Registry
from stoa.kit.clock import now
from stoa.kit.db import Database
from stoa.kit.events import Event
from stoa.kit.ids import uuid7
from stoa.kit.outbox import Outbox
from stoa.services.inventory import inventory_over
from stoa.services.inventory.allocate import Promise
from stoa.services.inventory.count import Shelf, set_on_hand
from stoa.services.inventory.handlers import handlers
from stoa.services.inventory.holds import ReservationRequest
from stoa.services.inventory.items import Policy
from stoa.services.inventory.policy import Terms, set_policy
from stoa.services.inventory.repository import reservation
from stoa.services.inventory.reservation import Reservation
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.settings import Settings
from stoa.services.inventory.stock_repository import stock_of_each
from stoa.services.inventory.stock_rows import SkuStock

ADMIN = "018f0000-0000-7000-8000-00000000000a"


def inventory_with(db: Database, neighbors: Registry | None = None) -> Inventory:
    """`neighbors` has catalog; without them it does not answer."""
    catalog = CatalogServiceStub(InProcessChannel(neighbors or Registry()))
    return inventory_over(db, Outbox(SERVICES["inventory"], subscribers, ["notification"]), Settings(), catalog)


@dataclass
class Shop:
    """`inventory` and shorthands over it."""

    inventory: Inventory

    @property
    def db(self) -> Database:
        return self.inventory.db

    async def put(self, sku: str, on_hand: int, warehouse: str = "main") -> None:
        await set_on_hand(self.inventory, sku, on_hand, Shelf(warehouse, "", ADMIN), sellers=None)

    async def policy(self, sku: str, **terms: Any) -> SkuStock:
        return await set_policy(self.inventory, sku, Terms(**terms), sellers=None)

    async def backorder(self, sku: str, limit: int) -> SkuStock:
        """May be sold up to so many without being on hand."""
        return await self.policy(sku, policy=Policy.BACKORDER, limit=limit, lead_days=14)

    async def backorders(self, sku: str) -> list[tuple[int, int, str]]:
        """Quantity, filled and state, the oldest first."""
        rows = await self.db.fetch("SELECT quantity, filled, state FROM backorders WHERE sku = $1 ORDER BY id", sku)
        return [(row["quantity"], row["filled"], row["state"]) for row in rows]

    async def to_promise(self, sku: str) -> int:
        return (await stock_of_each(self.db, [sku]))[sku].to_promise

    async def reserve(self, key: str, hold_seconds: int = 900, **lines: int) -> Reservation:
        return await self.inventory.reserving.submit(ReservationRequest(key, lines, hold_seconds))

    async def promise(self, key: str, order_id: str, **lines: int) -> Reservation:
        """Reserve for an order, as a checkout does."""
        return await self.inventory.reserving.submit(ReservationRequest(key, lines, 900, order_id))

    async def allocate(self, key: str, order_id: str) -> Reservation:
        return await self.inventory.allocating.submit(Promise(key, order_id))

    async def reservation(self, key: str) -> Reservation:
        found = await reservation(self.db, key)
        assert found is not None
        return found

    async def hear(self, event_type: str, **data: Any) -> None:
        """Handle an event as the inbox does: in a transaction of its own."""
        event = Event(
            id=uuid7(),
            type=event_type,
            source="order",
            subject=data["order_id"],
            time=now(),
            aggregateversion=1,
            traceparent="",
            data={"number": "S-1", "reservation_key": "k", "email": "ada@example.com"} | data,
        )
        async with self.db.transaction() as tx:
            await handlers(self.inventory.outbox)[event_type](tx, event)

    async def stock(self, sku: str, warehouse: str = "main") -> tuple[int, int]:
        """On hand and reserved."""
        sql = "SELECT on_hand, reserved FROM stock WHERE sku = $1 AND warehouse_id = $2"
        row = await self.db.fetchrow(sql, sku, warehouse)
        assert row is not None
        return row["on_hand"], row["reserved"]

    async def movements(self, sku: str) -> list[tuple[str, int]]:
        rows = await self.db.fetch("SELECT kind, quantity FROM stock_movements WHERE sku = $1 ORDER BY id", sku)
        return [(row["kind"], row["quantity"]) for row in rows]

    async def announced(self) -> list[tuple[str, str, int, int]]:
        rows = await self.db.fetch("SELECT type, subject, aggregate_version, data FROM event_log ORDER BY id")
        return [(row["type"], row["subject"], row["aggregate_version"], row["data"]["available"]) for row in rows]

    async def discrepancies(self) -> list[tuple[str, dict[str, int], bool]]:
        rows = await self.db.fetch("SELECT kind, lines, settled_at FROM stock_discrepancies ORDER BY id")
        return [(row["kind"], row["lines"], row["settled_at"] is not None) for row in rows]

    async def assert_sound(self) -> None:
        """The invariants at the head of the package."""
        broken = await self.db.fetch(
            """
            SELECT stock.sku, stock.warehouse_id, on_hand, reserved, moved, promised FROM stock
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(quantity), 0) AS moved FROM stock_movements AS movement
                WHERE (movement.sku, movement.warehouse_id) = (stock.sku, stock.warehouse_id)
            ) AS moves
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(quantity), 0) AS promised FROM reservation_lines AS line
                JOIN reservations ON reservations.id = line.reservation_id AND state IN ('held', 'allocated')
                WHERE (line.sku, line.warehouse_id) = (stock.sku, stock.warehouse_id)
            ) AS promises
            WHERE on_hand <> moved OR reserved <> promised OR reserved < 0 OR reserved > on_hand
            """
        )
        assert [dict(row) for row in broken] == []
        broken = await self.db.fetch(
            """
            SELECT items.sku, backordered, backorder_limit, owed, sellable FROM items
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(quantity - filled), 0) AS owed FROM backorders
                JOIN reservations ON reservations.id = reservation_id
                WHERE backorders.sku = items.sku AND backorders.state = 'open'
                  AND reservations.state IN ('held', 'allocated', 'committed')
            ) AS backorders
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(greatest(on_hand - reserved - safety_stock, 0)), 0) AS sellable FROM stock
                WHERE stock.sku = items.sku
            ) AS stock
            WHERE backordered <> owed OR backordered > backorder_limit OR backordered > 0 AND sellable > 0
            """
        )
        assert [dict(row) for row in broken] == []
        assert await self.db.fetchval("SELECT count(*) FROM backorders WHERE state = 'open'") == await self.db.fetchval(
            "SELECT count(*) FROM backorders JOIN reservations ON reservations.id = reservation_id "
            "WHERE backorders.state = 'open' AND reservations.state IN ('held', 'allocated', 'committed')"
        ), "who waits is there"
        for statement in (TRANSFERRED, RECEIVED, INCOMING, UNENDED):
            assert [dict(row) for row in await self.db.fetch(statement)] == []


@pytest.fixture
async def shop(database: Callable[..., Awaitable[Database]]) -> Shop:
    return Shop(inventory_with(await database("inventory")))


@pytest.fixture
async def twin(shop: Shop) -> AsyncIterator[Callable[[], Shop]]:
    """Another process with the same database: a pool and batchers of its own."""
    async with AsyncExitStack() as stack:

        def make() -> Shop:
            db = Database("inventory", shop.db.dsn, shop.db.size)
            stack.push_async_callback(db.close)
            return Shop(inventory_with(db))

        yield make
