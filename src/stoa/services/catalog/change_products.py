"""Add, change and archive products and their variants, each change a version and an event.

Every act locks the product, works out what it is to be, writes that and announces it, in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from stoa.kit import clock, staff_acts
from stoa.kit.context import Principal
from stoa.kit.db import Transaction
from stoa.kit.events import Fact
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.kit.ids import uuid7
from stoa.services.catalog import repository
from stoa.services.catalog.bodies import (
    MOST_POSITION,
    MOST_VARIANTS,
    NewProduct,
    NewVariant,
    ProductPatch,
    VariantReplacement,
    check_slug,
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
from stoa.services.catalog.events import ProductCreated, ProductDeleted, ProductUpdated
from stoa.services.catalog.product import (
    CategoryName,
    Product,
    Variant,
    Withheld,
    check_currency,
    check_for_sale,
    is_id,
    slugs_for,
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
        seller_id=None if by.has("admin") else by.user_id,
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
        await repository.write_variants(tx, {product_id: product.variants})
        await staff_acts.record(tx, act="product.added", subject=product_id, after=_judged(product, blank))
        return await _announced(tx, catalog, product_id, ProductCreated)


async def _added(tx: Transaction, product: Product, slugs: Sequence[str]) -> Product:
    barred = product.seller_id is not None and await repository.seller_is_barred(tx, product.seller_id)
    for slug in slugs:
        named = replace(product, slug=slug)
        if await repository.add_product(tx, named, seller_barred=barred):
            return named
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
    """Everything that the patch names, if the product still has `version` (None: whichever it has).

    Also brings an archived product back. Raises `VersionConflict` or what `if_match` raises, `ProductWithheld` where a
    seller would sell what staff withhold, and what adding raises.
    """

    async def change(tx: Transaction) -> Product:
        before = await lock_product(tx, id_or_slug, by)
        if_match.check(before.version)
        if version is not None and version != before.version:
            raise VersionConflict(before.version)
        after = await _edited(tx, before, patch)
        if before.withheld is not None and before.status != after.status == "active" and not by.has(*staff_acts.STAFF):
            raise ProductWithheld(before.withheld.reason)
        return await _change(tx, catalog, before, after)

    # A patch may reach a category and others' SKUs, each of them under somebody else's lock.
    return await catalog.db.transact(change)


async def archive_product(catalog: Catalog, id_or_slug: str, by: Principal) -> None:
    """Nobody can buy or see it any more; orders still refer to it, and its SKUs stay taken.

    What staff archive of a seller's is withheld, too: else he would bring it back.
    """
    async with catalog.db.transaction() as tx:
        before = await lock_product(tx, id_or_slug, by)
        if before.status == "archived":
            raise NoSuchProduct
        withheld = before.withheld
        if withheld is None and before.seller_id not in {None, by.user_id}:
            withheld = Withheld(clock.now(), by.user_id, "archived by the shop")
        after = replace(before, status="archived", withheld=withheld)
        await repository.change_product(tx, after)
        await staff_acts.record(
            tx,
            act="product.archived",
            subject=before.id,
            before=_judged(before, after),
            after=_judged(after, before),
        )
        await _announced(tx, catalog, before.id, ProductDeleted)


async def add_variant(catalog: Catalog, id_or_slug: str, new: NewVariant, by: Principal) -> Product:
    """After its siblings, unless it says where. Raises `SkuTaken`, `TooManyVariants`."""
    check_currency(new.price.money, catalog.settings.currency)
    async with catalog.db.transaction() as tx:
        before = await lock_product(tx, id_or_slug, by)
        if new.sku in before.skus:
            raise SkuTaken([new.sku])
        if len(before.variants) >= MOST_VARIANTS:
            raise TooManyVariants(MOST_VARIANTS)
        last = max((variant.position for variant in before.variants), default=-1)
        added = new.at(min(last + 1, MOST_POSITION))
        return await _change(tx, catalog, before, replace(before, variants=[*before.variants, added]))


async def replace_variant(catalog: Catalog, sku: str, new: VariantReplacement, by: Principal) -> Product:
    """Raises `NoSuchVariant`."""
    check_currency(new.price.money, catalog.settings.currency)
    async with catalog.db.transaction() as tx:
        before, old = await _lock_variant(tx, sku, by)
        position = old.position if new.position is None else new.position
        changed = Variant(sku, new.name, new.price.money, position, new.options)
        variants = [changed if variant is old else variant for variant in before.variants]
        return await _change(tx, catalog, before, replace(before, variants=variants))


async def archive_variant(catalog: Catalog, sku: str, by: Principal) -> None:
    """Nobody can buy it any more; its SKU stays taken. Raises `NothingForSale` for the last of an active product."""
    async with catalog.db.transaction() as tx:
        before, old = await _lock_variant(tx, sku, by)
        variants = [variant for variant in before.variants if variant is not old]
        await _change(tx, catalog, before, replace(before, variants=variants))


async def lock_product(tx: Transaction, id_or_slug: str, by: Principal) -> Product:
    """The product, locked, if `by` may change it; what he may not see is not there for him."""
    if is_id(id_or_slug):
        product = await repository.lock_product(tx, product_id=id_or_slug)
    else:
        product = await repository.lock_product(tx, slug=id_or_slug)
    if product is None:
        raise NoSuchProduct
    if not may_change(product, by):
        raise NotYourProduct if product.standing == "active" else NoSuchProduct
    return product


async def _lock_variant(tx: Transaction, sku: str, by: Principal) -> tuple[Product, Variant]:
    product_id = await repository.product_of_sku(tx, sku)
    if product_id is None:
        raise NoSuchVariant
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
        variants=before.variants if patch.variants is UNSET else variants_of(patch.variants),
    )


async def _category(tx: Transaction, slug: str | None) -> CategoryName | None:
    if slug is None:
        return None
    category = await repository.category_named(tx, slug)
    if category is None:
        raise UnknownCategory(slug, "category")
    return category


async def _change(tx: Transaction, catalog: Catalog, before: Product, after: Product) -> Product:
    await staff_acts.record(
        tx,
        act="product.changed",
        subject=before.id,
        before=_judged(before, after),
        after=_judged(after, before) | {"changed": _changed(before, after)},
    )
    return await save(tx, catalog, before, after)


def _judged(product: Product, other: Product) -> dict[str, Any]:
    """What somebody must know to judge a change by staff: status, and the prices that are not the `other`'s."""
    others = {variant.sku: variant.price.amount for variant in other.variants}
    prices = {
        variant.sku: variant.price.amount
        for variant in product.variants
        if others.get(variant.sku) != variant.price.amount
    }
    return {"status": product.status, "withheld": product.withheld is not None, "prices": prices}


