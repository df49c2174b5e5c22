"""What sending costs: pure rules. Carriers' own rates will come behind `ShippingRates`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from stoa.kit.money import Money
from stoa.services.checkout.errors import UnknownShippingMethod


class ShippingRates(Protocol):
    def check(self, method: str) -> None:
        """Raises `UnknownShippingMethod`."""

    def cost(self, method: str, goods: Money) -> tuple[Money, str]:
        """What `method` costs for goods of this value after discount, and why, in words."""


@dataclass(frozen=True)
class FlatRates:
    """One price per method. `standard` is free from a certain value of goods."""

    standard: Money
    express: Money
    free_standard_from: Money

    def check(self, method: str) -> None:
        if method not in self._prices:
            raise UnknownShippingMethod(sorted(self._prices))

    def cost(self, method: str, goods: Money) -> tuple[Money, str]:
        self.check(method)
        if method == "standard" and (goods - self.free_standard_from).amount >= 0:
            return Money(0, goods.currency), f"standard, free from {self.free_standard_from}"
        return self._prices[method], method

    @property
    def _prices(self) -> dict[str, Money]:
        return {"standard": self.standard, "express": self.express}
