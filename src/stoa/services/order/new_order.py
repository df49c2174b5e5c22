"""What a checkout has worked out, in the shape in which its statement takes it: as JSON, member by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from stoa.services.order.promise import Kind


class NewItem(msgspec.Struct, kw_only=True):
    """`said` is what the cart's line said for its custom fields. `tax_minor` and `discount_minor` are this line's part
    of the order's; where nobody said the latter it is worked out by `figures.checked`. `promise` and its day are None
    where all is on hand."""

    product_id: str
    sku: str
    name: str
    unit_price_minor: int
    quantity: int
    tax_minor: int
    discount_minor: int = 0
    said: Mapping[str, Any] = {}
    metadata: Mapping[str, str] = {}
    promise: Kind | None = None
    promised_on: date | None = None

    @property
    def subtotal_minor(self) -> int:
        return self.unit_price_minor * self.quantity


class NewTax(msgspec.Struct, kw_only=True):
    """What is due by one rate, in percent: None where nobody said. `base_minor` is what it is on, without tax."""

    name: str
    rate: str | None
    base_minor: int
    amount_minor: int


class NewOrder(msgspec.Struct, kw_only=True):
    """`user_id` is None for a guest. `discounted_by_line`: each line says its part of the discount. Where it is
    `tax_included`, the total has the tax in it. Of `custom_fields` the order has those that are defined when it is
    made."""

    checkout_id: str
    order_id: str
    user_id: str | None
    email: str
    items: Sequence[NewItem]
    currency: str
    subtotal_minor: int
    discount_minor: int
    shipping_minor: int
    tax_minor: int
    total_minor: int
    shipping_method: str
    shipping_address: Mapping[str, str]
    billing_address: Mapping[str, str]
    payment_id: str | None
    reservation_key: str
    discounted_by_line: bool = False
    tax_included: bool = False
    taxes: Sequence[NewTax] = ()
    shipping_name: str = ""
    pickup: bool = False
    delivery_earliest: date | None = None
    delivery_latest: date | None = None
    custom_fields: Mapping[str, Any] = {}
    metadata: Mapping[str, str] = {}
