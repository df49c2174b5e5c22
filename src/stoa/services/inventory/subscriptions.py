"""Who waits for a SKU is told once when it can be bought again: in rounds, first come first served.

Ten thousand may wait for what three have come of. So a round tells as many as can be bought times a factor, and the
next begins only if some are left after a while. Each is told once, and ends with that.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from stoa.contracts.catalog.v1.catalog_pb2 import GetVariantsRequest
from stoa.kit import clock
from stoa.kit.ids import first_uuid7
from stoa.kit.outbox import Announcement
from stoa.services.inventory import stock_repository, subscriptions_repository
from stoa.services.inventory.errors import NoSuchSku
from stoa.services.inventory.events import WaitEnded
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.stock_rows import SkuStock
from stoa.services.inventory.subscriptions_errors import InStock
from stoa.services.inventory.subscriptions_repository import Due

MOST_OF_AN_ADDRESS = 50
"""SKUs that one address waits for: more than a person wants, and few for whoever enters another's."""
SKUS_AT_ONCE = 20
TOLD_AT_ONCE = 200
"""Of a SKU in one transaction: their mails are many, and nobody waits for the next two hundred."""


async def subscribe(inventory: Inventory, sku: str, email: str, user_id: str | None) -> None:
    """`email` is told when the SKU can be bought. Twice is once. Raises `NoSuchSku`, `InStock`."""
    async with inventory.db.transaction() as tx:
        # So that none comes between the look and the note that somebody waits.
        if not await subscriptions_repository.share_item(tx, sku):
            raise NoSuchSku(sku)
        stock = (await stock_repository.stock_of_each(tx, [sku])).get(sku)
        if stock is not None and stock.to_promise:
            raise InStock(sku)
        await subscriptions_repository.subscribe(tx, sku, email.lower(), user_id, MOST_OF_AN_ADDRESS)


async def tell_who_waits(inventory: Inventory) -> None:
    """One round of each SKU that is due, or a part of it."""
    while skus := await subscriptions_repository.due(inventory.db, clock.now(), SKUS_AT_ONCE):
        names = await _names(inventory, skus)
        if not await _tell(inventory, skus, names):
            return


async def remove_old(inventory: Inventory, most: int) -> int:
    """So many of those who have waited for longer than anybody remembers; how many."""
    before = clock.now() - timedelta(days=inventory.settings.subscription_days)
    return await subscriptions_repository.remove_old(inventory.db, first_uuid7(before), most)


async def _names(inventory: Inventory, skus: list[str]) -> dict[str, str]:
    """What catalog calls them, with no transaction open; of what is no product any more its SKU."""
    answer = await inventory.catalog.GetVariants(GetVariantsRequest(skus=skus))
    told = {one.sku: " ".join(part for part in (one.product_name, one.variant_name) if part) for one in answer.variants}
    return {sku: told.get(sku) or sku for sku in skus}


async def _tell(inventory: Inventory, skus: list[str], names: Mapping[str, str]) -> bool:
    """Whether any of them was ours to tell."""
    settings = inventory.settings
    async with inventory.db.transaction() as tx:
        now = clock.now()
        taken = await subscriptions_repository.take_due(tx, skus, now)
        stock = await stock_repository.stock_of_each(tx, [one.sku for one in taken])
        to_tell = {one.sku: _to_tell(one, stock, settings.told_per_unit) for one in taken}
        wanted = {sku: min(units, TOLD_AT_ONCE) for sku, units in to_tell.items() if units}
        told = await subscriptions_repository.take_first(tx, wanted)
        count = {sku: sum(one.sku == sku for one in told) for sku in wanted}
        done = [sku for sku, units in wanted.items() if count[sku] < units]
        round_ = timedelta(seconds=settings.told_again_seconds)
        put_off = [
            (sku, now if left else now + round_ if units else None, left or None)
            for sku, units in to_tell.items()
            if sku not in done
            for left in [units - count.get(sku, 0)]
        ]
        await subscriptions_repository.put_off(tx, put_off)
        await subscriptions_repository.nobody_waits(tx, done)
        facts = [
            Announcement(one.id, 1, WaitEnded(sku=one.sku, name=names[one.sku], email=one.email, token=one.token))
            for one in told
        ]
        if facts:
            await inventory.outbox.announce_all(tx, facts)
        return bool(taken)


def _to_tell(due: Due, stock: Mapping[str, SkuStock], told_per_unit: int) -> int:
    """How many a round has still to tell; none of what is gone again."""
    there = stock.get(due.sku)
    units = there.to_promise if there else 0
    return 0 if not units else due.to_tell or units * told_per_unit
