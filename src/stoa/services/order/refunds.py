"""What a return gives back: pure rules. docs/algorithms/orders.md shows an example.

Each unit of a line is worth an equal part of what the line cost after discount, and of its tax. The
minor units that cannot be divided equally go to the first units that come back, so that it does not
matter in how many pieces a line returns: the refunds of all its units sum to exactly what was paid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stoa.kit.money import Money
from stoa.services.order.errors import DuplicateLine, MoreThanBought, NotInOrder


@dataclass(frozen=True, slots=True)
class BoughtLine:
    """`net` is what the whole line cost after discount, without `tax`; `returned` units are back already."""

    sku: str
    quantity: int
    returned: int
    net: Money
    tax: Money


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    sku: str
    quantity: int
    net: Money
    tax: Money


def refund_lines(bought: Mapping[str, BoughtLine], back: Sequence[tuple[str, int]]) -> list[ReturnedLine]:
    """What `back` (units by SKU) refunds. Raises naming the field: `NotInOrder`, `DuplicateLine`, `MoreThanBought`."""
    lines: list[ReturnedLine] = []
    seen: set[str] = set()
    for at, (sku, quantity) in enumerate(back):
        line = bought.get(sku)
        if line is None:
            raise NotInOrder(sku, field=f"items[{at}].sku")
        if sku in seen:
            raise DuplicateLine(sku, field=f"items[{at}].sku")
        seen.add(sku)
        returnable = line.quantity - line.returned
        if quantity > returnable:
            raise MoreThanBought(sku, field=f"items[{at}].quantity", returnable=returnable)
        net = part_of(line.net, line.quantity, line.returned, quantity)
        tax = part_of(line.tax, line.quantity, line.returned, quantity)
        lines.append(ReturnedLine(sku, quantity, net, tax))
    return lines


def part_of(whole: Money, units: int, before: int, more: int) -> Money:
    """What `more` of `units` are worth when `before` of them were counted already.

    The same as summing that slice of `money.allocate(whole, [1] * units)`, without the list.
    """
    each, left_over = divmod(whole.amount, units)
    until = before + more
    return Money(each * more + min(until, left_over) - min(before, left_over), whole.currency)
