"""What a return or a cancellation gives back: pure rules. docs/algorithms/orders.md shows an example.

Each unit of a line is worth an equal part of what the line cost after discount, and of its tax. The
minor units that cannot be divided equally go to the first units that are canceled or come back, so that it does
not matter in how many pieces that happens: the refunds of all its units sum to exactly what was paid.
Where prices are with tax it is the price that is divided so, and of each part the tax.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stoa.kit.money import Money
from stoa.services.order.errors import (
    MoreThanAsked,
    MoreThanBought,
    MoreUnfitThanCame,
    NotInOrder,
    NotInReturn,
)
from stoa.services.order.lines import check_once


@dataclass(frozen=True, slots=True)
class BoughtLine:
    """`net` is what the whole line cost after discount, without `tax`, also where the price had it; of its `quantity`
    so many units were `canceled` and `shipped`; `returned` are back already, and `requested` are in open returns.
    """

    sku: str
    quantity: int
    canceled: int
    shipped: int
    returned: int
    requested: int
    net: Money
    tax: Money
    tax_included: bool = False

    @property
    def returnable(self) -> int:
        return self.shipped - self.returned - self.requested

    def worth(self, units: int) -> tuple[Money, Money]:
        """What so many units more are worth, after those that were canceled or are back, and the tax on them."""
        before = self.canceled + self.returned
        tax = part_of(self.tax, self.quantity, before, units)
        if self.tax_included:
            return part_of(self.net + self.tax, self.quantity, before, units) - tax, tax
        return part_of(self.net, self.quantity, before, units), tax


@dataclass(frozen=True, slots=True)
class Came:
    """What really came of one SKU; `unfit` units of it cannot be sold again."""

    sku: str
    quantity: int
    unfit: int


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    """`restock` of the units go back on the shelf."""

    sku: str
    quantity: int
    restock: int
    net: Money
    tax: Money


@dataclass(frozen=True, slots=True)
class CanceledLine:
    """Units that are called off, and what they are worth."""

    sku: str
    quantity: int
    net: Money
    tax: Money


def canceled_lines(bought: Mapping[str, BoughtLine], wanted: Sequence[tuple[str, int]]) -> list[CanceledLine]:
    return [CanceledLine(sku, units, *bought[sku].worth(units)) for sku, units in wanted]


def check_returnable(bought: Mapping[str, BoughtLine], wanted: Sequence[tuple[str, int]]) -> None:
    """Raise, naming the field, `NotInOrder`, `DuplicateLine` or `MoreThanBought` unless so much may come back."""
    check_once([sku for sku, _ in wanted])
    for at, (sku, quantity) in enumerate(wanted):
        if sku not in bought:
            raise NotInOrder(sku, field=f"items[{at}].sku")
        returnable = bought[sku].returnable
        if quantity > returnable:
            raise MoreThanBought(sku, field=f"items[{at}].quantity", returnable=returnable)


def check_received(asked: Mapping[str, int], came: Sequence[Came]) -> None:
    """Raise `NotInReturn`, `DuplicateLine`, `MoreThanAsked` or `MoreUnfitThanCame`, naming the field, unless it may be
    what was asked for.
    """
    check_once([line.sku for line in came])
    for at, line in enumerate(came):
        if line.sku not in asked:
            raise NotInReturn(line.sku, field=f"items[{at}].sku")
        if line.quantity > asked[line.sku]:
            raise MoreThanAsked(line.sku, field=f"items[{at}].quantity", asked=asked[line.sku])
        if line.unfit > line.quantity:
            raise MoreUnfitThanCame(line.sku, field=f"items[{at}].unfit")


def refund_lines(bought: Mapping[str, BoughtLine], came: Sequence[Came]) -> list[ReturnedLine]:
    """What the units that came are worth."""
    lines: list[ReturnedLine] = []
    for back in came:
        net, tax = bought[back.sku].worth(back.quantity)
        lines.append(ReturnedLine(back.sku, back.quantity, back.quantity - back.unfit, net, tax))
    return lines


def part_of(whole: Money, units: int, before: int, more: int) -> Money:
    """What `more` of `units` are worth when `before` of them were counted already.

    The same as summing that slice of `money.allocate(whole, [1] * units)`, without the list.
    """
    each, left_over = divmod(whole.amount, units)
    until = before + more
    return Money(each * more + min(until, left_over) - min(before, left_over), whole.currency)
