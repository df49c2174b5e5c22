"""What a shopper says of a line beside how many: its custom fields ("engraving"), and metadata of his program.

A line is one SKU, because stock, reservations, orders and returns go by it: two engravings of one mug are one text,
or two choices, or two orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from stoa.kit.custom_fields import values
from stoa.kit.custom_fields.definition import Entity
from stoa.kit.custom_fields.repository import definitions
from stoa.kit.custom_fields.values import Known
from stoa.services.cart.document import NOTHING_ON_IT, Cart, Said
from stoa.services.cart.errors import CartFull
from stoa.services.cart.lines import Lines
from stoa.services.cart.service import Carts

CART_LINE = Entity("cart_line", private=False)

MOST_SAID_BYTES = 256 * 1024
"""Of all lines together, as JSON: 1,000 lines with an engraving have a third. What a cart holds is read with each of
its changes, and its checkout passes it on in messages of a few megabytes."""


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
    before = {line.sku: line.said for line in cart.by_sku.values()}
    return {sku: _one(known, before.get(sku, NOTHING_ON_IT), each) for sku, each in sent.items()}


def within_limit(cart: Cart, lines: Lines, said: Mapping[str, Said]) -> Mapping[str, Said]:
    """`said`, if what is said of all the `lines` that the cart has then, those that are saved for later too, is not too
    much. Raises `CartFull`.

    Who says nothing new is never refused for what was said before.
    """
    before = {line.sku: line.said for line in cart.by_sku.values()}
    if any(one != before.get(sku, NOTHING_ON_IT) for sku, one in said.items()):
        of_all = (said.get(sku, before.get(sku, NOTHING_ON_IT)) for sku in lines)
        if sum(len(msgspec.json.encode(one)) for one in of_all if one != NOTHING_ON_IT) > MOST_SAID_BYTES:
            detail = f"What is said of the lines of a cart has at most {MOST_SAID_BYTES} bytes together."
            raise CartFull(detail, limit=MOST_SAID_BYTES)
    return said


def _one(known: Known, before: Said, sent: Sent) -> Said:
    kept = before.custom_fields
    if sent.custom_fields:
        place = f"{sent.place}custom_fields"
        fields = values.merged(known, values.named(known, kept), sent.custom_fields, private=False, place=place)
        kept = values.stored(known, fields)
    return Said(kept, values.with_metadata(before.metadata, sent.metadata, f"{sent.place}metadata"))


async def names_for(carts: Carts, *shown: Cart) -> Known:
    """The fields whose values are to be shown, where a line of any has one."""
    is_said = any(line.said.custom_fields for cart in shown for line in cart.by_sku.values())
    return await definitions(carts.db, CART_LINE) if is_said else {}
