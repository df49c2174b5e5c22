"""Add, change and archive products and their variants, each change a version and an event.

Every act locks the product, works out what it is to be, writes that and announces it, in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from stoa.kit import clock, staff_acts
from stoa.kit.context import Principal
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.kit.ids import uuid7
from stoa.services.catalog import categories_repository, repository
from stoa.services.catalog.bodies import (
    MOST_POSITION,
    MOST_VARIANTS,
    NewProduct,
    NewVariant,
    ProductPatch,
    VariantReplacement,
    check_slug,
    check_variant_id,
    images_of,
    variants_of,
    whole,
)
from stoa.services.catalog.errors import (
    NoSuchProduct,
    NoSuchVariant,
    NotYourProduct,
    ProductWithheld,
    SkuTaken,
    SlugTaken,
    TooManyVariants,
    UnknownCategory,
    VersionConflict,
)
from stoa.services.catalog.events import ProductCreated, ProductDeleted, updated
from stoa.services.catalog.product import (
    CategoryName,
    Product,
    Variant,
    Withheld,
    changed_variants,
    changes,
    check_currency,
    check_for_sale,
    check_told_apart,
    in_order,
    is_id,
    slugs_for,
    used_options,
)
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.show_products import may_change


async def add_product(catalog: Catalog, new: NewProduct, by: Principal) -> Product:
    """A seller's product is his, an admin's the shop's. Raises `SlugTaken`, `SkuTaken`, `UnknownCategory`."""
    product_id = uuid7()
    now = clock.now()
    blank = Product(
        id=product_id,
        slug="",
        name=new.name,
        description="",
        brand="",
        category=None,
        status="draft",
        standing="draft",
        withheld=None,
        seller_id=None if by.may("catalog.products.edit") else by.user_id,
        tags=[],
        specifications={},
        images=[],
        variants=[],
        version=1,
        created_at=now,
        updated_at=now,
    )
    async with catalog.db.transaction() as tx:
        product = await _edited(tx, blank, whole(new))
        check_for_sale(product.status, product.variants, catalog.settings.currency)
        slugs = [new.slug] if new.slug else slugs_for(new.name, product_id)
        product = await _added(tx, product, slugs)
        value_ids = await repository.write_options(tx, {product_id: product.options})
        await repository.write_variants(tx, {product_id: product.variants}, value_ids)
        await staff_acts.record(tx, act="product.added", subject=product_id, after=_judged(product, blank))
        said = ProductCreated(product_id=product_id, slug=product.slug, seller_id=product.seller_id, skus=product.skus)
        await catalog.outbox.announce(tx, subject=product_id, version=product.version, fact=said)
        return product


