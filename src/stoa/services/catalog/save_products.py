"""Write and announce what products become: a constant number of statements, whatever their number."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import NamedTuple

from msgspec.structs import replace

from stoa.kit.db import Transaction
from stoa.kit.outbox import Announcement
from stoa.services.catalog import repository, sellers_repository, slugs_repository, variants_repository
from stoa.services.catalog.events import ProductCreated, updated
from stoa.services.catalog.images import revisions
from stoa.services.catalog.name_brands import brands_named
from stoa.services.catalog.product import (
    Product,
    Variant,
    arranged,
    changed_variants,
    changes,
    check_for_sale,
    check_size,
    used_options,
)
from stoa.services.catalog.public_prices import note_saved
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.settle_collections import facts_changed, place


async def add(tx: Transaction, catalog: Catalog, new: Sequence[Product]) -> list[Product]:
    """Those of which the slug was free, as they are then. Raises `SkuTaken`."""
    if not new:
        return []
    sellers = {one.seller_id for one in new if one.seller_id is not None}
    barred = await sellers_repository.barred_sellers(tx, sellers) if sellers else set()
    brands = await brands_named(tx, catalog, {one.brand for one in new})
    new = [_of_brand(one, brands) for one in new]
    added = await repository.add_products(tx, new, barred)
    value_ids = await variants_repository.write_options(tx, {one.id: one.options for one in added})
    written = await variants_repository.write_variants(tx, {one.id: one.variants for one in added}, value_ids)
    added = [_as_written(one, written) for one in added]
    await place(tx, [one.id for one in added])
    await catalog.outbox.announce_all(tx, [_created(one) for one in added])
    return added


async def save(tx: Transaction, catalog: Catalog, before: Product, after: Product) -> Product:
    """What the locked product `before` becomes; it as it is then. If that is what it was, nothing is written. Raises
    `ProductTooLarge`, and what `check_for_sale` does."""
    if not changes(before, after):
        return before
    check_for_sale(after.status, after.variants, catalog.settings.currency)
    check_size(before, after)
    (saved,) = await save_all(tx, catalog, [(before, after)])
    return saved


class _Change(NamedTuple):
    """Of a locked product: what it is, what it becomes, and which of its variants are new or not as they were, or
    gone."""

    before: Product
    after: Product
    variants: Sequence[Variant]
    gone: AbstractSet[str]

    @property
    def skus(self) -> set[str]:
        return {*self.gone, *(variant.sku for variant in self.variants)}


def _change(before: Product, after: Product) -> _Change:
    return _Change(before, after, changed_variants(before, after), set(before.skus) - set(after.skus))


async def save_all(
    tx: Transaction, catalog: Catalog, changed: Sequence[tuple[Product, Product]], translated: Collection[str] = ()
) -> list[Product]:
    """What each locked product, of before, becomes after; each has changed, and may be so. Of the `translated`, by id,
    that may be only what is said of them in other languages. Raises `SkuTaken`."""
    if not changed:
        return []
    # Out of the archive a product may come back with the name of a brand that was removed meanwhile.
    said = [after for before, after in changed if after.brand != before.brand or before.status == "archived"]
    brands = await brands_named(tx, catalog, {one.brand for one in said})
    changing = [_change(before, after) for before, after in changed]
    saved = await repository.change_products(tx, [_of_brand(one.after, brands) for one in changing])
    renamed = {one.before.slug: one.before.id for one in changing if one.before.slug != one.after.slug}
    await slugs_repository.keep_slugs(tx, "product", renamed)
    written = await _save_variants(tx, changing)
    own_before = {variant.id: variant.price for one in changing for variant in one.before.variants}
    await note_saved(tx, [one.id for one in saved], own_before)
    saved = [_as_written(one, written) for one in saved]
    await _tell(tx, catalog, list(zip(changing, saved, strict=True)), translated)
    return saved


async def _save_variants(tx: Transaction, changing: Sequence[_Change]) -> Mapping[str, Variant]:
    """Those that are new or not as they were, by SKU as they are then. Raises `SkuTaken`."""
    skus = {sku for one in changing for sku in one.skus}
    if not skus:
        return {}
    await variants_repository.lock_variants(tx, skus)
    await variants_repository.archive_variants(tx, {sku for one in changing for sku in one.gone})
    rearranged = [one.after.id for one in changing if one.before.options != one.after.options]
    options = {
        one.id: one.options if one.id in rearranged else used_options(one.options, variants)
        for _, one, variants, _ in changing
    }
    value_ids = await variants_repository.write_options(tx, options)
    written = await variants_repository.write_variants(tx, {one.after.id: one.variants for one in changing}, value_ids)
    if rearranged:
        await variants_repository.forget_options(tx, rearranged)
    return written


async def _tell(
    tx: Transaction, catalog: Catalog, saved: Sequence[tuple[_Change, Product]], translated: Collection[str]
) -> None:
    """What is not as it was of each, as it was written, and whether it is in other collections now."""
    changed = {now.id: changes(one.before, now) for one, now in saved}
    facts = {each: facts_changed(names) for each, names in changed.items()}
    moved = await place(tx, [each for each, some in facts.items() if some], sorted({*chain(*facts.values())}))
    beside = {"translations": translated, "collections": moved}
    told = {each: [*names, *(name for name, some in beside.items() if each in some)] for each, names in changed.items()}
    await catalog.outbox.announce_all(tx, [updated(now, told[now.id], one.skus) for one, now in saved])


def _of_brand(product: Product, brands: Mapping[str, str]) -> Product:
    """By the name that its brand has now."""
    return replace(product, brand=brands.get(product.brand, product.brand))


def _as_written(product: Product, written: Mapping[str, Variant]) -> Product:
    """As it is read from now on. From the archive a variant comes back with the id that it had."""
    return replace(product, variants=arranged([written.get(one.sku, one) for one in product.variants]))


def _created(product: Product) -> Announcement:
    said = ProductCreated(
        product_id=product.id,
        slug=product.slug,
        seller_id=product.seller_id,
        skus=product.skus,
        files=revisions(product.images),
    )
    return Announcement(product.id, product.version, said)
