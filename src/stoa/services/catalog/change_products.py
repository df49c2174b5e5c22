"""Add, change and archive products and their variants, each change a version and an event.

Every act locks the product, works out what it is to be, writes that and announces it, in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import UNSET
from msgspec.structs import replace

from stoa.kit import clock, staff_acts
from stoa.kit.context import Principal
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.kit.ids import uuid7
from stoa.services.catalog import categories_repository, repository, variants_repository
from stoa.services.catalog.bodies import (
    MOST_POSITION,
    MOST_VARIANTS,
    NewProduct,
    NewVariant,
    ProductPatch,
    VariantReplacement,
    check_variant_id,
    named_files,
    sent_variants,
    whole,
)
from stoa.services.catalog.edit_product import (
    blank,
    check_seller,
    check_withheld,
    edited,
    judged,
    noted,
    pictured,
    whose,
)
from stoa.services.catalog.errors import (
    NoSuchProduct,
    NoSuchVariant,
    NotYourProduct,
    SkuTaken,
    SlugTaken,
    TooManyVariants,
    UnknownCategory,
    VersionConflict,
)
from stoa.services.catalog.events import ProductDeleted
from stoa.services.catalog.fields import defined_for, defined_for_variant
from stoa.services.catalog.images import Files, files_of
from stoa.services.catalog.product import (
    Product,
    Variant,
    Withheld,
    changes,
    check_currency,
    check_for_sale,
    check_told_apart,
    in_order,
    is_id,
    slugs_for,
)
from stoa.services.catalog.save_products import add, save
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.show_products import may_change


async def add_product(catalog: Catalog, new: NewProduct, by: Principal) -> Product:
    """A seller's product is its own, staff's the shop's. Raises `SlugTaken`, `SkuTaken`, `UnknownCategory`,
    `NotYourSeller`, `WhichSeller`."""
    nothing, patch = blank(uuid7(), whose(by, new.seller_id)), whole(new)
    files = await files_of(catalog.media, named_files([patch]))
    async with catalog.db.transaction() as tx:
        product = await _edited(tx, nothing, patch, files)
        check_for_sale(product.status, product.variants, catalog.settings.currency)
        slugs = [new.slug] if new.slug else slugs_for(new.name, product.id)
        for slug in slugs:
            with _saying_which(patch):
                some = await add(tx, catalog, [replace(product, slug=slug)])
            for added in some:
                await staff_acts.record(tx, act="product.added", subject=added.id, after=judged(added, nothing))
                return added
        raise SlugTaken(slugs[-1])


async def change_product(
    catalog: Catalog,
    id_or_slug: str,
    patch: ProductPatch,
    by: Principal,
    *,
    version: int | None = None,
    if_match: IfMatch = ANYTHING,
) -> Product:
    """Everything that the patch names, if the product still has `version` (None: whichever it has). What is as it was
    is not written: then it keeps its version, and nobody is told.

    Also brings an archived product back. Raises `VersionConflict` or what `if_match` raises, `NotYourSeller` where it
    would become another seller's, `ProductWithheld` where a seller would sell what staff withhold, and what adding
    raises.
    """
    files = await files_of(catalog.media, named_files([patch]))

    async def change(tx: Transaction) -> Product:
        before = await lock_product(tx, id_or_slug, by)
        if_match.check(before.version)
        if version is not None and version != before.version:
            raise VersionConflict(before.version)
        check_seller(before, patch)
        after = await _edited(tx, before, patch, files)
        check_withheld(before, after, by)
        with _saying_which(patch):
            return await _change(tx, catalog, before, after)

    # A patch may reach a category and others' SKUs, each of them under somebody else's lock.
    return await catalog.db.transact(change)


async def archive_product(catalog: Catalog, id_or_slug: str, by: Principal, if_match: IfMatch = ANYTHING) -> None:
    """Nobody can buy or see it any more; orders still refer to it, and its SKUs stay taken.

    What staff archive of a seller's is withheld, too: else he would bring it back.
    """
    async with catalog.db.transaction() as tx:
        before = await lock_product(tx, id_or_slug, by)
        if before.status == "archived":
            raise NoSuchProduct
        if_match.check(before.version)
        withheld = before.withheld
        if withheld is None and before.seller_id is not None and before.seller_id not in by.sellers:
            withheld = Withheld(clock.now(), by.user_id, "archived by the shop")
        (after,) = await repository.change_products(tx, [replace(before, status="archived", withheld=withheld)])
        await staff_acts.record(
            tx,
            act="product.archived",
            subject=before.id,
            before=judged(before, after),
            after=judged(after, before),
        )
        said = ProductDeleted(product_id=after.id, slug=after.slug, seller_id=after.seller_id, skus=after.skus)
        await catalog.outbox.announce(tx, subject=after.id, version=after.version, fact=said)


async def add_variant(
    catalog: Catalog, id_or_slug: str, new: NewVariant, by: Principal, if_match: IfMatch = ANYTHING
) -> Product:
    """After its siblings, unless it says where. `if_match` is of the product. Raises `SkuTaken`, `TooManyVariants`,
    `OptionsTwice`, `WrongBarcode`, `NotItsImage`."""
    check_currency(new.price.money, catalog.settings.currency)
    async with catalog.db.transaction() as tx:
        before = await lock_product(tx, id_or_slug, by)
        if_match.check(before.version)
        if new.sku in before.skus:
            raise SkuTaken([new.sku])
        if len(before.variants) >= MOST_VARIANTS:
            raise TooManyVariants(MOST_VARIANTS)
        check_variant_id(new, None, "id")
        last = max((variant.position for variant in before.variants), default=-1)
        defined = await defined_for_variant(tx, new)
        added = noted(new.at(min(last + 1, MOST_POSITION), uuid7()), None, new, defined)
        variants = in_order([*before.variants, added])
        check_told_apart(variants, "options")
        return await _change(tx, catalog, before, _with(before, variants))


async def replace_variant(
    catalog: Catalog, sku_or_id: str, new: VariantReplacement, by: Principal, if_match: IfMatch = ANYTHING
) -> Product:
    """Raises `NoSuchVariant`, `OptionsTwice`, `WrongBarcode`, `NotItsImage`."""
    check_currency(new.price.money, catalog.settings.currency)
    async with catalog.db.transaction() as tx:
        before, old = await _lock_variant(tx, sku_or_id, by)
        if_match.check(before.version)
        changed = noted(new.of(old), old, new, await defined_for_variant(tx, new))
        variants = in_order(changed if variant is old else variant for variant in before.variants)
        check_told_apart(variants, "options")
        return await _change(tx, catalog, before, _with(before, variants))


async def archive_variant(catalog: Catalog, sku_or_id: str, by: Principal, if_match: IfMatch = ANYTHING) -> None:
    """Nobody can buy it any more; its SKU stays taken. Raises `NothingForSale` for the last of an active product."""
    async with catalog.db.transaction() as tx:
        before, old = await _lock_variant(tx, sku_or_id, by)
        if_match.check(before.version)
        variants = [variant for variant in before.variants if variant is not old]
        await _change(tx, catalog, before, replace(before, variants=variants))


async def lock_product(tx: Transaction, id_or_slug: str, by: Principal) -> Product:
    """The product, locked, if `by` may change it; what he may not see is not there for him."""
    product = await lock_any_product(tx, id_or_slug)
    if not may_change(product, by):
        raise NotYourProduct if product.standing == "active" else NoSuchProduct
    return product


async def lock_any_product(tx: Transaction, id_or_slug: str) -> Product:
    """The product, locked, whoever asks."""
    if is_id(id_or_slug):
        product = await repository.lock_product(tx, product_id=id_or_slug)
    else:
        product = await repository.lock_product(tx, slug=id_or_slug)
    if product is None:
        raise NoSuchProduct
    return product


def _with(before: Product, variants: list[Variant]) -> Product:
    """With these variants, of which one was sent alone."""
    after = replace(before, variants=variants)
    return replace(after, variants=pictured(after, before))


async def _lock_variant(tx: Transaction, sku_or_id: str, by: Principal) -> tuple[Product, Variant]:
    found = await variants_repository.find_variant(tx, sku_or_id)
    if found is None:
        raise NoSuchVariant
    product_id, sku = found
    product = await lock_product(tx, product_id, by)
    variant = next((variant for variant in product.variants if variant.sku == sku), None)
    if variant is None:  # archived while we waited
        raise NoSuchVariant
    return product, variant


async def _edited(tx: Transaction, before: Product, patch: ProductPatch, files: Files) -> Product:
    """The product with what the patch names. Raises `UnknownCategory`."""
    defined = await defined_for(tx, [patch], [before])
    if patch.category is UNSET or patch.category is None:
        return edited(before, patch, None, defined, files)
    found = await categories_repository.categories_named(tx, [patch.category])
    if patch.category not in found:
        raise UnknownCategory(patch.category, "category")
    return edited(before, patch, found[patch.category], defined, files)


@contextmanager
def _saying_which(patch: ProductPatch) -> Iterator[None]:
    """Which of the variants that were sent has a SKU that is taken: whoever writes them knows no places."""
    try:
        yield
    except SkuTaken as taken:
        raise SkuTaken(taken.skus, [variant.sku for variant in sent_variants(patch)]) from None


async def _change(tx: Transaction, catalog: Catalog, before: Product, after: Product) -> Product:
    changed = changes(before, after)
    if changed:
        await staff_acts.record(
            tx,
            act="product.changed",
            subject=before.id,
            before=judged(before, after),
            # Texts have no place among what is kept for good.
            after=judged(after, before) | {"changed": changed},
        )
    return await save(tx, catalog, before, after)