async def _added(tx: Transaction, product: Product, slugs: Sequence[str]) -> Product:
    barred = product.seller_id is not None and await repository.seller_is_barred(tx, product.seller_id)
    for slug in slugs:
        added = await repository.add_product(tx, replace(product, slug=slug), seller_barred=barred)
        if added is not None:
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

    Also brings an archived product back. Raises `VersionConflict` or what `if_match` raises, `ProductWithheld` where a
    seller would sell what staff withhold, and what adding raises.
    """

    async def change(tx: Transaction) -> Product:
        before = await lock_product(tx, id_or_slug, by)
        if_match.check(before.version)
        if version is not None and version != before.version:
            raise VersionConflict(before.version)
        after = await _edited(tx, before, patch)
        sold_again = before.status != after.status == "active"
        if before.withheld is not None and sold_again and not by.may("catalog.products.withhold"):
            raise ProductWithheld(before.withheld.reason)
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
        if withheld is None and before.seller_id not in {None, by.user_id}:
            withheld = Withheld(clock.now(), by.user_id, "archived by the shop")
        after = await repository.change_product(tx, replace(before, status="archived", withheld=withheld))
        await staff_acts.record(
            tx,
            act="product.archived",
            subject=before.id,
            before=_judged(before, after),
            after=_judged(after, before),
        )
        said = ProductDeleted(product_id=after.id, slug=after.slug, seller_id=after.seller_id, skus=after.skus)
        await catalog.outbox.announce(tx, subject=after.id, version=after.version, fact=said)


async def add_variant(
    catalog: Catalog, id_or_slug: str, new: NewVariant, by: Principal, if_match: IfMatch = ANYTHING
) -> Product:
    """After its siblings, unless it says where. `if_match` is of the product. Raises `SkuTaken`, `TooManyVariants`,
    `OptionsTwice`."""
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
        variants = in_order([*before.variants, new.at(min(last + 1, MOST_POSITION), uuid7())])
        check_told_apart(variants, "options")
        return await _change(tx, catalog, before, replace(before, variants=variants))


async def replace_variant(
    catalog: Catalog, sku_or_id: str, new: VariantReplacement, by: Principal, if_match: IfMatch = ANYTHING
) -> Product:
    """Raises `NoSuchVariant`, `OptionsTwice`."""
    check_currency(new.price.money, catalog.settings.currency)
    async with catalog.db.transaction() as tx:
        before, old = await _lock_variant(tx, sku_or_id, by)
        if_match.check(before.version)
        position = old.position if new.position is None else new.position
        changed = Variant(old.id, old.sku, new.name, new.price.money, position, new.options)
        variants = in_order(changed if variant is old else variant for variant in before.variants)
        check_told_apart(variants, "options")
        return await _change(tx, catalog, before, replace(before, variants=variants))


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


async def _lock_variant(tx: Transaction, sku_or_id: str, by: Principal) -> tuple[Product, Variant]:
    found = await repository.find_variant(tx, sku_or_id)
    if found is None:
        raise NoSuchVariant
    product_id, sku = found
    product = await lock_product(tx, product_id, by)
    variant = next((variant for variant in product.variants if variant.sku == sku), None)
    if variant is None:  # archived while we waited
        raise NoSuchVariant
    return product, variant


async def _edited(tx: Transaction, before: Product, patch: ProductPatch) -> Product:
    """The product with what the patch names."""
    if patch.slug is not UNSET:
        check_slug(patch.slug)
    return replace(
        before,
        name=before.name if patch.name is UNSET else patch.name,
        slug=before.slug if patch.slug is UNSET else patch.slug,
        description=before.description if patch.description is UNSET else patch.description,
        brand=before.brand if patch.brand is UNSET else patch.brand,
        category=before.category if patch.category is UNSET else await _category(tx, patch.category),
        status=before.status if patch.status is UNSET else patch.status,
        tags=before.tags if patch.tags is UNSET else patch.tags,
        specifications=before.specifications if patch.specifications is UNSET else patch.specifications,
        images=before.images if patch.images is UNSET else images_of(patch.images),
        variants=before.variants if patch.variants is UNSET else variants_of(patch.variants, before.variants),
    )


async def _category(tx: Transaction, slug: str | None) -> CategoryName | None:
    if slug is None:
        return None
    category = await categories_repository.category_named(tx, slug)
    if category is None:
        raise UnknownCategory(slug, "category")
    return category


async def _change(tx: Transaction, catalog: Catalog, before: Product, after: Product) -> Product:
    changed = changes(before, after)
    if changed:
        await staff_acts.record(
            tx,
            act="product.changed",
            subject=before.id,
            before=_judged(before, after),
            # Texts have no place among what is kept for good.
            after=_judged(after, before) | {"changed": changed},
        )
    return await save(tx, catalog, before, after)


def _judged(product: Product, other: Product) -> dict[str, Any]:
    """What somebody must know to judge a change by staff: status, and the prices that are not the `other`'s."""
    others = {variant.sku: variant.price for variant in other.variants}
    prices = {
        variant.sku: variant.price.amount
        for variant in changed_variants(other, product)
        if others.get(variant.sku) != variant.price
    }
    return {"status": product.status, "withheld": product.withheld is not None, "prices": prices}


def _with_id(variant: Variant, ids: Mapping[str, str]) -> Variant:
    """From the archive a variant comes back with the id that it had."""
    known = ids.get(variant.sku, variant.id)
    return variant if variant.id == known else replace(variant, id=known)


async def save(tx: Transaction, catalog: Catalog, before: Product, after: Product) -> Product:
    """Write and announce what the locked product `before` becomes, and nothing if that is what it was; it as it is
    then."""
    if not changes(before, after):
        return before
    check_for_sale(after.status, after.variants, catalog.settings.currency)
    after = await repository.change_product(tx, after)
    written = changed_variants(before, after)
    gone = set(before.skus) - set(after.skus)
    if written or gone:
        await repository.lock_variants(tx, {*gone, *(variant.sku for variant in written)})
        await repository.archive_variants(tx, before.id, gone)
        rearranged = before.options != after.options
        options = after.options if rearranged else used_options(after.options, written)
        value_ids = await repository.write_options(tx, {before.id: options})
        ids = await repository.write_variants(tx, {before.id: written}, value_ids)
        after = replace(after, variants=[_with_id(one, ids) for one in after.variants])
        if rearranged:
            await repository.forget_options(tx, before.id)
    skus = {*gone, *(variant.sku for variant in written)}
    said = updated(after, changes(before, after), skus)
    await catalog.outbox.announce_all(tx, [said])
    return after
