"""What a checkout says an order costs must add up before it is written: pure rules."""

from __future__ import annotations

from stoa.kit import money
from stoa.kit.money import MOST_MINOR, Money
from stoa.services.order.errors import DuplicateLine, WrongFigures
from stoa.services.order.new_order import NewItem, NewOrder

MOST_LINES = 1_000
"""As many as a cart holds."""

MOST_OF_A_LINE = 100_000
"""Units of one SKU. The table has a CHECK behind it."""


def checked(new: NewOrder) -> NewOrder:
    """`new`, each line of which has its share of the discount then. Raises `WrongFigures` or `DuplicateLine`, naming
    the field, unless all of it adds up.
    """
    _check_items(new)
    parts = (new.subtotal_minor, new.discount_minor, new.shipping_minor, new.tax_minor, new.total_minor)
    if min(parts) < 0:
        raise WrongFigures("No amount of an order is below zero.", field="total")
    if max(parts) > MOST_MINOR:
        raise WrongFigures("No amount of an order is more than an amount can be.", field="total")
    if new.subtotal_minor != sum(item.subtotal_minor for item in new.items):
        raise WrongFigures("The subtotal is not the sum of the lines.", field="subtotal")
    if new.discount_minor > new.subtotal_minor:
        raise WrongFigures("The discount is more than the subtotal.", field="discount")
    # What the lines leave of the tax is the tax on shipping.
    if sum(item.tax_minor for item in new.items) > new.tax_minor:
        raise WrongFigures("The lines have more tax than the order.", field="tax")
    _check_taxes(new)
    paid = new.subtotal_minor - new.discount_minor + new.shipping_minor
    if new.tax_included:
        if new.total_minor != paid:
            raise WrongFigures("The total is not subtotal - discount + shipping.", field="total")
        if new.tax_minor > new.total_minor:
            raise WrongFigures("The tax in the total is more than the total.", field="tax")
    elif new.total_minor != paid + new.tax_minor:
        raise WrongFigures("The total is not subtotal - discount + shipping + tax.", field="total")
    _share_discount(new)
    _check_included(new)
    return new


def _check_items(new: NewOrder) -> None:
    if not 1 <= len(new.items) <= MOST_LINES:
        raise WrongFigures(f"An order has from 1 to {MOST_LINES} lines.", field="items")
    seen: set[str] = set()
    for at, item in enumerate(new.items):
        if not 1 <= item.quantity <= MOST_OF_A_LINE:
            raise WrongFigures(f"A line has from 1 to {MOST_OF_A_LINE} units.", field=f"items[{at}].quantity")
        if item.sku in seen:
            raise DuplicateLine(item.sku, field=f"items[{at}].sku")
        seen.add(item.sku)
        _check_amounts(item, at)


def _check_amounts(item: NewItem, at: int) -> None:
    if item.unit_price_minor < 0 or item.tax_minor < 0:
        raise WrongFigures("No amount of an order is below zero.", field="total")
    if item.subtotal_minor > MOST_MINOR:
        raise WrongFigures("A line is more than an amount can be.", field=f"items[{at}].quantity")
    if item.tax_minor > MOST_MINOR:
        raise WrongFigures("No amount of an order is more than an amount can be.", field="total")


def _check_taxes(new: NewOrder) -> None:
    if min((min(tax.base_minor, tax.amount_minor) for tax in new.taxes), default=0) < 0:
        raise WrongFigures("No amount of an order is below zero.", field="taxes")
    if new.taxes and sum(tax.amount_minor for tax in new.taxes) != new.tax_minor:
        raise WrongFigures("What is due by each rate does not sum to the tax.", field="taxes")


def _check_included(new: NewOrder) -> None:
    if new.tax_included and any(item.tax_minor > item.subtotal_minor - item.discount_minor for item in new.items):
        raise WrongFigures("The tax in a line is more than the line.", field="tax")


def _share_discount(new: NewOrder) -> None:
    """Unless each line says its own: in proportion to their subtotals. The shares sum to the discount exactly."""
    if new.discounted_by_line:
        _check_discounts(new)
    elif new.discount_minor:
        discount = Money(new.discount_minor, new.currency)
        shares = money.allocate(discount, [item.subtotal_minor for item in new.items])
        for item, share in zip(new.items, shares, strict=True):
            item.discount_minor = share.amount


def _check_discounts(new: NewOrder) -> None:
    for at, item in enumerate(new.items):
        if not 0 <= item.discount_minor <= item.subtotal_minor:
            raise WrongFigures(
                "The discount of a line is between nothing and all of it.", field=f"items[{at}].discount"
            )
    if sum(item.discount_minor for item in new.items) != new.discount_minor:
        raise WrongFigures("The discounts of the lines are not the discount of the order.", field="discount")
