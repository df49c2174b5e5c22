"""What the acts of cart work with."""

from __future__ import annotations

from dataclasses import dataclass

from stoa.contracts.catalog.v1.catalog_pb2 import Variant
from stoa.kit.db import Database
from stoa.kit.together import Together
from stoa.services.cart.settings import Settings
from stoa.services.cart.store import CartStore


@dataclass(frozen=True)
class Carts:
    """`db` has what is not in a cart: which fields its lines have, wherever carts are kept.

    `for_sale` is what catalog says, by SKU and quantity; `stock` how many can be had of a SKU, by inventory.
    """

    db: Database
    store: CartStore
    settings: Settings
    for_sale: Together[tuple[str, int], Variant]
    stock: Together[str, int]
