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
    from stoa.services.cart.product_snapshot import Offer
    from stoa.services.cart.show import Shown


@dataclass(frozen=True)
class Carts:
    """`db` has what is not in a cart: which fields its lines have, wherever carts are kept.

    `shown` is how a cart looks, by its id, for whoever only looks: those of a moment are read and looked up together.
    `for_sale` is what catalog says, by SKU and quantity; `stock` how many can be had of a SKU, by inventory.
    """

    db: Database
    store: CartStore
    settings: Settings
    shown: Together[str, Shown]
    for_sale: Together[tuple[str, int], Offer]
    stock: Together[str, int]
