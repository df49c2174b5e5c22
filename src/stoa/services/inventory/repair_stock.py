"""Repair: counters that are not what movements and reservations sum to are set to that, beside a shop that sells.

Nothing is locked while it looks: what is on hand, its movements and what is promised of it are read as of one moment,
with the version of the row. Then the items are locked, a few at a time, and a row is set right only where it still has
that version: whoever changed it meanwhile has changed it by differences, and it is looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stoa.kit import staff_acts
from stoa.kit.db import Database
from stoa.kit.outbox import Outbox
from stoa.services.inventory import repair_repository, stock_repository
from stoa.services.inventory.backorders import fill_backorders
from stoa.services.inventory.events import announce_turns
from stoa.services.inventory.repair_repository import Wrong

LOOKS = 5
"""How often what was changed meanwhile is looked at again."""
LOOK_AT = 10_000
"""SKUs that are read at once: for each piece all reservations are read."""
MEND_AT_ONCE = 50
"""SKUs whose items are locked at once."""


class Outcome(NamedTuple):
    """What was `mended`, or would be; what is left `unmended`, because more is promised than its movements sum to; what
    was changed at every look (`busy`). Of `items` in all so many were `looked_at` here, the last of them `last`."""

    mended: list[Wrong]
    unmended: list[Wrong]
    busy: list[Wrong]
    items: int
    looked_at: int
    last: str


async def repair_stock(db: Database, outbox: Outbox, after: str, *, dry_run: bool) -> Outcome:
    """The next piece of the SKUs after this one, in their order; after the last none. Safe to repeat."""
    items = await repair_repository.count_items(db)
    skus = await repair_repository.skus_after(db, after, LOOK_AT)
    wrong = await repair_repository.wrong_of(db, skus)
    unmended = [one for one in wrong if one.promised > one.moved]
    left = [one for one in wrong if one.promised <= one.moved]
    mended = []
    if dry_run:
        mended, left = left, []
    for _ in range(LOOKS):
        if not left:
            break
        done = await _mend_all(db, outbox, left)
        mended += done
        again = sorted({one.sku for one in left if one not in done})
        left = await repair_repository.wrong_of(db, again) if again else []
        left = [one for one in left if one.promised <= one.moved]
    return Outcome(mended, unmended, left, items, len(skus), skus[-1] if skus else "")


async def _mend_all(db: Database, outbox: Outbox, wrong: Sequence[Wrong]) -> list[Wrong]:
    """Those that still were as they had been read, a few SKUs at a time."""
    rows_of = _by_sku(wrong)
    mended = []
    for at in range(0, len(rows_of), MEND_AT_ONCE):
        mended += await _mend(db, outbox, [one for rows in rows_of[at : at + MEND_AT_ONCE] for one in rows])
    return mended


def _by_sku(wrong: Sequence[Wrong]) -> list[list[Wrong]]:
    found: dict[str, list[Wrong]] = {}
    for one in wrong:
        found.setdefault(one.sku, []).append(one)
    return [found[sku] for sku in sorted(found)]


async def _mend(db: Database, outbox: Outbox, wrong: Sequence[Wrong]) -> list[Wrong]:
    """Those of the rows that still were as they had been read."""
    async with db.transaction() as tx:
        stock = await stock_repository.lock_stock_rows(tx, {one.sku for one in wrong})
        mended = []
        for one in wrong:
            row = stock.row(one.sku, one.warehouse_id)
            if row is not None and row.version == one.version:
                row.on_hand, row.reserved = one.moved, one.promised
                mended.append(one)
        await repair_repository.set_right(tx, stock.changes())
        for one in mended:
            await staff_acts.record_operator(
                tx,
                act="stock.repaired",
                subject=one.sku,
                before={"warehouse": one.warehouse_id, "on_hand": one.on_hand, "reserved": one.reserved},
                after={"warehouse": one.warehouse_id, "on_hand": one.moved, "reserved": one.promised},
            )
        await fill_backorders(tx, stock)
        await announce_turns(outbox, tx, stock.turns())
        return mended
