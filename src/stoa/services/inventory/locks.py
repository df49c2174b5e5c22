"""What the acts lock, by name: so that who needs what somebody else holds can wait out of everybody's way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple


class Lock(NamedTuple):
    """On a reservation, by its key, or on an item, which is all stock of a SKU."""

    kind: Literal["reservation", "item"]
    name: str


def locks_of(key: str, skus: Iterable[str] = ()) -> list[Lock]:
    """What an act locks that works on the reservation `key` and the stock of `skus`."""
    return [Lock("reservation", key), *(Lock("item", sku) for sku in skus)]
