"""Who gets what: a batch of wishes against the stock we hold the locks of. Pure.

In the order in which they came, each wish is granted whole or refused whole; one that does not fit
takes nothing and lets the next try.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from stoa.kit.ids import uuid7
from stoa.kit.problems import Problem
from stoa.services.inventory.errors import OutOfStock, ReservationKeyReused, ReservationReleased
from stoa.services.inventory.reservation import Fill, Lines, Reservation
from stoa.services.inventory.shelves import Shelves
from stoa.services.inventory.states import State


@dataclass(frozen=True, slots=True)
class Wish:
    """Hold `lines` for `hold_seconds` under the caller's idempotency key."""

    key: str
    lines: Lines
    hold_seconds: int


@dataclass
class Holds:
    """A batch being decided. `results` answer the wishes one by one; `made`, `retaken` and `renewed` are what
    there is to write, each key in one of them."""

    shelves: Shelves
    now: datetime
    results: list[Reservation | Problem] = field(default_factory=list)
    made: dict[str, Reservation] = field(default_factory=dict)
    """New."""
    retaken: dict[str, Reservation] = field(default_factory=dict)
    """Had expired and took their stock again, maybe from other warehouses."""
    renewed: dict[str, Reservation] = field(default_factory=dict)
    """Were held and are held for longer."""

    def grant(self, wish: Wish, before: Reservation | None) -> Reservation:
        """Raises the problem that refuses the wish, and then has changed nothing."""
        expires_at = self.now + timedelta(seconds=wish.hold_seconds)
        if before is None:
            made = Reservation(uuid7(), wish.key, State.HELD, self._take(wish.lines), expires_at)
            self.made[wish.key] = made
            return made
        if before.state is State.RELEASED:
            raise ReservationReleased
        if before.lines != wish.lines:
            raise ReservationKeyReused
        if before.state is State.EXPIRED:
            retaken = before.become(State.HELD, fills=self._take(wish.lines), expires_at=expires_at)
            self.retaken[wish.key] = retaken
            return retaken
        if before.state is State.HELD:
            later = max(expires_at, before.expires_at or expires_at)
            renewed = before.become(State.HELD, expires_at=later)
            # The second of two in one batch only changes what is about to be written.
            part = next((part for part in (self.made, self.retaken) if wish.key in part), self.renewed)
            part[wish.key] = renewed
            return renewed
        return before

    def _take(self, lines: Lines) -> tuple[Fill, ...]:
        shortages = self.shelves.short_of(lines)
        if shortages:
            raise OutOfStock(shortages)
        return self.shelves.take(lines)


def decide(wishes: Sequence[Wish], known: Mapping[str, Reservation], shelves: Shelves, now: datetime) -> Holds:
    """Answer every wish and take its stock off `shelves`. `known` has the reservations that exist, by key."""
    holds = Holds(shelves, now)
    current = dict(known)
    for wish in wishes:
        try:
            granted = current[wish.key] = holds.grant(wish, current.get(wish.key))
            holds.results.append(granted)
        except Problem as problem:
            holds.results.append(problem)
    return holds