def _changed(before: Product, after: Product) -> list[str]:
    """The names of the members that are not as they were. Texts have no place among what is kept for good."""
    return [name for name in Product.__struct_fields__ if getattr(before, name) != getattr(after, name)]


async def save(tx: Transaction, catalog: Catalog, before: Product, after: Product) -> Product:
    """Write and announce what the locked product `before` becomes; it as it is then."""
    check_for_sale(after.status, after.variants, catalog.settings.currency)
    await repository.change_product(tx, after)
    await repository.lock_variants(tx, {*before.skus, *after.skus})
    gone = set(before.skus) - set(after.skus)
    if gone:
        await repository.archive_variants(tx, before.id, gone)
    await repository.write_variants(tx, {before.id: after.variants})
    return await _announced(tx, catalog, before.id, ProductUpdated)


async def _announced(
    tx: Transaction,
    catalog: Catalog,
    product_id: str,
    fact: type[ProductCreated | ProductUpdated | ProductDeleted],
) -> Product:
    """The product as it is now; its row is locked, so what is said of it holds."""
    product = await repository.product_by_id(tx, product_id)
    assert product is not None, "products are never removed"
    said: Fact = fact(product_id=product.id, slug=product.slug, seller_id=product.seller_id, skus=product.skus)
    await catalog.outbox.announce(tx, subject=product.id, version=product.version, fact=said)
    return product
