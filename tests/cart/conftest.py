"""Carts with what a test needs in them, and a cart service with the real catalog and inventory as neighbors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from stoa.app import SERVICES
from stoa.contracts.catalog.v1.catalog_pb2 import ImportProductsRequest
from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from stoa.contracts.common.v1.common_pb2 import Line, Money
from stoa.contracts.inventory.v1.inventory_pb2 import ImportStockRequest
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.channels.registry import Registry
from stoa.kit.db import Database
from stoa.kit.ids import uuid7
from stoa.kit.outbox import Outbox
from stoa.kit.service import Parts, Service
from stoa.services import cart as cart_service
from stoa.services import catalog as catalog_service
from stoa.services import inventory as inventory_service
from stoa.services.cart.document import Cart
from stoa.services.cart.postgres_store import PostgresCarts
from stoa.services.cart.store import Bought, CartStore, Change
from stoa.testing import Rest


@pytest.fixture
async def db(database: Callable[..., Awaitable[Database]]) -> Database:
    return await database("cart")


@pytest.fixture(params=["postgres"])
def store(request: pytest.FixtureRequest, db: Database) -> CartStore:
    """Each store that there is."""
    return {"postgres": PostgresCarts}[request.param](db)


@pytest.fixture
def fill(store: CartStore) -> Callable[..., Awaitable[Cart]]:
    """`await fill({"MUG": 2}, user_id=...)`: a user's or a new guest's cart with exactly these lines."""

    async def write(lines: Mapping[str, int], *, user_id: str | None = None, cart_id: str | None = None) -> Cart:
        return await store.open(cart_id or user_id or uuid7(), user_id, lambda _: Change(lines))

    return write


async def read(store: CartStore, cart_id: str) -> Cart | None:
    return (await store.read_many([cart_id])).get(cart_id)


def lines_of(cart: Cart | None) -> dict[str, int]:
    assert cart is not None
    return {line.sku: line.quantity for line in cart.lines}


async def end_round(store: CartStore, cart_id: str, round_bought: int, lines: Mapping[str, int]) -> None:
    """As a checkout does that has bought the lines."""
    assert list(await store.end_rounds([Bought(cart_id, round_bought, lines)])) == [None]


@pytest.fixture
def lines(store: CartStore) -> Callable[[str], Awaitable[dict[str, int]]]:
    """`await lines(cart_id)`: what is in it now."""

    async def lines_now(cart_id: str) -> dict[str, int]:
        return lines_of(await read(store, cart_id))

    return lines_now


@dataclass(frozen=True)
class Here:
    """What a service gets where all are in one registry."""

    service: Service
    db: Database
    registry: Registry

    @property
    def outbox(self) -> Outbox:
        return Outbox(self.service, lambda _: ())

    def settings(self, shape: type) -> Any:
        return shape()

    def channel(self, callee: str) -> InProcessChannel:
        assert callee in self.service.calls
        return InProcessChannel(self.registry)


@dataclass(frozen=True)
class Shop:
    """The three services, their public API as far as carts go, and what fills the shelves."""

    rest: Rest
    registry: Registry
    catalog: Any
    inventory: Any
    catalog_db: Database
    inventory_db: Database

    async def sell(self, sku: str, *, price: int, on_hand: int, variant: str = "") -> None:
        """A product with one variant, and stock of it."""
        product = {
            "slug": sku.lower(),
            "name": f"A {sku.lower()}",
            "category": "things",
            "category_name": "Things",
            "variants": [{"sku": sku, "name": variant, "price": Money(amount_minor=price, currency="GBP")}],
        }
        await self.catalog.ImportProducts(ImportProductsRequest(products=[product]))
        await self.inventory.ImportStock(ImportStockRequest(lines=[Line(sku=sku, quantity=on_hand)]))


@pytest.fixture
async def shop(db: Database, database: Callable[..., Awaitable[Database]]) -> AsyncIterator[Shop]:
    registry = Registry()
    catalog_db, inventory_db = await database("catalog"), await database("inventory")
    built: list[Parts] = [
        catalog_service.build(Here(SERVICES["catalog"], catalog_db, registry)),
        inventory_service.build(Here(SERVICES["inventory"], inventory_db, registry)),
        cart_service.build(Here(SERVICES["cart"], db, registry)),
    ]
    for parts in built:
        for add_to in parts.servicers:
            add_to(registry)
    channel = InProcessChannel(registry)
    routes = built[-1].routes
    assert routes is not None
    neighbors = CatalogServiceStub(channel), InventoryServiceStub(channel), catalog_db, inventory_db
    yield Shop(Rest(routes, db), registry, *neighbors)
    for parts in built:
        if parts.stop is not None:
            await parts.stop()
