"""A checkout makes its order: pending, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stoa.kit.db import Database
from stoa.services.order import repository
from stoa.services.order.errors import OrderAbandoned
from stoa.services.order.figures import Figures, NewItem, line_discounts
from stoa.services.order.repository import Order


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What a checkout has worked out; `figures` have been checked. `user_id` is None for a guest.

    Of `custom_fields` the order has those that are defined when it is made.
    """

    checkout_id: str
    order_id: str
    user_id: str | None
    email: str
    items: Sequence[NewItem]
    figures: Figures
    shipping_method: str
    shipping_address: dict[str, str]
    billing_address: dict[str, str]
    payment_id: str | None
    reservation_key: str
    custom_fields: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


async def create_orders(db: Database, wanted: Sequence[NewOrder]) -> list[Order | Exception]:
    """The order of each checkout, written if it is not there yet. In its place `OrderAbandoned` where
    the checkout has been given up, and is not to have one.
    """
    by_checkout = {new.checkout_id: new for new in wanted}
    await repository.create_orders(db, [_row(new) for new in by_checkout.values()])
    checkouts = await repository.read_checkouts(db, list(by_checkout))
    order_ids = [checkout.order_id for checkout in checkouts.values() if checkout.order_id and not checkout.abandoned]
    orders = await repository.read_orders(db, order_ids)
    made = {key: orders[it.order_id] for key, it in checkouts.items() if it.order_id in orders}
    return [made.get(new.checkout_id) or OrderAbandoned() for new in wanted]


def _row(new: NewOrder) -> dict[str, Any]:
    discounts = line_discounts(new.figures, new.items)
    return {
        "checkout_id": new.checkout_id,
        "order_id": new.order_id,
        "user_id": new.user_id,
        "email": new.email,
        "currency": new.figures.currency,
        "subtotal_minor": new.figures.subtotal.amount,
        "discount_minor": new.figures.discount.amount,
        "shipping_minor": new.figures.shipping.amount,
        "tax_minor": new.figures.tax.amount,
        "total_minor": new.figures.total.amount,
        "shipping_method": new.shipping_method,
        "shipping_address": new.shipping_address,
        "billing_address": new.billing_address,
        "payment_id": new.payment_id,
        "reservation_key": new.reservation_key,
        "custom_fields": new.custom_fields,
        "metadata": new.metadata,
        "items": [
            {
                "position": position,
                "product_id": item.product_id,
                "sku": item.sku,
                "name": item.name,
                "unit_price_minor": item.unit_price.amount,
                "quantity": item.quantity,
                "discount_minor": discount.amount,
                "tax_minor": item.tax.amount,
                "said": item.said,
                "metadata": item.metadata,
            }
            for position, (item, discount) in enumerate(zip(new.items, discounts, strict=True))
        ],
    }
