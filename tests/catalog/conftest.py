"""A catalog over a database of its own, asked through its public API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any

import pytest

from stoa.app import SERVICES, subscribers
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from stoa.contracts.media.v1.media_pb2_grpc import MediaServiceStub
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.channels.registry import Registry
from stoa.kit.db import Database
from stoa.kit.outbox import Outbox
from stoa.services.catalog.routes import routes
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.settings import Settings
from stoa.testing import Rest, User, new_user

ADMIN = new_user("admin")
SELLER = new_user("seller")
OTHER_SELLER = new_user("customer", "seller")
CUSTOMER = new_user()


def pounds(pence: int) -> dict[str, Any]:
    return {"amount": pence, "currency": "GBP"}


def every_list() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each order with each set of filters, at its beginning and further on."""
    filters = ("seller_id", "category", "brand", "min_price", "max_price")
    for sort in ("newest", "price", "-price", "name"):
        for given in chain.from_iterable(combinations(filters, many) for many in range(len(filters) + 1)):
            for after in ((), ("id",) if sort == "newest" else ("id", "place")):
                yield sort, (*given, *after)


@dataclass
class Shop:
    catalog: Catalog
    rest: Rest

    @property
    def db(self) -> Database:
        return self.catalog.db

    async def add(self, slug: str, *prices: int, user: User = ADMIN, **more: Any) -> Any:
        """An active product with a variant for each price: `mug` with MUG-0, MUG-1 …"""
        variants = [{"sku": f"{slug.upper()}-{at}", "price": pounds(price)} for at, price in enumerate(prices)]
        body = {"slug": slug, "name": slug.title(), "variants": variants} | more
        return await self.rest.ok("POST", "/products", body, status=201, user=user)

    async def slugs(self, query: str, user: User | None = None) -> list[str]:
        """Of one page."""
        page = await self.rest.ok("GET", f"/products?{query}", user=user)
        return [card["slug"] for card in page["items"]]

    async def announced(self) -> list[tuple[str, str, int, list[str]]]:
        """Of products."""
        rows = await self.db.fetch(
            "SELECT type, subject, aggregate_version, data FROM event_log WHERE type LIKE 'product.%' ORDER BY id"
        )
        assert all(row["data"]["product_id"] == row["subject"] for row in rows)
        return [(row["type"], row["data"]["slug"], row["aggregate_version"], row["data"]["skus"]) for row in rows]


@pytest.fixture
async def shop(database: Callable[..., Awaitable[Database]]) -> Shop:
    # Products here name no files and no stock: nobody is asked for any.
    nobody = InProcessChannel(Registry())
    outbox = Outbox(SERVICES["catalog"], subscribers)
    neighbors = (MediaServiceStub(nobody), InventoryServiceStub(nobody))
    catalog = Catalog(await database("catalog"), outbox, Settings(), *neighbors)
    return Shop(catalog, Rest(routes.bind(catalog), catalog.db))
