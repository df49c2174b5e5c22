"""Expire: holds whose time is over give their stock back."""

from __future__ import annotations

from stoa.kit import clock
from stoa.services.inventory import repository
from stoa.services.inventory.release import give_back
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.states import State

AT_ONCE = 200
"""In one transaction: enough to be quick, few enough that nobody waits long for their items."""


async def expire_holds(inventory: Inventory) -> int:
    """End every hold that is due; how many. Several processes may do it at once: none is ended twice."""
    ended = 0
    while True:
        async with inventory.db.transaction() as tx:
            due = await repository.take_due(tx, clock.now(), AT_ONCE)
            if due:
                await give_back(tx, inventory.outbox, due, State.EXPIRED)
        ended += len(due)
        if len(due) < AT_ONCE:
            return ended
