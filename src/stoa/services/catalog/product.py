"""Products and variants as the acts see them, and the rules that need nothing else. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from stoa.kit.money import Money
from stoa.services.catalog.errors import CategoryCycle, CategoryTooDeep, ForeignCurrency, NothingForSale, SkuTwice

Status = Literal["draft", "active", "archived"]
"""What the seller says of his product."""
Standing = Literal["draft", "active", "archived", "withheld", "suspended"]
"""Where it stands, of which only `active` is seen and bought: its status, unless staff withhold it, or
its seller may not sell (`suspended`)."""
Specification = str | int | float | bool

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Image(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str
    alt: str = ""


class Variant(msgspec.Struct, frozen=True):
    """What is sold: `name` and `options` tell it from its siblings ("red, large"); empty where it has none."""

    sku: str
    name: str
    price: Money
    position: int
    options: Mapping[str, str]


class CategoryName(msgspec.Struct, frozen=True):
    """A category as a product shows it."""

    id: str
    slug: str
    name: str


class Withheld(msgspec.Struct, frozen=True):
    """By staff, who alone can take it back."""

    at: datetime
    by: str
    reason: str


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """What is described. `version` counts its changes, those of its variants among them.

    `standing` is as it was read: what follows from a change is known when that is written.
    """

    id: str
    slug: str
    name: str
    description: str
    brand: str
    category: CategoryName | None
    status: Status
    standing: Standing
    withheld: Withheld | None
    seller_id: str | None
    tags: Sequence[str]
    specifications: Mapping[str, Specification]
    images: Sequence[Image]
    variants: Sequence[Variant]
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def skus(self) -> list[str]:
        return [variant.sku for variant in self.variants]

    @property
    def price(self) -> Money | None:
        """The lowest; None without variants."""
        return min((variant.price for variant in self.variants), key=_amount, default=None)

    @property
    def price_max(self) -> Money | None:
        return max((variant.price for variant in self.variants), key=_amount, default=None)


def _amount(price: Money) -> int:
    return price.amount


def check_for_sale(status: Status, variants: Sequence[Variant], currency: str) -> None:
    """Raise unless a product of this status may have these variants in a shop of this currency."""
    if status == "active" and not variants:
        raise NothingForSale
    seen: set[str] = set()
    for at, variant in enumerate(variants):
        if variant.sku in seen:
            raise SkuTwice(variant.sku)
        seen.add(variant.sku)
        check_currency(variant.price, currency, f"variants[{at}].price")


def check_currency(price: Money, currency: str, field: str = "price") -> None:
    """Raise unless the price, which the caller sent as `field`, is in the shop's currency."""
    if price.currency != currency:
        raise ForeignCurrency(currency, f"{field}.currency")


def slugs_for(name: str, product_id: str) -> list[str]:
    """Slugs for a product that was given none, the best first: its name, then its name and the id's end."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = "-".join(re.findall(r"[a-z0-9]+", plain))[:180].strip("-")
    unique = f"{words or 'product'}-{product_id[-8:]}"
    return [unique] if not words or is_id(words) else [words, unique]


def is_id(text: str) -> bool:
    """Whether what stands in a path is an id; anything else is a slug."""
    return _UUID.fullmatch(text.lower()) is not None


MOST_DEPTH = 20
"""Categories inside each other: real trees have some five levels, and every answer shows them nested."""


def check_place(parents: Mapping[str, str | None], category_id: str, parent_id: str | None) -> None:
    """Raise unless the category may be put under `parent_id` with all that is in it. `parents` is the tree as it is.

    Raises `CategoryCycle`, `CategoryTooDeep`.
    """
    above = _upwards(parents, parent_id)
    if category_id in above:
        raise CategoryCycle
    below = max((way.index(category_id) for way in _ways_up(parents) if category_id in way), default=0)
    if len(above) + 1 + below > MOST_DEPTH:
        raise CategoryTooDeep(MOST_DEPTH)


def _ways_up(parents: Mapping[str, str | None]) -> Iterator[list[str]]:
    return (_upwards(parents, one) for one in parents)


def _upwards(parents: Mapping[str, str | None], category_id: str | None) -> list[str]:
    """The category and those around it, to the top."""
    way: list[str] = []
    while category_id is not None:
        way.append(category_id)
        category_id = parents.get(category_id)
    return way
