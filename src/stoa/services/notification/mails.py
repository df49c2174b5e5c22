"""Mails from templates: pure, no I/O after the templates were read.

Each template is a pair in `templates/`: `name.txt`, whose first line is the subject, and `name.html`,
in which every value is escaped. A name that a template uses and the caller does not give is an error.
A shop's own folder may have templates of the same names: those are used instead of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import minijinja
import msgspec

from stoa.kit import own_files
from stoa.kit.money import amount_of
from stoa.kit.problems import first_line
from stoa.kit.settings import BadSetting
from stoa.services.notification.examples import EXAMPLES, Template

_SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$"}


class Rendered(msgspec.Struct, frozen=True):
    subject: str
    text: str
    html: str


class Mails:
    """The templates, signed by a shop; those in the folder `own` go before ours.

    Raises `BadSetting` for a file there that is none of our templates, or that cannot be rendered.
    """

    def __init__(self, shop_name: str, own: Path | None = None) -> None:
        ours = {file.name: file.read_text() for file in (resources.files(__package__) / "templates").iterdir()}
        theirs = own_files.read(own, ours, "template") if own is not None else {}
        self._environment = minijinja.Environment(
            templates=ours | theirs,
            filters={"money": money, "value": value, "day": day},
            globals={"shop_name": shop_name},
            undefined_behavior="strict",
            trim_blocks=True,
            lstrip_blocks=True,
        )
        for name in theirs:
            self._try(name, f"{own}/{name}")

    def render(self, template: Template, values: Mapping[str, Any]) -> Rendered:
        """The mail, ready to be sent. Money in `values` is `{"amount", "currency"}`."""
        first, _, text = self._environment.render_template(f"{template}.txt", **values).partition("\n")
        html = self._environment.render_template(f"{template}.html", **values)
        # One line whatever the values hold: a line break in a subject would be a header of its own.
        return Rendered(subject=" ".join(first.split()), text=text.strip() + "\n", html=html)

    def _try(self, name: str, path: str) -> None:
        """Raises `BadSetting` where a mail could not be written with this template."""
        told = EXAMPLES[Template(name.partition(".")[0])]
        try:
            unknown = self._environment.undeclared_variables_in_template(name) - {*told, "shop_name"}
            self._environment.render_template(name, **told)
        except minijinja.TemplateError as error:
            raise BadSetting(f"{path} cannot be used: {first_line(error)}") from None
        if unknown:
            names = ", ".join(sorted(told)) or "nothing but shop_name"
            raise BadSetting(f"{path} cannot be used: it asks for {', '.join(sorted(unknown))}, and there is {names}")


def value(of_field: Any) -> str:
    """What a custom field has, in words."""
    if isinstance(of_field, bool):
        return "yes" if of_field else "no"
    return ", ".join(of_field) if isinstance(of_field, list) else str(of_field)


def day(on: str) -> str:
    """`24 December 2026`, of an RFC 3339 date."""
    return "{0.day} {0:%B %Y}".format(date.fromisoformat(on))


def money(amount: Mapping[str, Any], times: int = 1) -> str:
    """`£1,234.50`; with the code behind the number where the currency has no sign that everybody knows."""
    minor, currency = amount["amount"] * times, amount["currency"]
    number = amount_of(abs(minor), currency)
    sign = "-" if minor < 0 else ""
    symbol = _SYMBOLS.get(currency)
    return f"{sign}{number} {currency}" if symbol is None else f"{sign}{symbol}{number}"
