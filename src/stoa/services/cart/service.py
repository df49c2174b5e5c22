"""What the acts of cart work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoa.kit.db import Database
from stoa.kit.together import Together
from stoa.services.cart.settings import Settings
from stoa.services.cart.store import CartStore

if TYPE_CHECKING:
    # It asks with what stands here.
    from stoa.services.cart.product_snapshot import Offer, Wanted
    from stoa.services.cart.show import Look, Shown
    from stoa.services.cart.supply import Supply


@dataclass(frozen=True)
class Carts:
    """`db` has what is not in a cart: which fields its lines have, wherever carts are kept.

    `shown` is how a cart looks, by its id and the customer groups of whoever only looks: those of a moment are read and
    looked up together. `for_sale` is what catalog says, by what is wanted; `stock` how many can be had of a SKU, by
    inventory.
    """

    db: Database
    store: CartStore
    settings: Settings
    shown: Together[Look, Shown]
    for_sale: Together[Wanted, Offer]
    stock: Together[str, Supply]
