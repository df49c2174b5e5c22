"""What inventory announces: a SKU can no longer be bought, or can be bought again, or little of it is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stoa.kit import clock
from stoa.kit.db import Transaction
from stoa.kit.events import Fact
from stoa.kit.outbox import Announcement, Outbox
from stoa.services.inventory import subscriptions_repository
from stoa.services.inventory.stock_rows import Turn


class SoldOut(Fact, event="inventory.sold_out", frozen=True, kw_only=True):
    """Of all warehouses together nothing is left to promise, and nothing more is promised without being on hand."""

    sku: str
    available: int


class BackInStock(Fact, event="inventory.back_in_stock", frozen=True, kw_only=True):
    """There is something to promise, for the first time or again."""

    sku: str
    available: int


class LowStock(Fact, event="inventory.low_stock", frozen=True, kw_only=True):
    """In all warehouses together no more than `low_stock_at` are available, and there were more: it is announced once,
    until there are more again."""

    sku: str
    available: int
    low_stock_at: int


class WaitEnded(Fact, event="inventory.wait_ended", personal=("email", "token"), first=True, frozen=True, kw_only=True):
    """Somebody waited for a SKU that can be bought again, and is told, once. The subject is of nobody else.

    `name` is what catalog calls it; `token` ends whatever else the address waits for.
    """

    sku: str
    name: str
    email: str
    token: str


async def announce_turns(
    outbox: Outbox, tx: Transaction, turns: Sequence[Turn], traces: Mapping[str, str] | None = None
) -> None:
    """Announce what `turns` say, under the locks under which they were worked out, and have who waits for it told.

    `traces` has the traceparent of whoever made a SKU turn, where that is one of many.
    """
    if turns:
        await outbox.announce_all(
            tx, [Announcement(one.sku, one.version, _fact(one), (traces or {}).get(one.sku)) for one in turns]
        )
    if back := [one.sku for one in turns if one.low_stock_at is None and one.left]:
        await subscriptions_repository.make_due(tx, back, clock.now())


def _fact(turn: Turn) -> Fact:
    if turn.low_stock_at is not None:
        return LowStock(sku=turn.sku, available=turn.left, low_stock_at=turn.low_stock_at)
    kind = BackInStock if turn.left else SoldOut
    return kind(sku=turn.sku, available=turn.left)
