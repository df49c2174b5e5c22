"""What callers may send about price lists: bounded, and nothing that is not listed."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stoa.kit.http.types import CountryCode, CurrencyCode, GroupName, Moment, Name, Price, Quantity, Sku

ListSlug = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*(?!\n)$")]
MOST_PRIORITY = 1_000
MOST_AT_ONCE = 1_000
"""SKUs in one request, which is at most 1 MiB like any other."""
MOST_TIERS = 20
"""Of one SKU in one list: all are read with it."""


class NewPriceList(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Holds from `starts_at` on, and at `ends_at` no more, to the second; without them always. With a `customer_group`
    only for whoever is in it, with `countries` only where the goods go there. Of lists that hold the one with the
    greater `priority` counts."""

    slug: ListSlug
    name: Name
    currency: CurrencyCode
    customer_group: GroupName | None = None
    countries: Annotated[list[CountryCode], Meta(max_length=250)] = []
    priority: Annotated[int, Meta(ge=-MOST_PRIORITY, le=MOST_PRIORITY)] = 0
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    status: Literal["draft", "active"] = "draft"


class NewTier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one costs to who buys so many or more."""

    price: Price
    least_quantity: Quantity = 1


class NewPricesOfSku(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that the list says of the SKU; with no `prices` it says nothing of it."""

    sku: Sku
    prices: Annotated[list[NewTier], Meta(max_length=MOST_TIERS)]


class ImportedPriceList(NewPriceList, kw_only=True, forbid_unknown_fields=True):
    """With what it says of SKUs."""

    items: list[NewPricesOfSku] = []


class NewPrices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    items: Annotated[list[NewPricesOfSku], Meta(min_length=1, max_length=MOST_AT_ONCE)]
