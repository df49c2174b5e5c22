"""Our values as the contracts write them, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from stoa.contracts.common.v1 import common_pb2
from stoa.kit.http.types import Address
from stoa.kit.money import Money
from stoa.services.checkout.pricing import Item
from stoa.services.checkout.purchase import Purchase


def money_message(money: Money) -> common_pb2.Money:
    return common_pb2.Money(amount_minor=money.amount, currency=money.currency)


def money_of(message: common_pb2.Money) -> Money:
    return Money(message.amount_minor, message.currency)


def encoded(said: dict[str, Any]) -> bytes:
    """What was said for custom fields, by name."""
    return msgspec.json.encode(said) if said else b""


def line_messages(items: Sequence[Item] | None) -> list[common_pb2.Line]:
    return [common_pb2.Line(sku=item.sku, quantity=item.quantity) for item in items or ()]


def origins(purchases: Sequence[Purchase]) -> list[common_pb2.Origin]:
    """In whose trace each of a wave is asked for: that of the request which began it."""
    return [common_pb2.Origin(traceparent=one.traceparent, request_id=one.request_id) for one in purchases]


def address_of(message: common_pb2.Address) -> Address:
    return Address(
        name=message.name,
        line1=message.line1,
        line2=message.line2,
        city=message.city,
        region=message.region,
        postal_code=message.postal_code,
        country=message.country,
        phone=message.phone,
    )


def address_message(address: Address) -> common_pb2.Address:
    return common_pb2.Address(
        name=address.name,
        line1=address.line1,
        line2=address.line2,
        city=address.city,
        region=address.region,
        postal_code=address.postal_code,
        country=address.country,
        phone=address.phone,
    )
