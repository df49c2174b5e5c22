"""What the buyer was promised of what was not on hand when it was bought."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

import msgspec


class Kind(StrEnum):
    SHIPS_BY = "ships_by"
    """It is sent by that day."""
    PREORDER_FROM = "preorder_from"
    """It is sent from that day on."""


class Promise(msgspec.Struct, frozen=True):
    """Said once, and kept as it was said: whether the goods are there by then is inventory's to know."""

    kind: Kind
    on: date
