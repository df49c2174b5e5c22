"""What a purchase costs: subtotal, discount, shipping, tax, total, in this order.

Pure but for whoever stands behind the ports of shipping and tax, and may be asked over the network.
docs/algorithms/money.md explains each step with worked tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import msgspec

from stoa.kit import clock, money
from stoa.kit.breaker import Breaker
from stoa.kit.http.types import Address
from stoa.kit.money import Money
from stoa.ports.asking import answer_unless_down
from stoa.ports.destination import Destination, destination_of
from stoa.ports.shipping import Goods, NotDelivered, ShippingRates
from stoa.ports.tax import STANDARD, Taxable, TaxAtRate, TaxedPart, Taxes, TaxesByRate, TaxesDue
from stoa.services.checkout.errors import ShippingUnavailable, TaxesUnavailable, TotalTooLarge, UnknownShippingMethod
from stoa.services.checkout.promotions import NONE, Promotions
from stoa.services.checkout.shipping import DeliveryEstimate, Offer, Shipping, ZoneMethods


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """So many of one variant, with the name and price it has at this moment. Never from the client, but for what was
    `said` for the custom fields of the cart's line, and its metadata. `weight_grams` is that of one, None where nobody
    has weighed it."""

    sku: str
    product_id: str
    name: str
    unit_price: Money
    quantity: int
    tax_class: str = STANDARD
    weight_grams: int | None = None
    said: dict[str, Any] = {}
    metadata: dict[str, str] = {}


class QuotedLine(msgspec.Struct, frozen=True, kw_only=True):
    """`subtotal` is unit price × quantity; `discount` and `tax` are this line's share of the order's."""

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
    """`total` = subtotal - discount + shipping + tax; where it is `tax_included`, the same without tax, which is in the
    prices then. The lines' taxes and that on shipping sum to `tax`, and so do `taxes`, by rate."""

    lines: list[QuotedLine]
    subtotal: Money
    discount: Money
    shipping: Money
    shipping_tax: Money
    tax: Money
    tax_included: bool = False
    taxes: list[TaxAtRate] = []
    total: Money
    shipping_name: str = ""
    delivery_estimate: DeliveryEstimate | None = None
    pickup_address: Address | None = None
    promotions: Promotions = NONE
    trace: list[TraceEntry]


@dataclass(frozen=True)
class PriceRules:
    """What the shop has decided about money. Who stands behind a port has `within_seconds` to answer. The `methods` of
    shipping zones go before `shipping`."""

    currency: str
    shipping: ShippingRates
    taxes: Taxes | TaxesByRate
    within_seconds: float
    prices_include_tax: bool = False
    methods: ZoneMethods | None = None
    shipping_breaker: Breaker = field(default_factory=Breaker, compare=False)
    taxes_breaker: Breaker = field(default_factory=Breaker, compare=False)

    def check(self, shipping_method: str) -> None:
        """Raises `UnknownShippingMethod`."""
        if self.methods is not None:
            self.methods.check(shipping_method)
        elif shipping_method not in self.shipping.methods:
            raise UnknownShippingMethod(sorted(self.shipping.methods))

    async def shipping_of(self, method: str, goods: Goods, destination: Destination | None) -> Shipping:
        """What sending costs, and why. Raises `UnknownShippingMethod`, `NotDelivered`, `AddressMissing`, or
        `ShippingUnavailable` for rates that do not come."""
        self.check(method)
        if self.methods is not None:
            return self.methods.chosen(method, goods, destination, _today())
        asked = self.shipping.cost(method, goods, destination)
        cost, how = await answer_unless_down(
            self.shipping_breaker, "who knows the shipping rates", asked, self.within_seconds, ShippingUnavailable()
        )
        if cost.currency != self.currency or cost.amount < 0:
            raise ValueError(f"the shipping rates answered {cost} for {method}")
        return Shipping(cost, how)

    async def offers(
        self, items: Sequence[Item], destination: Destination | None, promotions: Promotions = NONE
    ) -> list[Offer]:
        """Every method that there is for these, with what it would cost in a quote, and why one is not offered."""
        value = money.total((item.unit_price * item.quantity for item in items), self.currency)
        off = promotions.off_lines((item.sku for item in items), self.currency)
        goods = _goods(items, value - money.total(off, self.currency))
        if self.methods is not None:
            offers = self.methods.offers(goods, destination, _today())
        else:
            offers = [await self._offer(method, goods, destination) for method in sorted(self.shipping.methods)]
        return [msgspec.structs.replace(one, cost=self._left(one, promotions)) for one in offers]

    def _left(self, offer: Offer, promotions: Promotions) -> Money | None:
        """Of the cost, after what campaigns take off it."""
        if offer.cost is None:
            return None
        return offer.cost - promotions.on_shipping(offer.code, offer.cost).off_shipping(self.currency)

    async def _offer(self, method: str, goods: Goods, destination: Destination | None) -> Offer:
        cost: Money | None = None
        why_not: str | None = None
        try:
            cost = (await self.shipping_of(method, goods, destination)).cost
        except NotDelivered as refusal:
            why_not = refusal.detail
        return Offer(code=method, name=method, pickup_address=None, cost=cost, why_not=why_not, delivery_estimate=None)

    async def taxes_on(self, parts: Sequence[TaxedPart], destination: Destination | None) -> TaxesDue:
        """The tax on or in each part, and why. Raises `TaxesUnavailable` where it does not come."""
        asked = Taxable(
            parts=parts, currency=self.currency, destination=destination, tax_included=self.prices_include_tax
        )
        due = await answer_unless_down(
            self.taxes_breaker, "who knows the taxes", self._due(asked), self.within_seconds, TaxesUnavailable()
        )
        _check_due(asked, due)
        return due

    async def _due(self, asked: Taxable) -> TaxesDue:
        if hasattr(self.taxes, "due"):
            said: TaxesDue = await self.taxes.due(asked)
            return said
        taxes, how = await self.taxes.on(asked.parts, asked.currency, asked.destination)
        amount = Money(sum(tax.amount for tax in taxes), asked.currency)
        base = money.total(asked.parts, asked.currency)
        return TaxesDue(parts=taxes, rates=[TaxAtRate(name="Tax", rate=None, base=base, amount=amount)], how=how)


