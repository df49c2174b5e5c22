"""A cart, as every store keeps it and every act sees it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from stoa.kit.custom_fields.values import Value
from stoa.kit.money import Money
from stoa.services.cart.lines import Lines


class Said(msgspec.Struct, frozen=True):
    """What a shopper said of a line beside how many. Custom fields are kept by their numbers."""

    custom_fields: Mapping[str, Value] = {}
    metadata: Mapping[str, str] = {}


NOTHING_ON_IT = Said()


class Line(msgspec.Struct, frozen=True):
    """`sold_out` is what inventory told last, which may be a moment old. `seen` is what one cost when the shopper put
    it in or last changed it: to tell him that it has changed since, never what he pays."""

    sku: str
    quantity: int
    sold_out: bool
    said: Said = NOTHING_ON_IT
    seen: Money | None = None


class Contact(msgspec.Struct, frozen=True):
    """Who buys and where it goes, as far as it was said."""

    email: str | None = None
    shipping_address: Mapping[str, str] | None = None
    billing_address: Mapping[str, str] | None = None


NOTHING_SAID = Contact()


class Cart(msgspec.Struct, frozen=True):
    """`user_id` is None for a guest's; `lines` are to be bought and `saved` for later, in the order in which they came.

    `round` counts how often it was bought. `keys` are those under which it was changed last. `contact` is for the
    checkout's eyes.
    """

    id: str
    user_id: str | None
    version: int
    round: int
    updated_at: datetime
    lines: tuple[Line, ...]
    keys: tuple[str, ...] = ()
    contact: Contact = NOTHING_SAID
    saved: tuple[Line, ...] = ()

    @property
    def quantities(self) -> Lines:
        """Of what is to be bought."""
        return {line.sku: line.quantity for line in self.lines}

    @property
    def saved_quantities(self) -> Lines:
        return {line.sku: line.quantity for line in self.saved}

    @property
    def by_sku(self) -> Mapping[str, Line]:
        """Each line, also those that are saved for later: no SKU stands twice."""
        return {line.sku: line for line in (*self.lines, *self.saved)}
