"""What a purchase costs: subtotal, discount, shipping, tax, total, in this order.

Pure but for whoever stands behind the ports of shipping and tax, and may be asked over the network.
docs/algorithms/money.md explains each step with worked tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from stoa.kit import money, problems
from stoa.kit.money import Money
from stoa.ports.asking import answer_of
from stoa.ports.destination import Destination
from stoa.ports.shipping import ShippingRates
from stoa.ports.tax import Taxes
from stoa.services.checkout.errors import TotalTooLarge, UnknownShippingMethod


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """So many of one variant, with the name and price it has at this moment. Never from the client, but for what was
    `said` for the custom fields of the cart's line, and its metadata."""

    sku: str
    product_id: str
    name: str
    unit_price: Money
    quantity: int
    said: dict[str, Any] = {}
    metadata: dict[str, str] = {}


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
    """What the shop has decided about money. Who stands behind a port has `within_seconds` to answer."""

    currency: str
    shipping: ShippingRates
    taxes: Taxes
    within_seconds: float

    def check(self, shipping_method: str) -> None:
        """Raises `UnknownShippingMethod`."""
        if shipping_method not in self.shipping.methods:
            raise UnknownShippingMethod(sorted(self.shipping.methods))

    async def shipping_of(self, method: str, goods: Money, destination: Destination | None) -> tuple[Money, str]:
        """What sending costs, and why. Raises `Unavailable` for rates that do not come, or are of another currency."""
        self.check(method)
        silence = problems.Unavailable("What sending costs is not known now.")
        asked = self.shipping.cost(method, goods, destination)
        cost, how = await answer_of("who knows the shipping rates", asked, self.within_seconds, silence)
        if cost.currency != self.currency or cost.amount < 0:
            raise ValueError(f"the shipping rates answered {cost} for {method}")
        return cost, how

    async def taxes_on(self, parts: Sequence[Money], destination: Destination | None) -> tuple[list[Money], str]:
        """The tax on each part, and why. Raises `Unavailable` where it does not come."""
        silence = problems.Unavailable("What tax is due is not known now.")
        asked = self.taxes.on(parts, self.currency, destination)
        taxes, how = await answer_of("who knows the taxes", asked, self.within_seconds, silence)
        if len(taxes) != len(parts) or any(tax.currency != self.currency or tax.amount < 0 for tax in taxes):
            raise ValueError(f"the taxes on {len(parts)} parts are {', '.join(map(str, taxes))}")
        return taxes, how


async def quote(
    items: Sequence[Item], shipping_method: str, destination: Destination | None, rules: PriceRules
) -> Quote:
    """Raises `UnknownShippingMethod`, `NotDelivered`, `TotalTooLarge` for more than `money.MOST_MINOR`, or
    `Unavailable` where somebody behind a port does not answer."""
    currency = rules.currency
    subtotals = [item.unit_price * item.quantity for item in items]
    subtotal = money.total(subtotals, currency)
    discounts = [Money(0, currency)] * len(items)
    discount = money.total(discounts, currency)
    goods = subtotal - discount
    shipping, shipping_how = await rules.shipping_of(shipping_method, goods, destination)
    nets = [line - off for line, off in zip(subtotals, discounts, strict=True)]
    taxes, tax_how = await rules.taxes_on([*nets, shipping], destination)
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
