"""Who waits for a SKU is told once when it can be bought again: in rounds, first come first served.

Ten thousand may wait for what three have come of. So a round tells as many as can be bought times a factor, and the
next begins only if some are left after a while. Each is told once, and ends with that.

What has come in and is not for sale (a draft, an archived product, one that begins later) is told to nobody: it is
noted as hidden, and looked at again when catalog tells of its product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from stoa.contracts.catalog.v1.catalog_pb2 import GetOwnersRequest, GetVariantsRequest
from stoa.kit import clock
from stoa.kit.ids import first_uuid7
from stoa.kit.outbox import Announcement
from stoa.services.inventory import stock_repository, subscriptions_repository
from stoa.services.inventory.errors import NoSuchSku
from stoa.services.inventory.events import WaitEnded
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.stock_rows import SkuStock
from stoa.services.inventory.subscriptions_errors import InStock
from stoa.services.inventory.subscriptions_repository import Awaited

MOST_OF_AN_ADDRESS = 50
"""SKUs that one address waits for: more than a person wants, and few for whoever enters another's."""
SKUS_AT_ONCE = 20
TOLD_AT_ONCE = 200
"""Of a SKU in one transaction: their mails are many, and nobody waits for the next two hundred."""


async def subscribe(inventory: Inventory, sku: str, email: str, user_id: str | None) -> None:
    """`email` is told when the SKU can be bought. Twice is once. Raises `NoSuchSku`, `InStock`."""
    if await _waits(inventory, sku, email, user_id, though_in_stock=False):
        return
    if await _names(inventory, [sku]):
        raise InStock(sku)
    await _waits(inventory, sku, email, user_id, though_in_stock=True)


async def _waits(inventory: Inventory, sku: str, email: str, user_id: str | None, *, though_in_stock: bool) -> bool:
    """Whether it is noted: not where the SKU is in stock, unless that is not for sale."""
    async with inventory.db.transaction() as tx:
        # So that none comes between the look and the note that somebody waits.
        if not await subscriptions_repository.share_item(tx, sku):
            raise NoSuchSku(sku)
        stock = (await stock_repository.stock_of_each(tx, [sku])).get(sku)
        is_in_stock = stock is not None and stock.to_promise > 0
        if is_in_stock and not though_in_stock:
            return False
        await subscriptions_repository.subscribe(tx, sku, email.lower(), user_id, MOST_OF_AN_ADDRESS)
        if is_in_stock:
            # The round notes that it is hidden, or tells of it if it is not any more.
            await subscriptions_repository.make_due(tx, [sku], clock.now())
        return True


async def tell_who_waits(inventory: Inventory) -> None:
    """One round of each SKU that is due, or a part of it."""
    while due := await subscriptions_repository.due(inventory.db, clock.now(), SKUS_AT_ONCE):
        skus = [one.sku for one in due]
        names = await _names(inventory, skus)
        products = await _products(inventory, [sku for sku in skus if sku not in names])
        if not await _tell(inventory, due, names, products):
            return


async def remove_old(inventory: Inventory, most: int) -> int:
    """So many of those who have waited for longer than anybody remembers; how many."""
    before = clock.now() - timedelta(days=inventory.settings.subscription_days)
    return await subscriptions_repository.remove_old(inventory.db, first_uuid7(before), most)


async def _names(inventory: Inventory, skus: Sequence[str]) -> dict[str, str]:
    """What catalog calls those that are for sale, with no transaction open."""
    answer = await inventory.catalog.GetVariants(GetVariantsRequest(skus=skus))
    return {
        one.sku: f"{one.product_name} ({one.variant_name})" if one.variant_name else one.product_name
        for one in answer.variants
    }


async def _products(inventory: Inventory, skus: Sequence[str]) -> dict[str, str]:
    """Of which products they are, for sale or not; what no product has is missing. With no transaction open."""
    if not skus:
        return {}
    answer = await inventory.catalog.GetOwners(GetOwnersRequest(skus=skus))
    return {one.sku: one.product_id for one in answer.owners if one.product_id}


async def _tell(
    inventory: Inventory, due: Sequence[Awaited], names: Mapping[str, str], products: Mapping[str, str]
) -> bool:
    """Whether any of them was ours to tell. `due` is what was read before catalog was asked."""
    settings = inventory.settings
    async with inventory.db.transaction() as tx:
        now = clock.now()
        taken = await subscriptions_repository.take_due(tx, [one.sku for one in due], now)
        for_sale = [one for one in taken if one.sku in names]
        stock = await stock_repository.stock_of_each(tx, [one.sku for one in for_sale])
        to_tell = {one.sku: _to_tell(one, stock, settings.told_per_unit) for one in for_sale}
        wanted = {sku: min(units, TOLD_AT_ONCE) for sku, units in to_tell.items() if units}
        told = await subscriptions_repository.take_first(tx, wanted)
        count = {sku: sum(one.sku == sku for one in told) for sku in wanted}
        done = [sku for sku, units in wanted.items() if count[sku] < units]
        round_ = timedelta(seconds=settings.told_again_seconds)
        put_off = [
            Awaited(sku, now if left else now + round_ if units else None, left or None)
            for sku, units in to_tell.items()
            if sku not in done
            for left in [units - count.get(sku, 0)]
        ]
        hidden = [_hidden(one, products.get(one.sku), due, now) for one in taken if one.sku not in names]
        await subscriptions_repository.put_off(tx, [*put_off, *hidden])
        await subscriptions_repository.nobody_waits(tx, done)
        facts = [
            Announcement(one.id, 1, WaitEnded(sku=one.sku, name=names[one.sku], email=one.email, token=one.token))
            for one in told
        ]
        if facts:
            await inventory.outbox.announce_all(tx, facts)
        return bool(taken)


def _to_tell(one: Awaited, stock: Mapping[str, SkuStock], told_per_unit: int) -> int:
    """How many a round has still to tell; none of what is gone again."""
    there = stock.get(one.sku)
    units = there.to_promise if there else 0
    return 0 if not units else one.to_tell or units * told_per_unit


def _hidden(one: Awaited, product_id: str | None, due: Sequence[Awaited], now: datetime) -> Awaited:
    """It sleeps only if it stood just so before catalog was asked: whatever catalog tells of its product finds it by
    what is noted, and gives it another moment. Else that is noted first, and catalog asked once more."""
    noted = one._replace(to_tell=None, hidden=True, product_id=product_id)
    return noted._replace(due_at=None if noted in due else now)
