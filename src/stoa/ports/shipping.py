"""The port to whoever knows what sending costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from stoa.kit import problems
from stoa.kit.money import Money
from stoa.ports.destination import Destination


class NotDelivered(problems.Unprocessable):
    """For `ShippingRates.cost` to raise; `reason` says what else than the place is in the way."""

    title = "Not delivered there"
    slug = "not-delivered"

    def __init__(self, method: str, destination: Destination, reason: str = "") -> None:
        place = " ".join(filter(None, (destination.postal_code, destination.region, destination.country)))
        because = f": {reason}" if reason else "."
        super().__init__(f"By {method} nothing is sent to {place}{because}", field="shipping_address")


class Goods(Money, frozen=True):
    """What is sent: its value after discount, and what it weighs, as far as that is known."""

    weight_grams: int = 0


class ShippingRates(Protocol):
    @property
    def methods(self) -> Sequence[str]:
        """What a shopper may choose from, each one word in lower case."""

    async def cost(self, method: str, goods: Money, destination: Destination | None) -> tuple[Money, str]:
        """What one of `methods` costs for goods of this value after discount, in their currency, and why, in words that
        a shopper can check: without tax, or with it in a shop whose prices are with tax.

        `goods` are `Goods`. `destination` is None for a quote that names no address yet. Raises `NotDelivered`. The
        same question has the same answer: it is asked for a quote, and again when the order is placed.
        """
