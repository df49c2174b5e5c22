"""What a checkout says an order costs must add up before it is written: pure rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stoa.kit import money
from stoa.kit.money import Money
from stoa.services.order.errors import DuplicateLine, WrongFigures

MOST_LINES = 1_000
"""As many as a cart holds."""

MOST_OF_A_LINE = 100_000
"""Units of one SKU. The table has a CHECK behind it."""


@dataclass(frozen=True, slots=True)
class NewItem:
    """`tax` is this line's part of the order's tax; `said` is what the cart's line said for its custom fields."""

    product_id: str
    sku: str
    name: str
    unit_price: Money
    quantity: int
    tax: Money
    said: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def subtotal(self) -> Money:
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class Figures:
    """What the order costs, in the order in which it is worked out."""

    subtotal: Money
    discount: Money
    shipping: Money
    tax: Money
    total: Money

    @property
    def currency(self) -> str:
        return self.total.currency


def check(figures: Figures, items: Sequence[NewItem]) -> None:
    """Raise `WrongFigures` or `DuplicateLine`, naming the field, unless all of it adds up."""
    _check_items(items)
    parts = (figures.subtotal, figures.discount, figures.shipping, figures.tax, figures.total)
    amounts = [*parts, *(item.unit_price for item in items), *(item.tax for item in items)]
    if any(amount.currency != figures.currency for amount in amounts):
        raise WrongFigures("All amounts of an order are in one currency.", field="total")
    if any(amount.amount < 0 for amount in amounts):
        raise WrongFigures("No amount of an order is below zero.", field="total")
    for at, item in enumerate(items):
        if item.subtotal.amount > money.MOST_MINOR:
            raise WrongFigures("A line is more than an amount can be.", field=f"items[{at}].quantity")
    if any(amount.amount > money.MOST_MINOR for amount in amounts):
        raise WrongFigures("No amount of an order is more than an amount can be.", field="total")
    if figures.subtotal != money.total((item.subtotal for item in items), figures.currency):
        raise WrongFigures("The subtotal is not the sum of the lines.", field="subtotal")
    if figures.discount.amount > figures.subtotal.amount:
        raise WrongFigures("The discount is more than the subtotal.", field="discount")
    # What the lines leave of the tax is the tax on shipping.
    if money.total((item.tax for item in items), figures.currency).amount > figures.tax.amount:
        raise WrongFigures("The lines have more tax than the order.", field="tax")
    if figures.total != figures.subtotal - figures.discount + figures.shipping + figures.tax:
        raise WrongFigures("The total is not subtotal - discount + shipping + tax.", field="total")


def _check_items(items: Sequence[NewItem]) -> None:
    if not 1 <= len(items) <= MOST_LINES:
        raise WrongFigures(f"An order has from 1 to {MOST_LINES} lines.", field="items")
    seen: set[str] = set()
    for at, item in enumerate(items):
        if not 1 <= item.quantity <= MOST_OF_A_LINE:
            raise WrongFigures(f"A line has from 1 to {MOST_OF_A_LINE} units.", field=f"items[{at}].quantity")
        if item.sku in seen:
            raise DuplicateLine(item.sku, field=f"items[{at}].sku")
        seen.add(item.sku)


def line_discounts(figures: Figures, items: Sequence[NewItem]) -> list[Money]:
    """Each line's share of the order's discount, in proportion to its subtotal; they sum to it exactly."""
    if figures.discount.amount == 0:
        return [figures.discount] * len(items)
    return money.allocate(figures.discount, [item.subtotal.amount for item in items])
