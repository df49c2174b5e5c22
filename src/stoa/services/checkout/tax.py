"""What tax is due by our own rates: pure.

Each rate is rounded once, on the sum of what it is on, half away from zero. What all rates come to is split over the
parts in proportion to what each owes exactly, by largest remainder. docs/algorithms/money.md has worked tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import NamedTuple

from stoa.kit import money
from stoa.kit.money import Money
from stoa.ports.destination import Destination
from stoa.ports.tax import STANDARD, Taxable, TaxAtRate, TaxedPart, TaxesDue
from stoa.services.checkout.places import Places
from stoa.services.checkout.zones import TaxRate, TaxZone

MILLION = 1_000_000


class Rate(NamedTuple):
    """Two of one name and size are one: they stand in one line of an invoice, and are rounded together."""

    name: str
    parts_per_million: int

    @property
    def percent(self) -> str:
        """As people write it: 20, 9.975."""
        whole, rest = divmod(self.parts_per_million, 10_000)
        return f"{whole}.{rest:04}".rstrip("0") if rest else str(whole)


@dataclass(frozen=True)
class FlatTax:
    """One rate on everything, for a shop that has no tax zone."""

    basis_points: int

    async def on(
        self, parts: Sequence[Money], currency: str, destination: Destination | None
    ) -> tuple[list[Money], str]:
        taxed = [TaxedPart(part.amount, part.currency) for part in parts]
        said = await self.due(Taxable(parts=taxed, currency=currency, destination=destination, tax_included=False))
        return list(said.parts), said.how

    async def due(self, asked: Taxable) -> TaxesDue:
        rate = Rate("Tax", self.basis_points * 100)
        all_of_it = money.total(asked.parts, asked.currency)
        within = "in " if asked.tax_included else "of "
        how = f"{rate.percent} % {within}{all_of_it}, rounded once, split by largest remainder"
        return worked_out(asked, [(rate,)] * len(asked.parts), how)


@dataclass(frozen=True)
class ZoneTaxes:
    """By the zone in which the goods go, the one that names the place most closely."""

    zones: Places[TaxZone]

    async def due(self, asked: Taxable) -> TaxesDue:
        if asked.destination is None:
            return _nothing(asked, "none yet: it depends on where the goods go")
        zone = self.zones.find(asked.destination)
        if zone is None:
            return _nothing(asked, f"none: no tax zone has {asked.destination.country}")
        rates = [_rates_of(zone, part) for part in asked.parts]
        return worked_out(asked, rates, f"{zone.name}: {_said(zone, asked)}")


def _rates_of(zone: TaxZone, part: TaxedPart) -> tuple[Rate, ...]:
    """All that are on the part: of its class, or of `standard` where the zone has none of it."""
    of_class = zone.rates_of(part.tax_class) or zone.rates_of(STANDARD)
    return tuple(Rate(one.name, one.parts_per_million) for one in of_class if part.sku or one.on_shipping)


def _said(zone: TaxZone, asked: Taxable) -> str:
    classes = dict.fromkeys(part.tax_class for part in asked.parts if part.sku)
    classes |= dict.fromkeys(part.tax_class for part in asked.parts)
    said = [f"{name}: {_rates_said(zone.rates_of(name))}" for name in classes if zone.rates_of(name)]
    unknown = [name for name in classes if not zone.rates_of(name)]
    if unknown:
        standard = _rates_said(zone.rates_of(STANDARD)) or "no tax"
        said.append(f"{', '.join(unknown)}, of which nothing is said, as {STANDARD}: {standard}")
    how = "the tax that is in the prices; " if asked.tax_included else ""
    return f"{how}{'; '.join(said)}; each rate rounded once, split by largest remainder"


def _rates_said(rates: Sequence[TaxRate]) -> str:
    return " and ".join(
        f"{one.name} {Rate(one.name, one.parts_per_million).percent} %{'' if one.on_shipping else ', not on shipping'}"
        for one in rates
    )


def _nothing(asked: Taxable, how: str) -> TaxesDue:
    return TaxesDue(parts=[Money(0, asked.currency)] * len(asked.parts), rates=[], how=how)


def _exact(rate: Rate, on: Iterable[tuple[int, int]]) -> Fraction:
    """Of amounts, each with the whole of which the rate is so many parts."""
    by_whole: dict[int, int] = {}
    for amount, whole in on:
        by_whole[whole] = by_whole.get(whole, 0) + amount
    shares = (Fraction(amount * rate.parts_per_million, whole) for whole, amount in by_whole.items())
    return sum(shares, start=Fraction(0))


def worked_out(asked: Taxable, rates_of: Sequence[tuple[Rate, ...]], how: str) -> TaxesDue:
    """The tax by the rates that are on each part."""
    totals = [sum(rate.parts_per_million for rate in rates) for rates in rates_of]
    # A part of which tax is a part is worth a million parts and its rates together; else its rates come to it.
    wholes = [MILLION + total if asked.tax_included else MILLION for total in totals]
    on: dict[Rate, list[int]] = {}
    for at, rates in enumerate(rates_of):
        for rate in rates:
            on.setdefault(rate, []).append(at)
    amounts = {
        rate: money.rounded(_exact(rate, [(asked.parts[at].amount, wholes[at]) for at in places]))
        for rate, places in on.items()
    }
    tax = Money(sum(amounts.values()), asked.currency)
    common = lcm(*wholes)
    weights = [
        part.amount * total * (common // whole) for part, total, whole in zip(asked.parts, totals, wholes, strict=True)
    ]
    split = money.allocate(tax, weights) if tax.amount else [tax] * len(asked.parts)
    nets = [
        part.amount - (its.amount if asked.tax_included else 0) for part, its in zip(asked.parts, split, strict=True)
    ]
    return TaxesDue(
        parts=split,
        rates=[
            TaxAtRate(
                name=rate.name,
                rate=rate.percent,
                base=Money(sum(nets[at] for at in places), asked.currency),
                amount=Money(amounts[rate], asked.currency),
            )
            for rate, places in on.items()
        ],
        how=how,
    )
