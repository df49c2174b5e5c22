"""What the acts of checkout work with."""

from __future__ import annotations

from dataclasses import dataclass

from stoa.kit.batcher import Batcher
from stoa.kit.db import Database
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.read_cart import CartAsked, CartContents
from stoa.services.checkout.repository import Checkout, NewCheckout
from stoa.services.checkout.runner import Runner
from stoa.services.checkout.settings import Settings
from stoa.services.checkout.waves import Gate, Station


@dataclass(frozen=True, kw_only=True)
class Checkouts:
    """Who places an order passes the `gate` and waits at `carts` for what is bought; `claims` answers with the new row,
    or None where the key is taken."""

    db: Database
    settings: Settings
    neighbors: Neighbors
    gate: Gate
    carts: Station[CartAsked, CartContents]
    claims: Batcher[NewCheckout, Checkout | None]
    runner: Runner
