"""What one effect takes off lines of which so much is left: pure, in whole minor units.

Each effect works out one sum, rounded once, and splits it over the lines by largest remainder (`money.allocate`): the
parts add up to it, and none is more than what is left of its line.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import msgspec

from stoa.kit import money
from stoa.kit.money import Money
from stoa.services.campaign.campaign import Amounts, Effect, Tier, amount_in


class Part(msgspec.Struct, frozen=True):
    """A line that a campaign is for: how many units at which price, and what those before have `left` of it."""

    quantity: int
    unit_price: int
    left: int

    @property
    def subtotal(self) -> int:
        return self.unit_price * self.quantity


class Taken(msgspec.Struct, frozen=True):
    """What comes off each part, and in words how."""

    off: Sequence[int]
    how: str


def take(effect: Effect, parts: Sequence[Part], currency: str) -> Taken | None:
    """None where the effect has no figure in the currency, no tier is reached, or it takes nothing off lines."""
    tier = reached(effect.tiers, parts, currency)
    share, amounts = (tier.basis_points, tier.amounts) if tier else (effect.basis_points, effect.amounts)
    match effect.kind:
        case "buy_get":
            return _buy_get(effect, parts, currency)
        case "unit_amount":
            return _unit_amount(parts, amounts, currency)
        case _:
            return _amount(parts, amounts, currency) if share is None else _share(parts, share, currency)


def reached(tiers: Sequence[Tier], parts: Sequence[Part], currency: str) -> Tier | None:
    """The best: that with the greatest threshold that the parts come to."""
    quantity, subtotal = sum(part.quantity for part in parts), sum(part.subtotal for part in parts)
    best: tuple[int, Tier] | None = None
    for tier in tiers:
        threshold, have = threshold_of(tier, currency), subtotal if tier.least_subtotal else quantity
        if threshold is not None and have >= threshold and (best is None or threshold > best[0]):
            best = (threshold, tier)
    return best[1] if best else None


def threshold_of(tier: Tier, currency: str) -> int | None:
    """From how many units, or minor units, on; None where there is no figure in the currency."""
    return tier.least_quantity if tier.least_quantity is not None else amount_in(tier.least_subtotal, currency)


def _share(parts: Sequence[Part], basis_points: int, currency: str) -> Taken:
    base = [part.left for part in parts]
    return Taken(_shares(base, basis_points, currency), f"{_percent(basis_points)} of {Money(sum(base), currency)}")


def _amount(parts: Sequence[Part], amounts: Amounts, currency: str) -> Taken | None:
    amount = amount_in(amounts, currency)
    if amount is None:
        return None
    base = [part.left for part in parts]
    return Taken(_split(min(amount, sum(base)), base, currency), f"{Money(amount, currency)} off")


def _unit_amount(parts: Sequence[Part], amounts: Amounts, currency: str) -> Taken | None:
    amount = amount_in(amounts, currency)
    if amount is None:
        return None
    units = sum(part.quantity for part in parts)
    off = [min(amount * part.quantity, part.left) for part in parts]
    return Taken(off, f"{Money(amount, currency)} off each of {units} units")


def _buy_get(effect: Effect, parts: Sequence[Part], currency: str) -> Taken | None:
    """The cheapest units have it, by their price; of a line of which something is off already each unit is worth the
    same part of what is left."""
    assert effect.buy is not None
    assert effect.get is not None
    assert effect.basis_points is not None
    units = sum(part.quantity for part in parts)
    times = units // (effect.buy + effect.get)
    if effect.most_times is not None:
        times = min(times, effect.most_times)
    if not times:
        return None
    to_go = times * effect.get
    base = [0] * len(parts)
    for at in sorted(range(len(parts)), key=lambda at: (parts[at].unit_price, at)):
        got = min(to_go, parts[at].quantity)
        base[at] = parts[at].left * got // parts[at].quantity
        to_go -= got
        if not to_go:
            break
    percent = _percent(effect.basis_points)
    how = f"{times * effect.get} of {units} units {percent} off: {effect.get} for {effect.buy} bought"
    return Taken(_shares(base, effect.basis_points, currency), how)


def _shares(base: Sequence[int], basis_points: int, currency: str) -> list[int]:
    whole = money.share(Money(sum(base), currency), Fraction(basis_points, 10_000))
    return _split(whole.amount, base, currency)


def _split(amount: int, base: Sequence[int], currency: str) -> list[int]:
    """At most the sum of the base."""
    if not amount:
        return [0] * len(base)
    return [part.amount for part in money.allocate(Money(amount, currency), base)]


def _percent(basis_points: int) -> str:
    return f"{basis_points / 100:g} %"
