"""What the acts of inventory work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoa.kit.batcher import Batcher
from stoa.kit.db import Database
from stoa.kit.outbox import Outbox
from stoa.kit.together import Together
from stoa.services.inventory.allocate import Promise
from stoa.services.inventory.give_back import Release
from stoa.services.inventory.holds import ReservationRequest
from stoa.services.inventory.reservation import Reservation
from stoa.services.inventory.settings import Settings
from stoa.services.inventory.states import State
from stoa.services.inventory.stock_rows import SkuStock

if TYPE_CHECKING:
    from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceAsyncStub


@dataclass(frozen=True)
class Inventory:
    """One per process. Its batchers only gather what waits; what keeps several processes right is the row locks.

    `stock` is that of a SKU, as everybody may see it."""

    db: Database
    outbox: Outbox
    settings: Settings
    catalog: CatalogServiceAsyncStub
    reserving: Batcher[ReservationRequest, Reservation]
    allocating: Batcher[Promise, Reservation]
    releasing: Batcher[Release, State]
    stock: Together[str, SkuStock]
