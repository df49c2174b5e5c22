"""Orders as the lines of a table: a row for each line of an order. Pure rules."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping

from stoa.kit.money import Money, amount_of
from stoa.services.order.repository import Item, Order

OF_ORDER: Mapping[str, Callable[[Order], str]] = {
    "number": lambda order: order.number,
    "order_id": lambda order: order.id,
    "placed_at": lambda order: order.created_at.isoformat(),
    "status": lambda order: order.status,
    "payment_status": lambda order: order.standing.payment,
    "fulfillment_status": lambda order: order.standing.fulfillment,
    "email": lambda order: order.email,
    "currency": lambda order: order.total.currency,
    "subtotal": lambda order: _amount(order.subtotal),
    "discount": lambda order: _amount(order.discount),
    "shipping": lambda order: _amount(order.shipping),
    "tax": lambda order: _amount(order.tax),
    "tax_included": lambda order: "yes" if order.tax_included else "no",
    "total": lambda order: _amount(order.total),
    "refunded": lambda order: _amount(order.refunded),
    "shipping_method": lambda order: order.shipping_method,
    "ship_to_name": lambda order: order.shipping_address["name"],
    "ship_to_postal_code": lambda order: order.shipping_address["postal_code"],
    "ship_to_country": lambda order: order.shipping_address["country"],
}
OF_LINE: Mapping[str, Callable[[Item], str]] = {
    "sku": lambda item: item.sku,
    "name": lambda item: item.name,
    "quantity": lambda item: str(item.quantity),
    "canceled": lambda item: str(item.canceled_quantity),
    "shipped": lambda item: str(item.shipped_quantity),
    "returned": lambda item: str(item.returned_quantity),
    "unit_price": lambda item: _amount(item.unit_price),
    "line_discount": lambda item: _amount(item.discount),
    "line_tax": lambda item: _amount(item.tax),
}
HEADER = (*OF_ORDER, *OF_LINE)

_BEGIN_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


def rows_of(order: Order) -> Iterable[list[str]]:
    """In the columns of `HEADER`."""
    whole = [harmless(of(order)) for of in OF_ORDER.values()]
    return [[*whole, *(harmless(of(item)) for of in OF_LINE.values())] for item in order.items]


def harmless(cell: str) -> str:
    """What a spreadsheet shows as it is: what buyers have typed is not run as a formula."""
    return f"'{cell}" if cell.startswith(_BEGIN_FORMULAS) else cell


def lines_of(rows: Iterable[Iterable[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()


def _amount(money: Money) -> str:
    return amount_of(money.amount, money.currency, grouped=False)
