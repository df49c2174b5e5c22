"""What sending costs by our own rates: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stoa.kit.money import Money
from stoa.ports.destination import Destination


@dataclass(frozen=True)
class FlatRates:
    """One price per method. `standard` is free from a certain value of goods."""

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
