"""What a shopper says of a line beside how many: its custom fields ("engraving"), and metadata of his program.

A line is one SKU, because stock, reservations, orders and returns go by it: two engravings of one mug are one text,
or two choices, or two orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stoa.kit.custom_fields import values
from stoa.kit.custom_fields.definition import Entity
from stoa.kit.custom_fields.repository import definitions
from stoa.kit.custom_fields.values import Known
from stoa.services.cart.document import NOTHING_ON_IT, Cart, Said
from stoa.services.cart.service import Carts

CART_LINE = Entity("cart_line", private=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """For one line, as it was sent; what is not named stays. `place` is where in the body it stands."""

    custom_fields: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str | None] = field(default_factory=dict)
    place: str = ""


BySku = Mapping[str, Sent]


async def known_for(carts: Carts, sent: BySku) -> Known:
    """The fields that lines have, where any is spoken of. Never with a cart locked."""
    return await definitions(carts.db, CART_LINE) if any(one.custom_fields for one in sent.values()) else {}


def after(known: Known, cart: Cart, sent: BySku) -> dict[str, Said]:
    """Of each line that something was sent for, what is said of it then. Raises what is refused."""
    before = {line.sku: line.said for line in cart.lines}
    return {sku: _one(known, before.get(sku, NOTHING_ON_IT), each) for sku, each in sent.items()}


def _one(known: Known, before: Said, sent: Sent) -> Said:
    kept = before.custom_fields
    if sent.custom_fields:
        place = f"{sent.place}custom_fields"
        fields = values.merged(known, values.named(known, kept), sent.custom_fields, private=False, place=place)
        kept = values.stored(known, fields)
    return Said(kept, values.with_metadata(before.metadata, sent.metadata, f"{sent.place}metadata"))


async def names_for(carts: Carts, cart: Cart) -> Known:
    """The fields whose values are to be shown, where a line has any."""
    return await definitions(carts.db, CART_LINE) if any(line.said.custom_fields for line in cart.lines) else {}
