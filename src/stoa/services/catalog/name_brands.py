"""Brands: made when a product first has their name, described, renamed and merged by staff.

A rename or a merge is done at once for whoever says a name; the products that have it follow in the rounds of
`settle_brands`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from stoa.kit import staff_acts
from stoa.kit.db import Db, Transaction
from stoa.kit.http.preconditions import IfMatch
from stoa.kit.ids import uuid7
from stoa.kit.outbox import Announcement
from stoa.services.catalog import brands_repository as repository
from stoa.services.catalog import slugs_repository
from stoa.services.catalog.bodies import check_slug
from stoa.services.catalog.brands import TOLD, Brand, BrandBody
from stoa.services.catalog.brands_errors import BrandInUse, BrandTaken, MergedIntoItself, NoSuchBrand
from stoa.services.catalog.brands_repository import NewName
from stoa.services.catalog.collections_repository import settle_what_looks_at
from stoa.services.catalog.events import BrandCreated, BrandDeleted, BrandUpdated
from stoa.services.catalog.product import is_id, slugs_for
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.translations_repository import forget_translations


async def brands_named(tx: Transaction, catalog: Catalog, names: Iterable[str]) -> dict[str, str]:
    """What the brands of those names are called now; there is none of a name, it is made. None of them is renamed until
    the end of the transaction."""
    wanted = {name for name in names if name}
    if not wanted:
        return {}
    known = await repository.keep_names(tx, wanted)
    if missing := wanted - known.keys():
        made = await _make(tx, catalog, missing)
        known |= {name: name for name in made}
        if taken := missing - made:
            # By who made or merged it at the same moment, and has committed since.
            known |= await repository.keep_names(tx, taken)
    return known


async def _make(tx: Transaction, catalog: Catalog, names: Iterable[str]) -> set[str]:
    added = await repository.add_brands(tx, [_new(name) for name in sorted(names)])
    said = [Announcement(brand_id, 1, BrandCreated(brand_id=brand_id, slug=slug)) for brand_id, slug, _ in added]
    await catalog.outbox.announce_all(tx, said)
    return {name for _, _, name in added}


def _new(name: str) -> NewName:
    brand_id = uuid7()
    slugs = slugs_for(name, brand_id, "brand")
    return NewName(brand_id, name, slugs[0], slugs[-1])


async def add_brand(catalog: Catalog, new: BrandBody) -> Brand:
    """Raises `BrandTaken`, `SlugTaken`."""
    if new.slug is not None:
        check_slug(new.slug)
    async with catalog.db.transaction() as tx:
        made = _new(new.name)
        slug = new.slug or made.slug
        if new.slug is None and await repository.brand_by_slug(tx, slug):
            slug = made.other_slug
        brand = await repository.add_brand(tx, made.id, slug, new)
        if brand is None:
            raise BrandTaken(new.name)
        said = BrandCreated(brand_id=brand.id, slug=brand.slug)
        await catalog.outbox.announce(tx, subject=brand.id, version=1, fact=said)
        await staff_acts.record(tx, act="brand.added", subject=brand.id, after=_told(brand))
        return brand


async def replace_brand(catalog: Catalog, id_or_slug: str, new: BrandBody, if_match: IfMatch) -> Brand:
    """All of it. Its products are called by its name in rounds, each with a version and an event; its old name means it
    from now on. A repeat changes nothing.

    Raises `NoSuchBrand`, `SlugTaken`, and `BrandTaken` where another has or had the name: merge them.
    """
    async with catalog.db.transaction() as tx:
        before = await lock_brand(tx, id_or_slug)
        if_match.check(before.version)
        after = replace(
            before,
            name=new.name,
            slug=new.slug or before.slug,
            description=new.description,
            logo_url=new.logo_url,
            seo=new.seo,
        )
        changed = [name for name in TOLD if getattr(before, name) != getattr(after, name)]
        if not changed:
            return before
        if after.slug != before.slug:
            check_slug(after.slug)
        if after.name != before.name and not await repository.rename(tx, before.id, before.name, after.name):
            raise BrandTaken(after.name)
        after = await repository.change_brand(tx, after)
        if after.slug != before.slug:
            await slugs_repository.keep_slugs(tx, "brand", {before.slug: before.id})
        said = BrandUpdated(brand_id=after.id, slug=after.slug, changed=changed)
        await catalog.outbox.announce(tx, subject=after.id, version=after.version, fact=said)
        await staff_acts.record(tx, act="brand.changed", subject=before.id, before=_told(before), after=_told(after))
        return after


async def merge_brand(catalog: Catalog, id_or_slug: str, into: str, if_match: IfMatch) -> Brand:
    """It is gone, its names mean the other, and its products are called by the other's name in rounds. Answers with
    that. Raises `NoSuchBrand`, `MergedIntoItself`."""
    async with catalog.db.transaction() as tx:
        found, other = await show_brand(tx, id_or_slug), await show_brand(tx, into, "into")
        if found.id == other.id:
            raise MergedIntoItself
        # Before any brand: who writes several products holds their rules when he shares the next one's brand.
        await settle_what_looks_at(tx, "brand")
        locked = await repository.lock_brands(tx, [found.id, other.id])
        if found.id not in locked or other.id not in locked:
            raise NoSuchBrand("brand" if found.id not in locked else "into")
        before, after = locked[found.id], locked[other.id]
        if_match.check(before.version)
        await repository.merge(tx, before.id, after.id)
        await slugs_repository.give_slugs(tx, "brand", before.id, after.id)
        await slugs_repository.keep_slugs(tx, "brand", {before.slug: after.id})
        await forget_translations(tx, before.id)
        said = BrandDeleted(brand_id=before.id, slug=before.slug, merged_into=after.id)
        await catalog.outbox.announce(tx, subject=before.id, version=before.version + 1, fact=said)
        await staff_acts.record(
            tx, act="brand.merged", subject=before.id, before=_told(before), after={"merged_into": after.id}
        )
        return after


async def remove_brand(catalog: Catalog, id_or_slug: str, if_match: IfMatch) -> None:
    """It is gone with all its names. Archived products keep theirs: brought back, they make a brand of it again.

    Raises `NoSuchBrand`, `BrandInUse` while anything but archived products bears one.
    """
    async with catalog.db.transaction() as tx:
        before = await lock_brand(tx, id_or_slug)
        if_match.check(before.version)
        if await repository.brand_has_products(tx, before.id):
            raise BrandInUse
        await repository.remove_brand(tx, before.id)
        await slugs_repository.forget_slugs(tx, "brand", [before.id])
        await forget_translations(tx, before.id)
        said = BrandDeleted(brand_id=before.id, slug=before.slug, merged_into=None)
        await catalog.outbox.announce(tx, subject=before.id, version=before.version + 1, fact=said)
        await staff_acts.record(tx, act="brand.removed", subject=before.id, before=_told(before))


async def lock_brand(tx: Transaction, id_or_slug: str) -> Brand:
    """Raises `NoSuchBrand`."""
    found = await show_brand(tx, id_or_slug)
    brand = (await repository.lock_brands(tx, [found.id])).get(found.id)
    if brand is None:  # merged or removed while we waited
        raise NoSuchBrand
    return brand


async def show_brand(db: Db, id_or_slug: str, field: str = "brand", *, hidden: bool = True) -> Brand:
    """Unless `hidden`, one of which something is sold. Raises `NoSuchBrand`."""
    if is_id(id_or_slug):
        brand = await repository.brand_by_id(db, id_or_slug, hidden=hidden)
    else:
        brand = await repository.brand_by_slug(db, id_or_slug, hidden=hidden)
    if brand is None:
        raise NoSuchBrand(field)
    return brand


async def find_brand(db: Db, id_or_slug: str, *, hidden: bool) -> Brand:
    """The same for who looks, by a slug that it had before, too. Raises `NoSuchBrand`."""
    if is_id(id_or_slug):
        return await show_brand(db, id_or_slug, hidden=hidden)
    brand = await repository.brand_led_to(db, id_or_slug, hidden=hidden)
    if brand is None:
        raise NoSuchBrand
    return brand


def _told(brand: Brand) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.to_builtins(brand)
    return {name: said[name] for name in ("name", "slug", "logo_url")}
