"""End preorders: on the day on which a SKU was to be there, only what is on hand is sold."""

from __future__ import annotations

from datetime import UTC, datetime, time

from stoa.kit import clock
from stoa.services.inventory import policy_repository, stock_repository
from stoa.services.inventory.events import announce_turns
from stoa.services.inventory.service import Inventory

AT_ONCE = 200
"""In one transaction, as with holds that expire."""


async def end_preorders(inventory: Inventory) -> int:
    """End every preorder whose day has come; how many. What was promised stays promised, until the goods are there."""
    ended = 0
    while True:
        async with inventory.db.transaction() as tx:
            due = await policy_repository.due_preorders(tx, clock.now().date(), AT_ONCE)
            if due:
                stock = await stock_repository.lock_stock_rows(tx, sorted(due))
                await policy_repository.end_preorders(tx, due)
                for sku in due:
                    stock.end_preorder(sku)
                await announce_turns(inventory.outbox, tx, stock.turns())
        ended += len(due)
        if len(due) < AT_ONCE:
            return ended


async def seconds_to_next(inventory: Inventory) -> float | None:
    """Until the next preorder ends, at midnight UTC; None where there is none."""
    day = await policy_repository.next_preorder(inventory.db)
    return None if day is None else (datetime.combine(day, time(), UTC) - clock.now()).total_seconds()
