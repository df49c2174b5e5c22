"""The mails there are, each with an example of what it is told: what a shop's own templates are tried with."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Template(StrEnum):
    WELCOME = "welcome"
    ADDRESS_PROOF = "address_proof"
    ACCOUNT_EXISTS = "account_exists"
    ORDER_CONFIRMATION = "order_confirmation"
    ORDER_CANCELED = "order_canceled"
    ORDER_ITEMS_CANCELED = "order_items_canceled"
    ORDER_SHIPPED = "order_shipped"
    ORDER_DELIVERED = "order_delivered"
    RETURN_REQUESTED = "return_requested"
    RETURN_APPROVED = "return_approved"
    RETURN_REFUSED = "return_refused"
    ORDER_RETURNED = "order_returned"
    REFUND_ISSUED = "refund_issued"
    LOW_STOCK = "low_stock"
    BACK_IN_STOCK = "back_in_stock"


def _gbp(amount: int) -> dict[str, object]:
    return {"amount": amount, "currency": "GBP"}


EXAMPLES: Mapping[Template, Mapping[str, Any]] = {
    Template.WELCOME: {"first_name": "Ada"},
    Template.ADDRESS_PROOF: {"code": "4711-0815"},
    Template.ACCOUNT_EXISTS: {},
    Template.ORDER_CONFIRMATION: {
        "number": "S-100001",
        "items": [
            {"name": "Mug", "sku": "MUG", "quantity": 2, "unit_price": _gbp(1999)},
            {"name": "Spoon", "sku": "SPOON", "quantity": 1, "unit_price": _gbp(123456)},
        ],
        "said": {"MUG": {"engraving": "For Ada"}},
        "promises": {
            "MUG": {"kind": "ships_by", "on": "2026-12-05"},
            "SPOON": {"kind": "preorder_from", "on": "2027-01-02"},
        },
        "subtotal": _gbp(127454),
        "discount": _gbp(454),
        "shipping": _gbp(495),
        "tax": _gbp(25499),
        "tax_included": False,
        "total": _gbp(152994),
    },
    Template.ORDER_CANCELED: {
        "number": "S-100001",
        "reason": "out of stock",
        "total": _gbp(152994),
        "refund": _gbp(9990),
    },
    Template.ORDER_ITEMS_CANCELED: {
        "number": "S-100001",
        "items": [{"name": "Mug", "sku": "MUG", "quantity": 1}],
        "reason": "out of stock",
        "refund": _gbp(2399),
    },
    Template.ORDER_SHIPPED: {
        "number": "S-100001",
        "carrier": "Royal Mail",
        "tracking_number": "RM 1234 5678 9GB",
        "tracking_url": "https://track.example.com/RM123456789GB",
        "items": [{"name": "Mug", "sku": "MUG", "quantity": 1}],
        "complete": False,
    },
    Template.ORDER_DELIVERED: {
        "number": "S-100001",
        "items": [{"name": "Mug", "sku": "MUG", "quantity": 1}],
        "complete": False,
    },
    Template.RETURN_REQUESTED: {"number": "S-100001", "items": [{"sku": "MUG", "quantity": 1}]},
    Template.RETURN_APPROVED: {"number": "S-100001", "items": [{"sku": "MUG", "quantity": 1}]},
    Template.RETURN_REFUSED: {"number": "S-100001", "items": [{"sku": "MUG", "quantity": 1}], "reason": "out of stock"},
    Template.ORDER_RETURNED: {
        "number": "S-100001",
        "items": [{"sku": "MUG", "quantity": 1}],
        "refund": _gbp(2399),
    },
    Template.REFUND_ISSUED: {"number": "S-100001", "amount": _gbp(2399)},
    Template.LOW_STOCK: {"sku": "MUG", "available": 4, "low_stock_at": 5},
    Template.BACK_IN_STOCK: {
        "sku": "MUG",
        "name": "Enamel mug",
        "token": "01928f3e-7c2a-7b51-9d2e-1a2b3c4d5e6f",
    },
}
"""What the handlers give each template."""
