"""Money: an integer of minor units and a currency. Never a float, never two currencies in one sum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Annotated

import msgspec

# ISO 4217: currencies whose minor unit is not a hundredth. Everything else has two digits.
_WHOLE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"
MINOR_DIGITS = dict.fromkeys(_WHOLE.split(), 0) | dict.fromkeys(_THOUSANDTHS.split(), 3)

MOST_MINOR = 2**53 - 1
"""Minor units: the largest integer that every reader of JSON keeps exactly. No amount of ours is larger."""

Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", max_length=3, description="ISO 4217 code")]


class CurrencyMismatch(Exception):
    """Two currencies met in one calculation: a fault of ours, never of the caller."""


class Money(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`amount` minor units (pence, cents, yen) of `currency`."""

    amount: int
    currency: Currency

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other).amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other).amount, self.currency)

    def __mul__(self, quantity: int) -> Money:
        return Money(self.amount * quantity, self.currency)

    def _same(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency}")
        return other

    def __str__(self) -> str:
        sign = "-" if self.amount < 0 else ""
        return f"{sign}{amount_of(abs(self.amount), self.currency)} {self.currency}"


def amount_of(minor: int, currency: str, *, grouped: bool = True) -> str:
    """So many minor units, none at least, in the units that people count: `1,234.50`, or `1234.50` for a machine."""
    digits = MINOR_DIGITS.get(currency, 2)
    whole, part = divmod(minor, 10**digits)
    written = f"{whole:,}" if grouped else str(whole)
    return f"{written}.{part:0{digits}d}" if digits else written


def total(parts: Iterable[Money], currency: str) -> Money:
    """The sum of `parts`, which may be none at all: then zero of `currency`."""
    result = Money(0, currency)
    for part in parts:
        result += part
    return result


def share(amount: Money, rate: Fraction) -> Money:
    """`rate` of `amount`, rounded half away from zero: how tax offices and shoppers round."""
    return Money(rounded(amount.amount * rate), amount.currency)


def rounded(exact: Fraction) -> int:
    """Half away from zero."""
    size = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    return size if exact >= 0 else -size


def allocate(amount: Money, weights: Sequence[int]) -> list[Money]:
    """Split `amount` in proportion to `weights` without losing a minor unit.

    Largest remainder: each part gets its whole share, the units left over go to the largest
    remainders, the earlier part first among equals. The parts always sum to `amount`.
    """
    weight = sum(weights)
    if weight <= 0 or min(weights) < 0:
        raise ValueError("weights must be at least zero and sum to more than zero")
    sign = -1 if amount.amount < 0 else 1
    size = abs(amount.amount)
    parts = [size * each // weight for each in weights]
    by_remainder = sorted(range(len(weights)), key=lambda at: (-(size * weights[at] % weight), at))
    for at in by_remainder[: size - sum(parts)]:
        parts[at] += 1
    return [Money(sign * part, amount.currency) for part in parts]
