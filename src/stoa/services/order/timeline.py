"""What happened to an order, in words that a support agent reads out: a pure rule over what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from stoa.kit.money import Money, amount_of


class Happened(StrEnum):
    STATUS = "status"
    PARCEL_SENT = "parcel_sent"
    PARCEL_DELIVERED = "parcel_delivered"
    ITEMS_CANCELED = "items_canceled"
    RETURN = "return"
    REFUND = "refund"
    NOTE = "note"


class Entry(msgspec.Struct, frozen=True):
    """`key` orders those of one moment. What `detail` has goes by the `kind`; `amount` is to go back, or went."""

    at: datetime
    key: str
    kind: Happened
    actor: str
    reason: str
    amount: Money | None
    detail: Mapping[str, Any]


_STATUS = {
    "pending": "The checkout made the order",
    "confirmed": "The order is paid and confirmed",
    "processing": "The order is being packed",
    "shipped": "All of the order has been sent",
    "delivered": "The customer has all of the order",
    "canceled": "The order was canceled",
    "returned": "All of the order has come back",
}
_RETURN = {
    "requested": "A return was asked for",
    "approved": "The return was approved",
    "refused": "The return was refused",
    "canceled": "The return was called off",
    "received": "Returned goods were received",
}


def sentence(entry: Entry) -> str:
    """One line: what happened, with what, and how much money it is about. The reason stands beside it."""
    detail = entry.detail
    match entry.kind:
        case Happened.STATUS:
            said = _STATUS[detail["to"]]
        case Happened.PARCEL_SENT:
            said = f"Parcel {detail['number']} was handed to {detail['carrier']} as {detail['tracking_number']}"
        case Happened.PARCEL_DELIVERED:
            said = f"The customer has parcel {detail['number']}"
        case Happened.ITEMS_CANCELED:
            said = "A part of the order was canceled"
        case Happened.RETURN:
            said = _RETURN[detail["status"]]
        case Happened.REFUND:
            done = detail["outcome"] == "done"
            said = "Money has gone back" if done else "Money could not be given back"
        case Happened.NOTE:
            said = "A note for the customer" if detail["audience"] == "customer" else "A note of the shop"
    return said + _items(detail.get("items") or ()) + _money(entry)


def _items(items: Sequence[Sequence[Any]]) -> str:
    return ": " + ", ".join(f"{quantity} × {sku}" for sku, quantity in items) if items else ""


def _money(entry: Entry) -> str:
    if entry.amount is None:
        return ""
    amount = f"{amount_of(entry.amount.amount, entry.amount.currency)} {entry.amount.currency}"
    return f": {amount}" if entry.kind is Happened.REFUND else f"; {amount} are to go back"
