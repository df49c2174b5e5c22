"""Search with the real catalog and inventory beside it, and no bus between them: a test says which events arrive."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from stoa.app import SERVICES, subscribers
from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceStub, add_CatalogServiceServicer_to_server
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub, add_InventoryServiceServicer_to_server
from stoa.contracts.media.v1.media_pb2_grpc import MediaServiceStub
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.channels.registry import Registry
from stoa.kit.db import Database
from stoa.kit.events import Event
from stoa.kit.outbox import Outbox
from stoa.services.catalog.routes import routes as catalog_routes
from stoa.services.catalog.rpc import CatalogServicer
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.settings import Settings as CatalogSettings
from stoa.services.inventory import inventory_over
from stoa.services.inventory.count import Shelf, set_on_hand
from stoa.services.inventory.rpc import InventoryServicer
from stoa.services.inventory.settings import Settings as InventorySettings
from stoa.services.search import search_over
from stoa.services.search.answers import SearchView, search
from stoa.services.search.asked import SearchQuery
from stoa.services.search.handlers import batch_handler
from stoa.services.search.index.embedded import open_index
from stoa.services.search.service import Neighbors, Search
from stoa.services.search.settings import Settings
from stoa.testing import Rest, new_user
from stoa.testing.plugin import NewDatabase

ADMIN = new_user("admin")
LOGGED = """
    SELECT event_id, type, subject, aggregate_version, time, traceparent, data FROM event_log WHERE id > $1 ORDER BY id
"""


class Town:
    """`search` is one process of it; `another` is one more on the same database."""

    def __init__(self, databases: dict[str, Database], folder: Path, stack: AsyncExitStack) -> None:
        self.databases = databases
        self.db = databases["search"]
        self._folder = folder
        self._stack = stack
        self._heard = {"catalog": 0, "inventory": 0}
        self._sources = {name: databases[name] for name in self._heard}
        nobody = InProcessChannel(Registry())
        neighbors = (MediaServiceStub(nobody), InventoryServiceStub(nobody))
        outbox = Outbox(SERVICES["catalog"], subscribers)
        catalog = Catalog(databases["catalog"], outbox, CatalogSettings(), *neighbors)
        add_catalog = partial(add_CatalogServiceServicer_to_server, CatalogServicer(catalog))
        self.registry = Registry()
        add_catalog(self.registry)
        self.goods = catalog
        self.catalog = Rest(catalog_routes.bind(catalog), catalog.db)
        self.inventory = inventory_over(
            databases["inventory"],
            Outbox(SERVICES["inventory"], subscribers),
            InventorySettings(),
            CatalogServiceStub(InProcessChannel(self.registry)),
        )
        add_InventoryServiceServicer_to_server(InventoryServicer(self.inventory), self.registry)
        self.neighbors = Neighbors(
            CatalogServiceStub(InProcessChannel(self.registry)), InventoryServiceStub(InProcessChannel(self.registry))
        )

    def process(self, name: str, neighbors: Neighbors | None = None, **changed: Any) -> Search:
        """A process of this name, with an index in a folder of its own; `changed` are settings."""
        settings = Settings(**changed)
        db = Database("search", self.db.dsn, 4)
        one = search_over(
            db, settings, neighbors or self.neighbors, partial(open_index, self._folder / name, settings.locales)
        )

        async def stop() -> None:
            await one.stop()
            await db.close()

        self._stack.push_async_callback(stop)
        return one

    async def sell(self, name: str, *skus: str, price: int = 100, **more: Any) -> dict[str, Any]:
        """Add a product; it is not announced to search before `tell`."""
        variants = [{"sku": sku, "price": {"amount": price, "currency": "GBP"}} for sku in skus]
        body = {"name": name, "variants": variants} | more
        added: dict[str, Any] = await self.catalog.ok("POST", "/products", body, status=201, user=ADMIN)
        return added

    async def edit(self, product: dict[str, Any], **changes: Any) -> dict[str, Any]:
        path = f"/products/{product['id']}"
        edited: dict[str, Any] = await self.catalog.ok("PATCH", path, changes, user=ADMIN)
        return edited

    async def put(self, sku: str, on_hand: int) -> None:
        await set_on_hand(self.inventory, sku, on_hand, Shelf("main", "", ADMIN.id), sellers=None)

    async def told(self) -> list[Event]:
        """What catalog and inventory have announced since this was asked last, and search hears."""
        events = []
        for name, db in self._sources.items():
            rows = await db.fetch("SELECT max(id) AS last FROM event_log")
            for row in await db.fetch(LOGGED, self._heard[name]):
                event = Event(
                    id=row["event_id"],
                    type=row["type"],
                    source=name,
                    subject=row["subject"],
                    time=row["time"],
                    aggregateversion=row["aggregate_version"],
                    traceparent=row["traceparent"],
                    data=row["data"],
                )
                if event.type in SERVICES["search"].hears:
                    events.append(event)
            self._heard[name] = rows[0]["last"] or 0
        return events

    async def hear(self, one: Search, events: Sequence[Event]) -> None:
        """In a transaction, as the inbox does."""
        async with one.db.transaction() as tx:
            assert await batch_handler(one.feeding.wake)(tx, events) == ()

    async def learn(self, one: Search) -> None:
        """Hear all that was announced, and have its documents and its index be up to date."""
        await self.hear(one, await self.told())
        await one.feeding.run()
        await one.following.worker.run()


async def found(one: Search, text: str = "", **more: Any) -> list[str]:
    """The names that a search finds."""
    return [item.name for item in (await looked_for(one, text, **more)).items]


async def looked_for(one: Search, text: str = "", **more: Any) -> SearchView:
    return await search(one, SearchQuery(q=text, **more))


T = TypeVar("T", bound=Town)


@asynccontextmanager
async def town_of(database: NewDatabase, folder: Path, kind: type[T]) -> AsyncIterator[T]:
    async with AsyncExitStack() as stack:
        names = ("search", "catalog", "inventory")
        yield kind({name: await database(name) for name in names}, folder, stack)


@pytest.fixture
async def town(database: NewDatabase, tmp_path: Path) -> AsyncIterator[Town]:
    async with town_of(database, tmp_path, Town) as one:
        yield one
