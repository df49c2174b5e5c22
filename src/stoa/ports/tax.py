"""The port to whoever knows what tax is due."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from stoa.kit.money import Money
from stoa.ports.destination import Destination

STANDARD = "standard"
"""The tax class of what nothing else is said of."""


class TaxedPart(Money, frozen=True):
    """A line after discount, or the shipping, whose `sku` is empty. `tax_class` is that of the product or method."""

    tax_class: str = STANDARD
    sku: str = ""


class Taxes(Protocol):
    """Who is asked in a shop whose prices are net."""

    async def on(
        self, parts: Sequence[Money], currency: str, destination: Destination | None
    ) -> tuple[list[Money], str]:
        """The tax on each net part, and how it was worked out, in words that a shopper can check.

        `parts` are the lines after discount, and shipping at the end, each a `TaxedPart`; all are of `currency`, and so
        are the taxes. `destination` is None for a quote that names no address yet. The same question has the same
        answer: it is asked for a quote, and again when the order is placed.
        """


class Taxable(msgspec.Struct, frozen=True, kw_only=True):
    """What tax is asked for. Where it is `tax_included`, each part has its tax in it."""

    parts: Sequence[TaxedPart]
    currency: str
    destination: Destination | None
    tax_included: bool


class TaxAtRate(msgspec.Struct, frozen=True, kw_only=True):
    """What is due by one `rate`, in percent as people write it, null where nobody said. `base` is what it is on,
    without tax."""

    name: str
    rate: str | None
    base: Money
    amount: Money


class TaxesDue(msgspec.Struct, frozen=True, kw_only=True):
    """`parts` is the tax on or in each part, in their order; `rates` sum to the same. `how` is for the shopper."""

    parts: Sequence[Money]
    rates: Sequence[TaxAtRate]
    how: str


class TaxesByRate(Protocol):
    """What a provider may know beyond `Taxes`, and has to in a shop whose prices are with tax."""

    async def due(self, asked: Taxable) -> TaxesDue:
        """The tax on or in each part, and by rate. What `Taxes.on` says of a repeat holds here, too."""
