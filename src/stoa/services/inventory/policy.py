"""Policy: how much of a SKU may be promised beyond what is on hand, and how much of that is not for sale."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

import msgspec
from msgspec.structs import replace

from stoa.kit import clock, staff_acts
from stoa.kit.dates import day_of
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.inventory import policy_repository, stock_repository
from stoa.services.inventory.backorders import fill_backorders
from stoa.services.inventory.errors import BelowBackordered, PolicyHasNo, PolicyLacks
from stoa.services.inventory.events import announce_turns
from stoa.services.inventory.items import Item, Policy
from stoa.services.inventory.open_warehouses import MAIN_WAREHOUSE, must_be_open
from stoa.services.inventory.owners import ask_for_owners_of, refused_to
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.stock_rows import SkuStock, StockRows


class Terms(msgspec.Struct, frozen=True):
    """How a SKU is promised. `limit`: so many at most without being on hand. `safety_stock` by warehouse: none where
    none is named."""

    policy: Policy = Policy.NONE
    limit: int = 0
    lead_days: int | None = None
    available_on: date | None = None
    low_stock_at: int | None = None
    safety_stock: Mapping[str, int] = {}


async def set_policy(
    inventory: Inventory, sku: str, terms: Terms, *, sellers: Collection[str] | None, if_match: IfMatch = ANYTHING
) -> SkuStock:
    """The SKU is promised by these terms from now on; its stock afterwards. A repeat changes nothing.

    What was promised stays promised, and what this makes sellable goes to who waits for it. Raises `PolicyLacks`,
    `PolicyHasNo`, `BelowBackordered`, `NoSuchWarehouse`, `WarehouseClosed`, `SkuOfNoProduct`,
    `NotYourStock`, `VersionMismatch`.
    """
    _check(terms)
    if sellers is not None:
        await ask_for_owners_of(inventory, [sku])
    async with inventory.db.transaction() as tx:
        if sellers is not None and (refused := await refused_to(tx, [sku], sellers)):
            raise refused[sku]
        await stock_repository.know_item(tx, sku)
        stock = await stock_repository.lock_stock_rows(tx, [sku])
        if_match.check(stock.edits(sku))
        for warehouse_id in sorted({MAIN_WAREHOUSE, *terms.safety_stock}):
            await _open(tx, stock, sku, warehouse_id, needed=warehouse_id in terms.safety_stock or not stock.of(sku))
        found = stock.of(sku)
        assert found is not None, "a row is there by now"
        before, after = found.item, _item(found.item, terms)
        kept_back = {row.warehouse_id: terms.safety_stock.get(row.warehouse_id, 0) for row in found.rows}
        was_kept_back = {row.warehouse_id: row.safety_stock for row in found.rows}
        if after != before or kept_back != was_kept_back:
            await policy_repository.set_policy(tx, after, kept_back)
            stock.set_policy(after, kept_back)
            await fill_backorders(tx, stock)
            await announce_turns(inventory.outbox, tx, stock.turns())
            await staff_acts.record(
                tx,
                act="stock.policy_set",
                subject=sku,
                before=_kept(before, was_kept_back),
                after=_kept(after, kept_back),
            )
        return (await stock_repository.stock_of_each(tx, [sku]))[sku]


def _check(terms: Terms) -> None:
    day_of(terms.available_on, "available_on")
    if terms.policy is Policy.BACKORDER and terms.lead_days is None:
        raise PolicyLacks("lead_days")
    if terms.policy is Policy.PREORDER and (terms.available_on is None or terms.available_on <= clock.now().date()):
        raise PolicyLacks("available_on")


async def _open(tx: Transaction, stock: StockRows, sku: str, warehouse_id: str, *, needed: bool) -> None:
    row = stock.row(sku, warehouse_id)
    if needed and (row is None or row.closed):
        await must_be_open(tx, warehouse_id, f"safety_stock.{warehouse_id}")
    if needed and row is None:
        stock.add(await stock_repository.open_stock_row(tx, sku, warehouse_id))


_TERMS: Mapping[Policy, Collection[str]] = {
    Policy.NONE: (),
    Policy.BACKORDER: ("limit", "lead_days"),
    Policy.PREORDER: ("limit", "available_on"),
}


def _check_meant(before: Item, terms: Terms) -> None:
    """Raise `PolicyHasNo` for a term that the policy does not have, but where a SKU is sent back as it was shown: also
    with the limit that was shown before some of what was owed had come."""
    same = terms.policy is before.policy
    stands = {
        "limit": not terms.limit or (same and terms.limit <= before.backorder_limit),
        "lead_days": terms.lead_days is None or (same and terms.lead_days == before.lead_days),
        "available_on": terms.available_on is None or (same and terms.available_on == before.available_on),
    }
    for term, as_it_was in stands.items():
        if not as_it_was and term not in _TERMS[terms.policy]:
            raise PolicyHasNo(terms.policy, term)


def _item(before: Item, terms: Terms) -> Item:
    """Who takes no more backorders keeps those that there are."""
    _check_meant(before, terms)
    limit = before.backordered if terms.policy is Policy.NONE else terms.limit
    if limit < before.backordered:
        raise BelowBackordered(before.sku, before.backordered)
    return replace(
        before,
        policy=terms.policy,
        backorder_limit=limit,
        lead_days=terms.lead_days,
        available_on=terms.available_on,
        low_stock_at=terms.low_stock_at,
    )


def _kept(item: Item, kept_back: Mapping[str, int]) -> dict[str, object]:
    return {
        "policy": item.policy,
        "limit": item.backorder_limit,
        "lead_days": item.lead_days,
        "available_on": item.available_on,
        "low_stock_at": item.low_stock_at,
        "safety_stock": {warehouse: units for warehouse, units in kept_back.items() if units},
    }
