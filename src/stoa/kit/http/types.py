"""The bounded values that bodies, queries and answers are made of.

Every text has a length and every number a range, because what has none becomes a fault of the
database instead of a 422 that names the field. `(?!\\n)$` where a plain `$` would let a newline by.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

from stoa.kit import currencies, text
from stoa.kit.countries import COUNTRIES
from stoa.kit.money import Money

T = TypeVar("T")

Id = Annotated[
    str,
    Meta(
        pattern="^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
        max_length=36,
        description="UUID",
        examples=["01928f3e-7c2a-7b51-9d2e-1a2b3c4d5e6f"],
        extra_json_schema={"format": "uuid"},
    ),
]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=text.FILLED_LINE)]
Label = Annotated[str, Meta(max_length=200, pattern=text.LINE)]
"""Like a name, and may be left empty."""
Reason = Annotated[str, Meta(min_length=1, max_length=500, pattern=text.FILLED_LINE)]
ShortText = Annotated[str, Meta(max_length=500, pattern=text.LINE)]
LongText = Annotated[str, Meta(max_length=20_000, pattern=text.LINES)]
Sku = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(?!\n)$",
        description="Stock keeping unit",
        examples=["85123A"],
    ),
]
Slug = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*(?!\n)$")]
GroupName = Annotated[
    str,
    Meta(min_length=1, max_length=40, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*(?!\n)$", description="Customer group"),
]
TaxClass = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=40,
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*(?!\n)$",
        description="Tax class",
        examples=["standard", "reduced"],
    ),
]
Email = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=254,
        pattern=r'^[^\s@<>",;:\\]+@[^\s@<>",;:\\]+\.[^\s@<>",;:\\]+(?!\n)$',
        examples=["ada@example.com"],
        extra_json_schema={"format": "email"},
    ),
]
Phone = Annotated[str, Meta(max_length=40, pattern=r"^[0-9+(). /-]*(?!\n)$")]
# Nothing that runs (javascript:, data:), nobody's name or password, and no character that a page could take for the
# end of an attribute. A host in another script comes as its punycode.
_HTTPS = (
    r"https://([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z][a-zA-Z0-9-]*[a-zA-Z0-9](:[0-9]{1,5})?"
    r"([/?#][!#-&(-;=?-\[\]_a-z~]*)?"
)
WebUrl = Annotated[
    str,
    Meta(
        max_length=2000,
        pattern=rf"^{_HTTPS}(?!\n)$",
        description="https://… with a host's name",
        examples=["https://track.example.com/JD014600006281230704"],
    ),
]
MediaUrl = Annotated[
    str,
    Meta(
        max_length=2000,
        pattern=rf"^({_HTTPS}|/(api/v1/)?media/(?!.*\.\.)[A-Za-z0-9._~/-]+)(?!\n)$",
        description="https://… with a host's name, or a file of the shop's own: /media/…",
        examples=["https://img.example.com/mug.jpg", "/media/mug.jpg"],
    ),
]
if TYPE_CHECKING:
    CountryCode = str  # what comes from the database or another service was checked when it came in
else:
    CountryCode = Annotated[Literal[COUNTRIES], Meta(description="ISO 3166-1 alpha-2", examples=["GB"])]
CurrencyCode = currencies.CurrencyCode
Quantity = Annotated[int, Meta(ge=1, le=100_000, examples=[1])]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
MOST_AMOUNT = 100_000_000_000
AmountMinor = Annotated[int, Meta(ge=0, le=MOST_AMOUNT, description="Minor units: pence, cents, yen")]
Moment = Annotated[datetime, Meta(tz=True)]
Limit = Annotated[int, Meta(ge=1, le=100)]
MOST_CURSOR = 1_000
Cursor = Annotated[str, Meta(min_length=1, max_length=MOST_CURSOR)]


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An amount that a caller sends: never negative, and small enough for any sum of ours."""

    amount: AmountMinor
    currency: CurrencyCode

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)


class Address(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A postal address, as it is written on a parcel."""

    name: Name
    line1: Name
    line2: Label = ""
    city: Name
    region: Label = ""
    postal_code: Annotated[str, Meta(max_length=20, pattern=text.LINE)] = ""
    country: CountryCode
    phone: Phone = ""


class PageQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every list takes; one with filters subclasses it (and repeats `forbid_unknown_fields`).

    limit: how many items a page has at most
    cursor: the `next_cursor` of the page before, unchanged
    """

    limit: Limit = 20
    cursor: Cursor | None = None


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list. `next_cursor` is null on the last."""

    items: list[T]
    next_cursor: str | None = None
