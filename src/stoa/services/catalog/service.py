"""What the acts of catalog work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoa.kit.db import Database
from stoa.kit.outbox import Outbox
from stoa.services.catalog.settings import Settings

if TYPE_CHECKING:
    from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceAsyncStub
    from stoa.contracts.media.v1.media_pb2_grpc import MediaServiceAsyncStub


@dataclass(frozen=True)
class Catalog:
    db: Database
    outbox: Outbox
    settings: Settings
    media: MediaServiceAsyncStub
    inventory: InventoryServiceAsyncStub
