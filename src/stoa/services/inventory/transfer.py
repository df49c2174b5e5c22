"""A transfer as the acts see it: goods that leave one warehouse for another. Pure.

What was sent of a line is received, lost, returned to its source or on the way: at any moment these add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from stoa.services.inventory.documents_errors import MoreThanOnTheWay, NotOnTheDocument, WrongState
from stoa.services.inventory.reservation import Lines


class TransferState(StrEnum):
    DRAFT = "draft"
    """Being written: nothing has moved."""
    SENT = "sent"
    """It has left its source, and some of it is on the way."""
    RECEIVED = "received"
    """Nothing is on the way any more: it arrived, or some of it did, or it was lost."""
    CANCELED = "canceled"
    """Never sent, or nothing arrived and what was on the way is back at its source."""


class Draft(msgspec.Struct, frozen=True):
    """What a transfer that has not been sent says."""

    source: str
    destination: str
    lines: Lines
    expected_on: date | None = None
    note: str = ""


class TransferLine(msgspec.Struct, frozen=True):
    sku: str
    quantity: int
    sent: int = 0
    received: int = 0
    lost: int = 0
    returned: int = 0

    @property
    def on_the_way(self) -> int:
        return self.sent - self.received - self.lost - self.returned


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """`lines` stand in the order of their SKUs."""

    id: str
    source: str
    destination: str
    state: TransferState
    expected_on: date | None
    note: str
    version: int
    created_at: datetime
    changed_at: datetime
    lines: tuple[TransferLine, ...] = ()

    @property
    def on_the_way(self) -> dict[str, int]:
        """Units by SKU, of lines of which something is."""
        return {line.sku: line.on_the_way for line in self.lines if line.on_the_way}

    def must_be(self, state: TransferState) -> None:
        """Raises `WrongState`."""
        if self.state is not state:
            raise WrongState("transfer", self.state)

    def sent(self) -> Transfer:
        """All of it leaves. Raises `WrongState`."""
        self.must_be(TransferState.DRAFT)
        lines = tuple(replace(line, sent=line.quantity) for line in self.lines)
        return replace(self, state=TransferState.SENT, lines=lines)

    def received(self, units: Lines) -> Transfer:
        """So much of it has arrived. Raises `WrongState`, `NotOnTheDocument`, `MoreThanOnTheWay`."""
        self._check(units)
        return self._with(tuple(replace(line, received=line.received + units.get(line.sku, 0)) for line in self.lines))

    def lost(self, units: Lines) -> Transfer:
        """So much of it will not arrive. Raises the same."""
        self._check(units)
        return self._with(tuple(replace(line, lost=line.lost + units.get(line.sku, 0)) for line in self.lines))

    def canceled(self) -> Transfer:
        """What is on the way goes back. Raises `WrongState` where nothing is."""
        if self.state not in {TransferState.DRAFT, TransferState.SENT}:
            raise WrongState("transfer", self.state)
        lines = tuple(replace(line, returned=line.returned + line.on_the_way) for line in self.lines)
        some = any(line.received for line in lines)
        return replace(self, state=TransferState.RECEIVED if some else TransferState.CANCELED, lines=lines)

    def _check(self, units: Lines) -> None:
        self.must_be(TransferState.SENT)
        known: Mapping[str, int] = {line.sku: line.on_the_way for line in self.lines}
        if unknown := units.keys() - known.keys():
            raise NotOnTheDocument(unknown)
        if any(many > known[sku] for sku, many in units.items()):
            raise MoreThanOnTheWay(units, known)

    def _with(self, lines: tuple[TransferLine, ...]) -> Transfer:
        some = any(line.on_the_way for line in lines)
        return replace(self, state=TransferState.SENT if some else TransferState.RECEIVED, lines=lines)
