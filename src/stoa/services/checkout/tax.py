"""What tax is due by our own rule: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from stoa.kit import money
from stoa.kit.money import Money
from stoa.ports.destination import Destination


@dataclass(frozen=True)
class FlatTax:
    """One rate on everything. The tax is rounded once, on the sum, and then split without losing a minor unit."""

    basis_points: int

    async def on(
        self,
        parts: Sequence[Money],
        currency: str,
        destination: Destination | None,  # noqa: ARG002 - the rate is the same everywhere
    ) -> tuple[list[Money], str]:
        net = money.total(parts, currency)
        tax = money.share(net, Fraction(self.basis_points, 10_000))
        how = f"{self.basis_points / 100:g} % of {net}, rounded once, split by largest remainder"
        if net.amount == 0:
            return [tax] * len(parts), how
        return money.allocate(tax, [part.amount for part in parts]), how
