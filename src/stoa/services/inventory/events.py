"""What inventory announces: a SKU can no longer be bought, or can be bought again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stoa.kit.db import Transaction
from stoa.kit.events import Fact
from stoa.kit.outbox import Announcement, Outbox
from stoa.services.inventory.shelves import Turn


class SoldOut(Fact, event="inventory.sold_out", frozen=True, kw_only=True):
    """Of all warehouses together nothing is left to promise."""

    sku: str
    available: int


class BackInStock(Fact, event="inventory.back_in_stock", frozen=True, kw_only=True):
    """There is something to promise, for the first time or again."""

    sku: str
    available: int


async def announce_turns(
    outbox: Outbox, tx: Transaction, turns: Sequence[Turn], traces: Mapping[str, str] | None = None
) -> None:
    """Announce what `turns` say, under the locks under which they were worked out.

    `traces` has the traceparent of whoever turned a SKU, where that is one of many.
    """
    if turns:
        await outbox.announce_all(tx, [_announcement(turn, (traces or {}).get(turn.sku)) for turn in turns])


def _announcement(turn: Turn, traceparent: str | None) -> Announcement:
    kind = BackInStock if turn.available else SoldOut
    return Announcement(turn.sku, turn.version, kind(sku=turn.sku, available=turn.available), traceparent)