def _check_due(asked: Taxable, due: TaxesDue) -> None:
    """Raises `ValueError`: a wrong answer of a provider is a fault of the shop's."""
    amounts = [*due.parts, *(rate.base for rate in due.rates), *(rate.amount for rate in due.rates)]
    if len(due.parts) != len(asked.parts) or any(one.currency != asked.currency or one.amount < 0 for one in amounts):
        raise ValueError(f"the taxes on {len(asked.parts)} parts are {', '.join(map(str, due.parts))}")
    if sum(rate.amount.amount for rate in due.rates) != sum(tax.amount for tax in due.parts):
        raise ValueError(f"the taxes by rate do not sum to those on the parts: {due.rates}")
    if asked.tax_included and any(tax.amount > part.amount for tax, part in zip(due.parts, asked.parts, strict=True)):
        raise ValueError("the tax in a part is more than the part")


def _today() -> date:
    return clock.now().date()


def _goods(items: Sequence[Item], value: Money) -> Goods:
    return Goods(value.amount, value.currency, sum((item.weight_grams or 0) * item.quantity for item in items))


async def quote(
    items: Sequence[Item],
    shipping_method: str,
    destination: Destination | None,
    rules: PriceRules,
    promotions: Promotions = NONE,
) -> Quote:
    """Raises `UnknownShippingMethod`, `AddressMissing`, `NotDelivered`, `TotalTooLarge` for more than
    `money.MOST_MINOR`, or `PriceUnknown` where somebody behind a port does not answer."""
    currency = rules.currency
    subtotals = [item.unit_price * item.quantity for item in items]
    subtotal = money.total(subtotals, currency)
    discounts = promotions.off_lines((item.sku for item in items), currency)
    discount = money.total(discounts, currency)
    goods = subtotal - discount
    sent = await rules.shipping_of(shipping_method, _goods(items, goods), destination)
    promotions = promotions.on_shipping(shipping_method, sent.cost)
    cost, how = sent.cost - promotions.off_shipping(currency), promotions.shipping_how(shipping_method, sent.how)
    shipping = sent._replace(cost=cost, how=how)
    if shipping.pickup_address is not None:
        destination = destination_of(shipping.pickup_address)
    parts = [
        TaxedPart((line - off).amount, currency, item.tax_class, item.sku)
        for item, line, off in zip(items, subtotals, discounts, strict=True)
    ]
    due = await rules.taxes_on([*parts, TaxedPart(shipping.cost.amount, currency, shipping.tax_class)], destination)
    tax = money.total(due.parts, currency)
    total = goods + shipping.cost if rules.prices_include_tax else goods + shipping.cost + tax
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
        for item, line, off, line_tax in zip(items, subtotals, discounts, due.parts[:-1], strict=True)
    ]
    units = sum(item.quantity for item in items)
    of_what = "subtotal - discount + shipping" + (", the tax is in it" if rules.prices_include_tax else " + tax")
    trace = [
        TraceEntry(figure="subtotal", how=f"unit price × quantity, {units} units in all", amount=subtotal),
        TraceEntry(figure="discount", how=promotions.how, amount=discount),
        TraceEntry(figure="shipping", how=f"{shipping.how}{_unweighed(items, rules)}", amount=shipping.cost),
        TraceEntry(figure="tax", how=due.how, amount=tax),
        TraceEntry(figure="total", how=of_what, amount=total),
    ]
    return Quote(
        lines=lines,
        subtotal=subtotal,
        discount=discount,
        shipping=shipping.cost,
        shipping_tax=due.parts[-1],
        tax=tax,
        tax_included=rules.prices_include_tax,
        taxes=list(due.rates),
        total=total,
        shipping_name=shipping.name,
        delivery_estimate=shipping.estimate,
        pickup_address=shipping.pickup_address,
        promotions=promotions,
        trace=trace,
    )


def _unweighed(items: Sequence[Item], rules: PriceRules) -> str:
    """Who sends by weight says of how many lines it is not known."""
    count = sum(item.weight_grams is None for item in items)
    return f"; lines of unknown weight count as 0 g: {count}" if count and rules.methods is not None else ""
