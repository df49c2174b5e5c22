"""Sell: orders were placed, so what they were promised leaves the shelf."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from stoa.kit import context
from stoa.kit.db import Transaction
from stoa.services.inventory import discrepancies_repository, repository
from stoa.services.inventory.give_back import leave_tombstones
from stoa.services.inventory.repository import Standing
from stoa.services.inventory.reservation import Lines
from stoa.services.inventory.states import State

log = logging.getLogger(__name__)


class Sale(msgspec.Struct, frozen=True):
    """A placed order: `lines` are what it sold, `key` is the reservation's, `traceparent` that of its event."""

    order_id: str
    number: str
    key: str
    lines: Lines
    traceparent: str


async def sell(tx: Transaction, sales: Sequence[Sale]) -> None:
    """Commit the reservations of placed orders. A repeat, or an order canceled meanwhile, changes nothing.

    A paid order whose reservation is gone is not lost: it is noted as a discrepancy, for somebody to
    count the shelf, because its goods will leave it. Raises `KeyTaken` where one is made at this moment.
    """
    keys = {sale.key for sale in sales}
    known = await repository.lock_to_sell(tx, keys)
    late = await _sell(tx, sales, known)
    await leave_tombstones(tx, keys - known.keys())
    for sale in late:
        await _note(tx, sale)


async def _sell(tx: Transaction, sales: Sequence[Sale], known: dict[str, Standing]) -> list[Sale]:
    """Sell those whose reservation is locked and can be sold; which come too late."""
    sold: dict[str, str] = {}
    late = []
    for sale in sales:
        found = known.get(sale.key)
        if found is not None and found.order_id in {None, sale.order_id}:
            if found.order_canceled or found.state is State.COMMITTED:
                continue
            if found.state in {State.HELD, State.ALLOCATED}:
                sold[found.id] = sale.order_id
                known[sale.key] = found._replace(state=State.COMMITTED, order_id=sale.order_id)
                continue
        late.append(sale)
    await repository.sell(tx, sold)
    return late


async def _note(tx: Transaction, sale: Sale) -> None:
    found = await repository.reservation(tx, sale.key)
    # Sales share a transaction, and each has a trace of its own.
    with context.using(context.fresh(traceparent=sale.traceparent)):
        log.error("order %s is placed but %s", sale.number, found, extra={"order_id": sale.order_id})
    await discrepancies_repository.note_discrepancy(
        tx,
        "sold_unreserved",
        order_id=sale.order_id,
        return_id=None,
        number=sale.number,
        detail=str(found),
        lines=sale.lines,
    )
