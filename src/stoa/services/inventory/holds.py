"""Who gets what: a batch of requests against the stock we hold the locks of. Pure.

In the order in which they came, each request is granted whole or refused whole; one that does not fit
takes nothing and lets the next try.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from stoa.kit.ids import moment_of, uuid7
from stoa.kit.problems import Problem
from stoa.services.inventory.allocation import Allocation
from stoa.services.inventory.allocation.place import NOWHERE, Destination
from stoa.services.inventory.errors import OutOfStock, ReservationKeyReused, ReservationPromised, ReservationReleased
from stoa.services.inventory.reservation import Lines, Reservation
from stoa.services.inventory.settings import LONGEST_HOLD_SECONDS
from stoa.services.inventory.states import State
from stoa.services.inventory.stock_rows import StockRows, Taken


class ReservationRequest(msgspec.Struct, frozen=True):
    """Take `lines` under the caller's idempotency key: for an order, or else for `hold_seconds`."""

    key: str
    lines: Lines
    hold_seconds: int
    order_id: str | None = None
    destination: Destination = NOWHERE

    @property
    def state(self) -> State:
        return State.ALLOCATED if self.order_id else State.HELD


@dataclass
class Holds:
    """A batch being decided. `results` answer the requests one by one; `made`, `retaken` and `renewed` are what
    there is to write, each key in one of them."""

    stock: StockRows
    now: datetime
    allocation: Allocation | None = None
    """None: from the warehouses in their order."""
    results: list[Reservation | Problem] = field(default_factory=list)
    made: dict[str, Reservation] = field(default_factory=dict)
    """New."""
    retaken: dict[str, Reservation] = field(default_factory=dict)
    """Had expired and took their stock again, maybe from other warehouses."""
    renewed: dict[str, Reservation] = field(default_factory=dict)
    """Were held, and are held for longer or promised to an order."""

    def grant(self, request: ReservationRequest, before: Reservation | None) -> Reservation:
        """Raises the problem that refuses the request, and then has changed nothing."""
        order_id = request.order_id
        expires_at = None if order_id else self.now + timedelta(seconds=request.hold_seconds)
        if before is None:
            taken = self._take(request)
            made = self.made[request.key] = Reservation(
                id=uuid7(),
                key=request.key,
                state=request.state,
                expires_at=expires_at,
                order_id=order_id,
                **taken._asdict(),
            )
            return made
        if before.state is State.RELEASED:
            raise ReservationReleased
        if before.lines != request.lines:
            raise ReservationKeyReused
        if before.state is State.EXPIRED:
            taken = self._take(request)
            retaken = before.become(request.state, expires_at=expires_at, order_id=order_id, **taken._asdict())
            self.retaken[request.key] = retaken
            return retaken
        if before.state is State.HELD:
            if expires_at and before.expires_at:
                latest = moment_of(before.id) + timedelta(seconds=LONGEST_HOLD_SECONDS)
                expires_at = max(min(expires_at, latest), before.expires_at)
            renewed = before.become(request.state, expires_at=expires_at, order_id=order_id)
            # The second of two in one batch only changes what is about to be written.
            part = next((part for part in (self.made, self.retaken) if request.key in part), self.renewed)
            part[request.key] = renewed
            return renewed
        if order_id not in {None, before.order_id}:
            raise ReservationPromised
        return before

    def _take(self, request: ReservationRequest) -> Taken:
        shortages = self.stock.short_of(request.lines)
        if shortages:
            raise OutOfStock(shortages)
        today = self.now.date()
        if self.allocation is None:
            return self.stock.take(request.lines, today)
        shelves = self.stock.sellable(request.lines)
        places = self.allocation.draw_from(request.lines, shelves, request.destination)
        return self.stock.take(request.lines, today, places)


def decide(
    requests: Sequence[ReservationRequest],
    known: Mapping[str, Reservation],
    stock: StockRows,
    now: datetime,
    allocation: Allocation | None = None,
) -> Holds:
    """Answer every request and take its stock off `stock`. `known` has the reservations that exist, by key."""
    holds = Holds(stock, now, allocation)
    current = dict(known)
    for request in requests:
        try:
            granted = current[request.key] = holds.grant(request, current.get(request.key))
            holds.results.append(granted)
        except Problem as problem:
            holds.results.append(problem)
    return holds
