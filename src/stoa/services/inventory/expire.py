"""Expire: holds whose time is over give their stock back."""

from __future__ import annotations

from stoa.kit import clock
from stoa.services.inventory import repository
from stoa.services.inventory.give_back import give_back
from stoa.services.inventory.locks import Lock
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.states import State

AT_ONCE = 200
"""In one transaction: enough to be quick, few enough that nobody waits long for their items."""


async def expire_holds(inventory: Inventory) -> int:
    """End every hold that is due; how many. Several processes may do it at once: none is ended twice.

    One that has an item which somebody holds stays due, so that no other waits for it.
    """
    ended = 0
    held: set[str] = set()
    while True:
        async with inventory.db.transaction() as tx:
            due = await repository.take_due(tx, clock.now(), AT_ONCE, held)
            if due:
                items = {Lock("item", sku) for one in due for sku in one.skus}
                held |= {lock.name for lock in await repository.held(tx, items)}
            ending = [one for one in due if held.isdisjoint(one.skus)]
            if ending:
                await give_back(tx, inventory.outbox, ending, State.EXPIRED)
        ended += len(ending)
        if len(due) < AT_ONCE:
            return ended
