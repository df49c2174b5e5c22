"""Allocate: promise what was held to orders, many callers in one transaction.

Who knows the order beforehand reserves for it at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stoa.kit.db import Database
from stoa.kit.problems import Problem
from stoa.services.inventory import repository
from stoa.services.inventory.errors import (
    NoSuchReservation,
    ReservationExpired,
    ReservationPromised,
    ReservationReleased,
)
from stoa.services.inventory.reservation import Reservation
from stoa.services.inventory.states import State


@dataclass(frozen=True, slots=True)
class Promise:
    """What is reserved under `key` goes to the order."""

    key: str
    order_id: str


async def allocate_all(db: Database, promises: Sequence[Promise]) -> Sequence[Reservation | Problem]:
    """Answer every promise: the reservation as it is then, or the problem that refuses it alone.

    No stock moves, so a hold whose time is over can still be promised until the expiry has taken it.
    """
    async with db.transaction() as tx:
        known = await repository.lock_reservations(tx, {promise.key for promise in promises})
        results, promised = decide(promises, known)
        if promised:
            await repository.keep(tx, promised)
        return results


def decide(
    promises: Sequence[Promise], known: Mapping[str, Reservation]
) -> tuple[list[Reservation | Problem], list[Reservation]]:
    """The answers one by one, and the reservations that become allocated, each once. Pure."""
    current = dict(known)
    promised: dict[str, Reservation] = {}
    results: list[Reservation | Problem] = []
    for promise in promises:
        try:
            after = _promise(promise, current.get(promise.key))
        except Problem as problem:
            results.append(problem)
            continue
        if after is not current[promise.key]:
            current[promise.key] = promised[promise.key] = after
        results.append(after)
    return results, list(promised.values())


def _promise(promise: Promise, before: Reservation | None) -> Reservation:
    if before is None:
        raise NoSuchReservation
    if before.state is State.HELD:
        return before.become(State.ALLOCATED, order_id=promise.order_id, expires_at=None)
    if before.state is State.EXPIRED:
        raise ReservationExpired
    if before.state is State.RELEASED:
        raise ReservationReleased
    if before.order_id != promise.order_id:
        raise ReservationPromised
    return before
