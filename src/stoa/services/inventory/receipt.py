"""A receipt as the acts see it: what was ordered of a supplier, and how much of it has come. Pure."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from stoa.services.inventory.documents_errors import MoreThanOrdered, NotOnTheDocument, WrongState
from stoa.services.inventory.reservation import Lines


class ReceiptState(StrEnum):
    EXPECTED = "expected"
    """Some of it is still to come."""
    RECEIVED = "received"
    """Nothing more is to come, and something came."""
    CANCELED = "canceled"
    """Nothing came, and nothing will."""


class Order(msgspec.Struct, frozen=True):
    """What is ordered of a supplier."""

    supplier: str
    warehouse_id: str
    lines: Lines
    expected_on: date | None = None
    reference: str = ""
    note: str = ""


class ReceiptLine(msgspec.Struct, frozen=True):
    """`received` may be more than was `ordered`, where somebody has said so."""

    sku: str
    ordered: int
    received: int = 0
    canceled: int = 0

    @property
    def incoming(self) -> int:
        return max(0, self.ordered - self.received - self.canceled)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """`lines` stand in the order of their SKUs."""

    id: str
    supplier: str
    reference: str
    warehouse_id: str
    state: ReceiptState
    expected_on: date | None
    note: str
    version: int
    created_at: datetime
    changed_at: datetime
    lines: tuple[ReceiptLine, ...] = ()

    @property
    def incoming(self) -> dict[str, int]:
        """Units by SKU, of lines of which something is."""
        return {line.sku: line.incoming for line in self.lines if line.incoming}

    def must_be_expected(self) -> None:
        """Raises `WrongState`."""
        if self.state is not ReceiptState.EXPECTED:
            raise WrongState("receipt", self.state)

    def received(self, units: Lines, *, over: bool) -> Receipt:
        """So much has come; more than was ordered only where somebody says `over`.

        Raises `WrongState`, `NotOnTheDocument`, `MoreThanOrdered`.
        """
        self._check(units, over=over)
        return self._with(tuple(replace(line, received=line.received + units.get(line.sku, 0)) for line in self.lines))

    def canceled(self, units: Lines) -> Receipt:
        """So much will not come. Raises the same."""
        self._check(units, over=False)
        return self._with(tuple(replace(line, canceled=line.canceled + units.get(line.sku, 0)) for line in self.lines))

    def _check(self, units: Lines, *, over: bool) -> None:
        self.must_be_expected()
        known = {line.sku: line.incoming for line in self.lines}
        if unknown := units.keys() - known.keys():
            raise NotOnTheDocument(unknown)
        if not over and any(many > known[sku] for sku, many in units.items()):
            raise MoreThanOrdered(units, known)

    def _with(self, lines: tuple[ReceiptLine, ...]) -> Receipt:
        ended = ReceiptState.RECEIVED if any(line.received for line in lines) else ReceiptState.CANCELED
        some = any(line.incoming for line in lines)
        return replace(self, state=ReceiptState.EXPECTED if some else ended, lines=lines)
