"""A cart as campaigns look at it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import msgspec

from stoa.services.campaign.campaign import Selection

Trait = Literal["sku", "product", "category", "collection", "brand"]
Key = tuple[str, str]
"""A trait, or a customer group, and which."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """So many of a SKU at one price, with what is known of its product, by ids."""

    sku: str
    product_id: str
    quantity: int
    unit_price_minor: int
    categories: Sequence[str] = ()
    collections: Sequence[str] = ()
    brand: str = ""

    @property
    def subtotal(self) -> int:
        return self.unit_price_minor * self.quantity

    @property
    def keys(self) -> list[Key]:
        keys = [("sku", self.sku), ("product", self.product_id)]
        keys += [("category", each) for each in self.categories]
        keys += [("collection", each) for each in self.collections]
        return [*keys, ("brand", self.brand)] if self.brand else keys


class Cart(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """`has_ordered`: whether the customer has bought before; None where that is not known yet."""

    currency: str
    user_id: str | None
    groups: Sequence[str]
    lines: Sequence[Line]
    has_ordered: bool | None = None

    @cached_property
    def places(self) -> dict[Key, set[int]]:
        """At which places lines have a trait."""
        places: dict[Key, set[int]] = {}
        for at, line in enumerate(self.lines):
            for key in line.keys:
                places.setdefault(key, set()).add(at)
        return places

    @cached_property
    def subtotal(self) -> int:
        return sum(line.subtotal for line in self.lines)

    def chosen(self, selection: Selection) -> list[int]:
        """The places of the lines that it is for."""
        if selection.is_everything:
            return list(range(len(self.lines)))
        things = [("sku", each) for each in selection.skus] + [("product", each) for each in selection.products]
        kinds: list[list[Key]] = [
            things,
            [("category", each) for each in selection.categories],
            [("collection", each) for each in selection.collections],
            [("brand", each) for each in selection.brands],
        ]
        asked = [set().union(*(self.places.get(key, ()) for key in kind)) for kind in kinds if kind]
        return sorted(set.intersection(*asked))
