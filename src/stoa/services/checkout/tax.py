"""What tax is due: pure rules. Rates by country and kind of goods will come behind `Taxes`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from stoa.kit import money
from stoa.kit.money import Money


class Taxes(Protocol):
    def on(self, parts: Sequence[Money], currency: str) -> tuple[list[Money], str]:
        """The tax on each net part, and how it was worked out, in words."""


@dataclass(frozen=True)
class FlatTax:
    """One rate on everything. The tax is rounded once, on the sum, and then split without losing a minor unit."""

    basis_points: int

    def on(self, parts: Sequence[Money], currency: str) -> tuple[list[Money], str]:
        net = money.total(parts, currency)
        tax = money.share(net, Fraction(self.basis_points, 10_000))
        how = f"{self.basis_points / 100:g} % of {net}, rounded once, split by largest remainder"
        if net.amount == 0:
            return [tax] * len(parts), how
        return money.allocate(tax, [part.amount for part in parts]), how
