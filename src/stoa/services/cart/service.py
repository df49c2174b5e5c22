"""What the acts of cart work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoa.kit.db import Database
from stoa.services.cart.settings import Settings
from stoa.services.cart.store import CartStore

if TYPE_CHECKING:
    from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceAsyncStub
    from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceAsyncStub


@dataclass(frozen=True)
class Carts:
    """`db` has what is not in a cart: which fields its lines have, wherever carts are kept."""

    db: Database
    store: CartStore
    settings: Settings
    catalog: CatalogServiceAsyncStub
    inventory: InventoryServiceAsyncStub
