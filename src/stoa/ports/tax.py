"""The port to whoever knows what tax is due."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from stoa.kit.money import Money
from stoa.ports.destination import Destination


class Taxes(Protocol):
    async def on(
        self, parts: Sequence[Money], currency: str, destination: Destination | None
    ) -> tuple[list[Money], str]:
        """The tax on each net part, and how it was worked out, in words that a shopper can check.

        `parts` are the lines after discount, and shipping at the end; all are of `currency`, and so are the taxes.
        `destination` is None for a quote that names no address yet. The same question has the same answer: it is
        asked for a quote, and again when the order is placed.
        """
