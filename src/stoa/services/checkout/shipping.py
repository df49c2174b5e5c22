"""What sending costs by our own rates: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import msgspec

from stoa.kit.http.types import Address
from stoa.kit.money import Money
from stoa.ports.destination import Destination
from stoa.ports.shipping import Goods, NotDelivered
from stoa.ports.tax import STANDARD
from stoa.services.checkout.errors import AddressMissing, UnknownShippingMethod
from stoa.services.checkout.places import Places
from stoa.services.checkout.zones import Method, ShippingZone


class DeliveryEstimate(msgspec.Struct, frozen=True):
    """The days between which the goods come; weekends count as any."""

    earliest: date
    latest: date


class Shipping(NamedTuple):
    """What the chosen method costs, and why; `tax_class` is that of the method."""

    cost: Money
    how: str
    name: str = ""
    tax_class: str = STANDARD
    estimate: DeliveryEstimate | None = None
    pickup_address: Address | None = None


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A method for a cart. It is not offered where there is no `cost`: `why_not` says why."""

    code: str
    name: str
    pickup_address: Address | None
    cost: Money | None
    why_not: str | None
    delivery_estimate: DeliveryEstimate | None


@dataclass(frozen=True)
class FlatRates:
    """One price per method, for a shop that has no shipping zone. `standard` is free from a certain value of goods."""

    standard: Money
    express: Money
    free_standard_from: Money
    methods: Sequence[str] = ("express", "standard")

    async def cost(
        self,
        method: str,
        goods: Money,
        destination: Destination | None,  # noqa: ARG002 - the price is the same everywhere
    ) -> tuple[Money, str]:
        if method == "standard" and (goods - self.free_standard_from).amount >= 0:
            return Money(0, goods.currency), f"standard, free from {self.free_standard_from}"
        return {"standard": self.standard, "express": self.express}[method], method


class _Priced(NamedTuple):
    """`cost` None: it is not offered, for `how` says why not."""

    cost: Money | None
    how: str


class ZoneMethods:
    """The methods of the zone in which the goods go, the one that names the place most closely; and the places where
    goods are picked up, wherever the buyer lives."""

    def __init__(self, zones: Iterable[ShippingZone]) -> None:
        zones = list(zones)
        self._zones = Places(zones)
        active = [method for zone in zones for method in zone.methods if method.active]
        self._pickups: Mapping[str, Method] = {one.code: one for one in active if one.kind == "pickup"}
        self._codes = sorted({method.code for method in active})

    def check(self, code: str) -> None:
        """Raises `UnknownShippingMethod`."""
        if code not in self._codes:
            raise UnknownShippingMethod(self._codes)

    def is_pickup(self, code: str) -> bool:
        return code in self._pickups

    def chosen(self, code: str, goods: Goods, destination: Destination | None, today: date) -> Shipping:
        """Raises `UnknownShippingMethod`, `AddressMissing`, or `NotDelivered`."""
        self.check(code)
        method, zone = self._pickups.get(code), None
        if method is None:
            if destination is None:
                raise AddressMissing
            zone = self._zones.find(destination)
            method = next((one for one in _active(zone) if one.code == code), None)
            if method is None:
                raise NotDelivered(code, destination)
        priced = _priced(method, goods)
        if priced.cost is None:
            place = method.pickup_address
            raise NotDelivered(code, destination or Destination(place.country if place else ""), priced.how)
        return Shipping(
            cost=priced.cost,
            how=f"{method.name}{f', {zone.name}' if zone else ''}: {priced.how}",
            name=method.name,
            tax_class=method.tax_class,
            estimate=_estimate(method, today),
            pickup_address=method.pickup_address,
        )

    def offers(self, goods: Goods, destination: Destination | None, today: date) -> list[Offer]:
        """Those of the zone; without a destination the places where goods are picked up."""
        there = self._pickups.values() if destination is None else _active(self._zones.find(destination))
        return [_offer(method, _priced(method, goods), today) for method in there]


def _active(zone: ShippingZone | None) -> list[Method]:
    return [method for method in zone.methods if method.active] if zone else []


def _offer(method: Method, priced: _Priced, today: date) -> Offer:
    offered = priced.cost is not None
    return Offer(
        code=method.code,
        name=method.name,
        pickup_address=method.pickup_address,
        cost=priced.cost,
        why_not=None if offered else priced.how,
        delivery_estimate=_estimate(method, today) if offered else None,
    )


def _estimate(method: Method, today: date) -> DeliveryEstimate:
    return DeliveryEstimate(today + timedelta(days=method.min_days), today + timedelta(days=method.max_days))


def _priced(method: Method, goods: Goods) -> _Priced:
    weight = goods.weight_grams
    if method.max_weight_grams is not None and weight > method.max_weight_grams:
        return _Priced(None, f"{weight} g are more than the {method.max_weight_grams} g that it takes")
    free = next((one.money for one in method.free_from if one.currency == goods.currency), None)
    if free is not None and goods.amount >= free.amount:
        return _Priced(Money(0, goods.currency), f"free from {free}")
    fitting = [
        tier
        for tier in method.prices
        if tier.price.currency == goods.currency and tier.from_grams <= weight and tier.from_subtotal <= goods.amount
    ]
    if not fitting:
        return _Priced(None, f"it has no price in {goods.currency} for {weight} g and goods of this value")
    tier = max(fitting, key=lambda one: (one.from_grams, one.from_subtotal))
    steps = [f"from {tier.from_grams} g" if tier.from_grams else ""]
    steps.append(f"goods from {Money(tier.from_subtotal, goods.currency)}" if tier.from_subtotal else "")
    return _Priced(tier.price.money, f"{weight} g{''.join(f', {step}' for step in steps if step)}")
