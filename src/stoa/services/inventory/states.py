"""The states of a reservation and the only ways between them; docs/algorithms/stock.md draws them."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    HELD = "held"
    """Taken off what is available until `expires_at`."""
    ALLOCATED = "allocated"
    """Taken off what is available for an order: it does not expire."""
    COMMITTED = "committed"
    """Sold: taken off what is on hand."""
    RELEASED = "released"
    """Given back, or refused before it was made. The key is spent."""
    EXPIRED = "expired"
    """Given back because nobody came; the same key may take it again."""


TRANSITIONS: dict[State, frozenset[State]] = {
    State.HELD: frozenset({State.HELD, State.ALLOCATED, State.COMMITTED, State.RELEASED, State.EXPIRED}),
    State.ALLOCATED: frozenset({State.COMMITTED, State.RELEASED}),
    State.COMMITTED: frozenset({State.RELEASED}),
    State.RELEASED: frozenset(),
    State.EXPIRED: frozenset({State.HELD, State.ALLOCATED, State.RELEASED}),
}


class ImpossibleTransition(Exception):
    """Our own mistake: an act tried what the table above does not have."""


def check(before: State, after: State) -> None:
    """Raise `ImpossibleTransition` unless `after` may follow `before`."""
    if after not in TRANSITIONS[before]:
        raise ImpossibleTransition(f"{before} to {after}")
