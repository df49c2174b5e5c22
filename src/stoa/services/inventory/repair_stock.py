"""Repair: counters that are not what they count are set to that, beside a shop that sells.

On hand is what the movements sum to, reserved what reservations promise, incoming what is still to come of receipts and
transfers, backordered what is owed by open backorders.

Nothing is locked while it looks. Movements and reservations are many: what they sum to is read as of one moment, with
the version of the row. Then the items are locked, a few at a time, and such a row is set right only where it still has
that version: whoever changed it meanwhile has changed it by differences, and it is looked at again. What is to come and
what is owed is little, and is counted anew under the lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from stoa.kit import staff_acts
from stoa.kit.db import Database, Transaction
from stoa.kit.outbox import Outbox
from stoa.services.inventory import receipts_repository, repair_repository, stock_repository
from stoa.services.inventory.backorders import fill_backorders
from stoa.services.inventory.events import announce_turns
from stoa.services.inventory.repair_repository import Miscount, Wrong
from stoa.services.inventory.stock_rows import StockRows

LOOKS = 5
"""How often what was changed meanwhile is looked at again."""
LOOK_AT = 10_000
"""SKUs that are read at once: for each piece all reservations are read."""
MEND_AT_ONCE = 50
"""SKUs whose items are locked at once."""


class Outcome(NamedTuple):
    """What was `mended`, or would be; what is left `unmended`, because more is promised than its movements sum to, or
    more is owed than its limit; what was changed at every look (`busy`). Of `items` in all so many were `looked_at`
    here, the last of them `last`."""

    mended: list[Miscount]
    unmended: list[Miscount]
    busy: list[Miscount]
    items: int
    looked_at: int
    last: str


async def repair_stock(db: Database, outbox: Outbox, after: str, *, dry_run: bool) -> Outcome:
    """The next piece of the SKUs after this one, in their order; after the last none. Safe to repeat."""
    items = await repair_repository.count_items(db)
    skus = await repair_repository.skus_after(db, after, LOOK_AT)
    wrong = await repair_repository.wrong_of(db, skus)
    miscounted = await repair_repository.miscounted_of(db, skus)
    left = [one for one in wrong if one.mendable]
    mended = [*_counters(left), *(one for one in miscounted if one.mendable)]
    unmended = [*_counters(one for one in wrong if not one.mendable), *(one for one in miscounted if not one.mendable)]
    if dry_run:
        left = []
    else:
        wanted, mended = {one.sku for one in mended}, []
        for _ in range(LOOKS):
            if not wanted:
                break
            mended += await _mend_all(db, outbox, wanted, left)
            done = {(one.sku, one.warehouse_id) for one in mended}
            again = {one.sku for one in left if (one.sku, one.warehouse_id) not in done}
            left = [one for one in await repair_repository.wrong_of(db, sorted(again)) if one.mendable] if again else []
            wanted = {one.sku for one in left}
    return Outcome(sorted(mended), sorted(unmended), _counters(left), items, len(skus), skus[-1] if skus else "")


def _counters(wrong: Iterable[Wrong]) -> list[Miscount]:
    return [counter for one in wrong for counter in one.counters]


async def _mend_all(db: Database, outbox: Outbox, skus: Iterable[str], wrong: Sequence[Wrong]) -> list[Miscount]:
    """What was set right, a few SKUs at a time: of `wrong` the rows that still were as they had been read."""
    mended: list[Miscount] = []
    wanted = sorted(skus)
    for at in range(0, len(wanted), MEND_AT_ONCE):
        some = wanted[at : at + MEND_AT_ONCE]
        mended += await _mend(db, outbox, some, [one for one in wrong if one.sku in some])
    return mended


async def _mend(db: Database, outbox: Outbox, skus: Sequence[str], wrong: Sequence[Wrong]) -> list[Miscount]:
    async with db.transaction() as tx:
        stock = await stock_repository.lock_stock_rows(tx, skus)
        mended = [*await _count_anew(tx, skus, stock), *_set_back(wrong, stock)]
        await repair_repository.set_right(tx, stock.changes())
        await _keep(tx, mended)
        await fill_backorders(tx, stock)
        await announce_turns(outbox, tx, stock.turns())
        return mended


async def _count_anew(tx: Transaction, skus: Sequence[str], stock: StockRows) -> list[Miscount]:
    """What is to come and what is owed, of locked items."""
    miscounted = [one for one in await repair_repository.miscounted_of(tx, skus) if one.mendable]
    to_come = [one for one in miscounted if one.warehouse_id]
    for warehouse_id in {one.warehouse_id for one in to_come}:
        await receipts_repository.count_incoming(
            tx, [one.sku for one in to_come if one.warehouse_id == warehouse_id], warehouse_id
        )
    owed = [one for one in miscounted if not one.warehouse_id]
    for one in owed:
        if (found := stock.of(one.sku)) is not None:
            found.item.backordered = one.right
    await repair_repository.set_owed(tx, owed)
    return miscounted


def _set_back(wrong: Sequence[Wrong], stock: StockRows) -> list[Miscount]:
    """The rows that still are as they were read have what they count."""
    set_back = []
    for one in wrong:
        row = stock.row(one.sku, one.warehouse_id)
        if row is not None and row.version == one.version:
            row.on_hand, row.reserved = one.moved, one.promised
            set_back.append(one)
    return _counters(set_back)


async def _keep(tx: Transaction, mended: Sequence[Miscount]) -> None:
    for one in mended:
        where = {"warehouse": one.warehouse_id} if one.warehouse_id else {}
        await staff_acts.record_operator(
            tx,
            act="stock.repaired",
            subject=one.sku,
            before=where | {one.counter: one.was},
            after=where | {one.counter: one.right},
        )
