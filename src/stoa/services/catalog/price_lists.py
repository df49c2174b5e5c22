"""What staff do about price lists: make, change and end one, and set the prices in it.

Lists are the shop's, not the sellers': which of several holds is decided by their priorities, and a seller who could
set one would decide over other sellers' prices, too. A seller's price is that of his variant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from stoa.kit import clock, staff_acts
from stoa.kit.dates import moment_of
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.kit.ids import uuid7
from stoa.kit.staff_acts import Act
from stoa.services.catalog import price_lists_repository as repository
from stoa.services.catalog import public_prices_repository
from stoa.services.catalog.bodies import check_slug
from stoa.services.catalog.errors import (
    EndsBeforeItStarts,
    ListArchived,
    ListOfAnotherCurrency,
    NoSuchPriceList,
    PriceTwice,
    TooManyPriceLists,
    UnknownSku,
)
from stoa.services.catalog.events import PriceListUpdated
from stoa.services.catalog.price_bodies import ImportedPriceList, NewPriceList, NewPrices
from stoa.services.catalog.price_lists_repository import PriceList, Tier
from stoa.services.catalog.public_prices import due_after, reprice
from stoa.services.catalog.service import Catalog

MOST_LISTS = 500
"""Of a shop. What several say of one variant is read with it, so it is not without end."""


async def find_price_list(catalog: Catalog, id_or_slug: str) -> PriceList:
    """Raises `NoSuchPriceList`."""
    found = await repository.find_list(catalog.db, id_or_slug)
    if found is None:
        raise NoSuchPriceList
    return found


async def add_price_list(catalog: Catalog, new: NewPriceList) -> PriceList:
    """With no price in it yet, so nobody is told. Raises `SlugTaken`, `TooManyPriceLists`."""
    async with catalog.db.transaction() as tx:
        return await _add(tx, new)


async def import_price_list(catalog: Catalog, new: ImportedPriceList) -> bool:
    """With its prices, all or none; False where there is one of the slug, which is left as it is. Raises what adding
    and setting prices do."""
    async with catalog.db.transaction() as tx:
        if await repository.find_list(tx, new.slug) is not None:
            return False
        await _set_prices(tx, catalog, await _add(tx, new), NewPrices(new.items))
        return True


async def _add(tx: Transaction, new: NewPriceList) -> PriceList:
    check_slug(new.slug)
    now = clock.now()
    added = PriceList(id=uuid7(), **_said(new), version=1, created_at=now, updated_at=now)
    if await repository.count_lists(tx, MOST_LISTS) >= MOST_LISTS:
        raise TooManyPriceLists(MOST_LISTS)
    await repository.add_list(tx, added)
    if _is_public(added):
        # Nothing is paid by it yet: who puts prices into it notes them, and the job would tell of them again.
        await public_prices_repository.set_due(tx, added.id, due_after(added, now))
    await staff_acts.record(tx, act="price_list.added", subject=added.id, after=_told(added))
    return added


async def replace_price_list(
    catalog: Catalog, id_or_slug: str, new: NewPriceList, if_match: IfMatch = ANYTHING
) -> PriceList:
    """All but its currency, in which its prices are, and those. What is as it was is not written. Raises
    `NoSuchPriceList`, `ListOfAnotherCurrency`, `SlugTaken`."""
    async with catalog.db.transaction() as tx:
        before = await _locked(tx, id_or_slug, if_match)
        if new.currency != before.currency:
            raise ListOfAnotherCurrency(before.currency, "currency")
        if new.slug != before.slug:
            check_slug(new.slug)
        after = before._replace(**_said(new))
        return before if after == before else await _change(tx, catalog, before, after)


async def archive_price_list(catalog: Catalog, id_or_slug: str, if_match: IfMatch = ANYTHING) -> None:
    """It holds no more, for good; it and its prices are removed in time. Raises `NoSuchPriceList`."""
    async with catalog.db.transaction() as tx:
        before = await _locked(tx, id_or_slug, if_match)
        await _change(tx, catalog, before, before._replace(status="archived"))


async def set_prices(catalog: Catalog, id_or_slug: str, new: NewPrices, if_match: IfMatch = ANYTHING) -> PriceList:
    """All that the list says of each SKU, of all of them or none; of others it stays. Raises `NoSuchPriceList`,
    `UnknownSku`, `ListOfAnotherCurrency`, `PriceTwice`."""
    async with catalog.db.transaction() as tx:
        return await _set_prices(tx, catalog, await _locked(tx, id_or_slug, if_match), new)


async def _set_prices(tx: Transaction, catalog: Catalog, before: PriceList, new: NewPrices) -> PriceList:
    wanted = _tiers(new, before.currency)
    variants = await repository.variants_named(tx, wanted)
    for at, sku in enumerate(wanted):
        if sku not in variants:
            raise UnknownSku(sku, f"items[{at}].sku")
    known = await repository.tiers_of(tx, before.id, [one.id for one in variants.values()])
    changed = {sku: tiers for sku, tiers in wanted.items() if tiers != known.get(variants[sku].id, [])}
    if not changed:
        return before
    await repository.set_tiers(tx, before.id, {variants[sku].id: tiers for sku, tiers in changed.items()})
    acts = [
        Act(
            "price_list.prices_set",
            before.id,
            {"sku": sku, "prices": known.get(variants[sku].id, [])},
            {"sku": sku, "prices": tiers},
        )
        for sku, tiers in changed.items()
    ]
    await staff_acts.record_all(tx, acts)
    after = await repository.change_list(tx, before)
    await _announce(tx, catalog, after, ["prices"])
    if _is_public(after):
        product_ids = {variants[sku].product_id for sku in changed}
        await public_prices_repository.hold_products(tx, product_ids)
        await reprice(tx, catalog, product_ids, clock.now())
    return after


async def _change(tx: Transaction, catalog: Catalog, before: PriceList, after: PriceList) -> PriceList:
    saved = await repository.change_list(tx, after)
    changed = [name for name in PriceList._fields[:10] if getattr(before, name) != getattr(after, name)]
    await staff_acts.record(
        tx, act="price_list.changed", subject=before.id, before=_told(before, changed), after=_told(after, changed)
    )
    await _announce(tx, catalog, saved, changed)
    if _is_public(before) or _is_public(saved):
        # The job goes over it, now and when it begins and ends.
        await public_prices_repository.set_due(tx, saved.id, clock.now())
    return saved


def _is_public(one: PriceList) -> bool:
    return one.status == "active" and one.customer_group is None and not one.countries


async def _announce(tx: Transaction, catalog: Catalog, after: PriceList, changed: list[str]) -> None:
    said = PriceListUpdated(list_id=after.id, slug=after.slug, changed=changed)
    await catalog.outbox.announce(tx, subject=after.id, version=after.version, fact=said)


async def _locked(tx: Transaction, id_or_slug: str, if_match: IfMatch) -> PriceList:
    """Raises `ListArchived` for one that is on its way out."""
    found = await repository.lock_list(tx, id_or_slug)
    if found is None:
        raise NoSuchPriceList
    if_match.check(found.version)
    if found.status == "archived":
        raise ListArchived
    return found


def _tiers(new: NewPrices, currency: str) -> dict[str, list[Tier]]:
    """By SKU, from the least quantity on."""
    wanted: dict[str, list[Tier]] = {}
    for at, item in enumerate(new.items):
        if item.sku in wanted:
            raise PriceTwice(f"items[{at}].sku")
        tiers: dict[int, Tier] = {}
        for place, tier in enumerate(item.prices):
            field = f"items[{at}].prices[{place}]"
            if tier.price.currency != currency:
                raise ListOfAnotherCurrency(currency, f"{field}.price.currency")
            if tier.least_quantity in tiers:
                raise PriceTwice(f"{field}.least_quantity")
            tiers[tier.least_quantity] = Tier(tier.least_quantity, tier.price.amount)
        wanted[item.sku] = [tiers[quantity] for quantity in sorted(tiers)]
    return wanted


def _said(new: NewPriceList) -> dict[str, Any]:
    """By column. Raises `DateOutOfRange`, `EndsBeforeItStarts`."""
    starts_at = _to_the_second(moment_of(new.starts_at, "starts_at"))
    ends_at = _to_the_second(moment_of(new.ends_at, "ends_at"))
    if starts_at and ends_at and ends_at <= starts_at:
        raise EndsBeforeItStarts
    said = {name: getattr(new, name) for name in NewPriceList.__struct_fields__}
    return said | {"countries": sorted(set(new.countries)), "starts_at": starts_at, "ends_at": ends_at}


def _to_the_second(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(microsecond=0)


def _told(one: PriceList, names: Sequence[str] = PriceList._fields[1:10]) -> Mapping[str, Any]:
    """What somebody has to know to judge the change; names are texts."""
    return {name: getattr(one, name) for name in names if name != "name"}
