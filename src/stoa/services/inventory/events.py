"""What inventory announces: a SKU can no longer be bought, or can be bought again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stoa.kit.db import Transaction
from stoa.kit.events import Fact
from stoa.kit.outbox import Announcement, Outbox
from stoa.services.inventory.stock_rows import ZeroCrossing


class SoldOut(Fact, event="inventory.sold_out", frozen=True, kw_only=True):
    """Of all warehouses together nothing is left to promise."""

    sku: str
    available: int


class BackInStock(Fact, event="inventory.back_in_stock", frozen=True, kw_only=True):
    """There is something to promise, for the first time or again."""

    sku: str
    available: int


async def announce_zero_crossings(
    outbox: Outbox, tx: Transaction, crossings: Sequence[ZeroCrossing], traces: Mapping[str, str] | None = None
) -> None:
    """Announce what `crossings` say, under the locks under which they were worked out.

    `traces` has the traceparent of whoever made a SKU cross zero, where that is one of many.
    """
    if crossings:
        await outbox.announce_all(tx, [_announcement(one, (traces or {}).get(one.sku)) for one in crossings])


def _announcement(crossing: ZeroCrossing, traceparent: str | None) -> Announcement:
    kind = BackInStock if crossing.available else SoldOut
    return Announcement(
        crossing.sku, crossing.version, kind(sku=crossing.sku, available=crossing.available), traceparent
    )
