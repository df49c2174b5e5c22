"""Tax zones and shipping zones: what staff say of them, and what of it cannot be. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from stoa.kit import text
from stoa.kit.http.types import Address, AmountMinor, Name, Price, TaxClass
from stoa.ports.tax import STANDARD
from stoa.services.checkout.addresses import checked_address
from stoa.services.checkout.places import Place
from stoa.services.checkout.zones_errors import (
    CodeTaken,
    DaysTurned,
    PickupAddress,
    RatesTooHigh,
    RateTwice,
    TierTwice,
)

Kind = Literal["tax", "shipping"]
MOST_PPM = 1_000_000
"""All rates of a class together: with more, the tax in a price could be more than the rest of it."""

RateName = Annotated[str, Meta(min_length=1, max_length=60, pattern=text.FILLED_LINE)]
Percent = Annotated[
    str,
    Meta(
        pattern=r"^(100(\.0{1,4})?|[0-9]{1,2}(\.[0-9]{1,4})?)(?!\n)$",
        max_length=8,
        description="Percent, with four digits after the point at most",
        examples=["20", "9.975"],
    ),
]
Code = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=40,
        pattern=r"^[a-z0-9]+([-_][a-z0-9]+)*(?!\n)$",
        description="One word in lower case",
        examples=["standard"],
    ),
]
Grams = Annotated[int, Meta(ge=0, le=100_000_000)]
DeliveryDays = Annotated[int, Meta(ge=0, le=365)]
ZonePlaces = Annotated[tuple[Place, ...], Meta(min_length=1, max_length=1_000)]


class TaxRate(msgspec.Struct, frozen=True, kw_only=True):
    """As it is kept: exactly, in parts per million."""

    name: str
    tax_class: str
    parts_per_million: int
    on_shipping: bool


class RateBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is due on the goods of a class, and, if it is `on_shipping`, on what sending costs by a method of the class.
    Several rates of a class all apply, each to the price without tax."""

    name: RateName
    tax_class: TaxClass = STANDARD
    rate: Percent
    on_shipping: bool = True


class TaxZoneBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    places: ZonePlaces
    rates: Annotated[tuple[RateBody, ...], Meta(max_length=100)]


class Tier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What sending costs from this weight on, of goods of `from_subtotal` after discount or more, in the price's
    currency."""

    price: Price
    from_grams: Grams = 0
    from_subtotal: AmountMinor = 0


class Method(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`pickup` is fetched at its `pickup_address`. Of the tiers the heaviest that fits holds, and among those of one
    weight that of the largest subtotal. Goods of `free_from` after discount or more are sent free."""

    code: Code
    name: Name
    kind: Literal["delivery", "pickup"] = "delivery"
    pickup_address: Address | None = None
    prices: Annotated[tuple[Tier, ...], Meta(min_length=1, max_length=200)]
    free_from: Annotated[tuple[Price, ...], Meta(max_length=50)] = ()
    min_days: DeliveryDays
    max_days: DeliveryDays
    max_weight_grams: Annotated[int, Meta(ge=1, le=100_000_000)] | None = None
    tax_class: TaxClass = STANDARD
    active: bool = True


class ShippingZoneBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    places: ZonePlaces
    methods: Annotated[tuple[Method, ...], Meta(max_length=50)]


class TaxZone(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    places: tuple[Place, ...]
    rates: tuple[TaxRate, ...]
    version: int
    created_at: datetime
    updated_at: datetime

    def rates_of(self, tax_class: str) -> list[TaxRate]:
        return [one for one in self.rates if one.tax_class == tax_class]


class ShippingZone(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    places: tuple[Place, ...]
    methods: tuple[Method, ...]
    version: int
    created_at: datetime
    updated_at: datetime


Zone: TypeAlias = TaxZone | ShippingZone


def kept_rate(body: RateBody) -> TaxRate:
    """Four digits after the point of a percent are parts per million."""
    return TaxRate(
        name=body.name,
        tax_class=body.tax_class,
        parts_per_million=int(Decimal(body.rate) * 10_000),
        on_shipping=body.on_shipping,
    )


def check_rates(rates: Sequence[TaxRate]) -> None:
    """Raises `RateTwice` or `RatesTooHigh`."""
    seen: set[tuple[str, str]] = set()
    sums: dict[str, int] = {}
    for at, rate in enumerate(rates):
        if (rate.tax_class, rate.name) in seen:
            raise RateTwice(f"rates[{at}].name")
        seen.add((rate.tax_class, rate.name))
        sums[rate.tax_class] = sums.get(rate.tax_class, 0) + rate.parts_per_million
        if sums[rate.tax_class] > MOST_PPM:
            raise RatesTooHigh(rate.tax_class, f"rates[{at}].rate")


def checked_methods(methods: Iterable[Method]) -> tuple[Method, ...]:
    """With pickup places as they are written in their countries. Raises `CodeTaken`, `PickupAddress`, `DaysTurned`,
    `TierTwice`, or what an address is refused for."""
    checked: list[Method] = []
    for at, said in enumerate(methods):
        field, method = f"methods[{at}]", said
        if any(other.code == method.code for other in checked):
            raise CodeTaken(method.code, f"{field}.code")
        if (method.kind == "pickup") != (method.pickup_address is not None):
            raise PickupAddress(f"{field}.pickup_address")
        if method.pickup_address is not None:
            place = checked_address(method.pickup_address, f"{field}.pickup_address")
            method = msgspec.structs.replace(said, pickup_address=place)
        if method.max_days < method.min_days:
            raise DaysTurned(f"{field}.max_days")
        _check_tiers(method, field)
        checked.append(method)
    return tuple(checked)


def _check_tiers(method: Method, field: str) -> None:
    tiers: set[tuple[str, int, int]] = set()
    for at, tier in enumerate(method.prices):
        said = (tier.price.currency, tier.from_grams, tier.from_subtotal)
        if said in tiers:
            raise TierTwice(f"{field}.prices[{at}]")
        tiers.add(said)
    currencies: set[str] = set()
    for at, free in enumerate(method.free_from):
        if free.currency in currencies:
            raise TierTwice(f"{field}.free_from[{at}]")
        currencies.add(free.currency)
