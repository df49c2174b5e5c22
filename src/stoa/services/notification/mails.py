"""Mails from templates: pure, no I/O after the templates were read.

Each template is a pair in `templates/`: `name.txt`, whose first line is the subject, and `name.html`,
in which every value is escaped. A name that a template uses and the caller does not give is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import Any

import minijinja

from stoa.kit.money import Money

_SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$"}


class Template(StrEnum):
    WELCOME = "welcome"
    ADDRESS_PROOF = "address_proof"
    ACCOUNT_EXISTS = "account_exists"
    ORDER_CONFIRMATION = "order_confirmation"
    ORDER_CANCELED = "order_canceled"
    ORDER_SHIPPED = "order_shipped"
    ORDER_DELIVERED = "order_delivered"
    RETURN_REQUESTED = "return_requested"
    RETURN_APPROVED = "return_approved"
    RETURN_REFUSED = "return_refused"
    ORDER_RETURNED = "order_returned"
    REFUND_ISSUED = "refund_issued"


@dataclass(frozen=True, slots=True)
class Rendered:
    subject: str
    text: str
    html: str


class Mails:
    """The templates, signed by a shop."""

    def __init__(self, shop_name: str) -> None:
        folder = resources.files(__package__) / "templates"
        self._environment = minijinja.Environment(
            templates={file.name: file.read_text() for file in folder.iterdir()},
            filters={"money": money},
            globals={"shop_name": shop_name},
            undefined_behavior="strict",
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, template: Template, values: Mapping[str, Any]) -> Rendered:
        """The mail, ready to be sent. Money in `values` is `{"amount", "currency"}`."""
        first, _, text = self._environment.render_template(f"{template}.txt", **values).partition("\n")
        html = self._environment.render_template(f"{template}.html", **values)
        # One line whatever the values hold: a line break in a subject would be a header of its own.
        return Rendered(subject=" ".join(first.split()), text=text.strip() + "\n", html=html)


def money(amount: Mapping[str, Any], times: int = 1) -> str:
    """`£1,234.50`; with the code behind the number where the currency has no sign that everybody knows."""
    value = Money(amount["amount"], amount["currency"]) * times
    number = str(value).removesuffix(f" {value.currency}")
    symbol = _SYMBOLS.get(value.currency)
    if symbol is None:
        return f"{number} {value.currency}"
    return f"-{symbol}{number[1:]}" if number.startswith("-") else f"{symbol}{number}"
