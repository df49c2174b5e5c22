"""What a purchase costs: subtotal, discount, shipping, tax, total, in this order. Pure.

docs/algorithms/money.md explains each step with worked tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from stoa.kit import money
from stoa.kit.money import Money
from stoa.services.checkout.errors import TotalTooLarge
from stoa.services.checkout.shipping import ShippingRates
from stoa.services.checkout.tax import Taxes


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """So many of one variant, with the name and price it has at this moment. Never from the client."""

    sku: str
    product_id: str
    name: str
    unit_price: Money
    quantity: int


class QuotedLine(msgspec.Struct, frozen=True, kw_only=True):
    """`subtotal` is before `discount` and without `tax`, which are this line's share of the order's."""

    sku: str
    product_id: str
    name: str
    unit_price: Money
    quantity: int
    subtotal: Money
    discount: Money
    tax: Money


class TraceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """How one figure came about, in words that a shopper can check."""

    figure: str
    how: str
    amount: Money


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """`total` = subtotal - discount + shipping + tax; the lines' taxes and that on shipping sum to `tax`."""

    lines: list[QuotedLine]
    subtotal: Money
    discount: Money
    shipping: Money
    shipping_tax: Money
    tax: Money
    total: Money
    trace: list[TraceEntry]


@dataclass(frozen=True)
class PriceRules:
    """What the shop has decided about money."""

    currency: str
    shipping: ShippingRates
    taxes: Taxes


def quote(items: Sequence[Item], shipping_method: str, rules: PriceRules) -> Quote:
    """Raises `UnknownShippingMethod`, or `TotalTooLarge` for more than `money.MOST_MINOR`."""
    currency = rules.currency
    subtotals = [item.unit_price * item.quantity for item in items]
    subtotal = money.total(subtotals, currency)
    discounts = [Money(0, currency)] * len(items)
    discount = money.total(discounts, currency)
    goods = subtotal - discount
    shipping, shipping_how = rules.shipping.cost(shipping_method, goods)
    nets = [line - off for line, off in zip(subtotals, discounts, strict=True)]
    taxes, tax_how = rules.taxes.on([*nets, shipping], currency)
    tax = money.total(taxes, currency)
    total = goods + shipping + tax
    if total.amount > money.MOST_MINOR:
        raise TotalTooLarge
    lines = [
        QuotedLine(
            sku=item.sku,
            product_id=item.product_id,
            name=item.name,
            unit_price=item.unit_price,
            quantity=item.quantity,
            subtotal=line,
            discount=off,
            tax=line_tax,
        )
        for item, line, off, line_tax in zip(items, subtotals, discounts, taxes[:-1], strict=True)
    ]
    units = sum(item.quantity for item in items)
    trace = [
        TraceEntry(figure="subtotal", how=f"unit price × quantity, {units} units in all", amount=subtotal),
        TraceEntry(figure="discount", how="none applies", amount=discount),
        TraceEntry(figure="shipping", how=shipping_how, amount=shipping),
        TraceEntry(figure="tax", how=tax_how, amount=tax),
        TraceEntry(figure="total", how="subtotal - discount + shipping + tax", amount=total),
    ]
    return Quote(
        lines=lines,
        subtotal=subtotal,
        discount=discount,
        shipping=shipping,
        shipping_tax=taxes[-1],
        tax=tax,
        total=total,
        trace=trace,
    )
