"""What search works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoa.kit.db import Database
from stoa.services.search.following import Following
from stoa.services.search.searches import Searches
from stoa.services.search.settings import Settings
from stoa.services.search.worker import Worker

if TYPE_CHECKING:
    from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceAsyncStub
    from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceAsyncStub


@dataclass(frozen=True)
class Neighbors:
    """Whom the feed asks. Nobody who searches waits for them."""

    catalog: CatalogServiceAsyncStub
    inventory: InventoryServiceAsyncStub


@dataclass(frozen=True)
class Search:
    """One per process. `feeding` has what is stale asked for and written, `following` is the index of this process."""

    db: Database
    settings: Settings
    neighbors: Neighbors
    feeding: Worker
    following: Following
    searches: Searches

    async def stop(self) -> None:
        """Write what is left to be written, and let go of the index."""
        await self.searches.stop()
        await self.feeding.stop()
        await self.following.stop()
