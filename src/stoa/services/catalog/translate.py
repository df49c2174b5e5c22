"""Say what a product, a category, a collection, a brand or a product type is called in another language of the shop.

Each change is a version of the thing and an event, like any other of its texts; what is as it was is no change.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from msgspec import to_builtins

from stoa.kit import staff_acts
from stoa.kit.context import Principal
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import IfMatch
from stoa.services.catalog import (
    brands_repository,
    categories_repository,
    collections_repository,
    slugs_repository,
    types_repository,
)
from stoa.services.catalog import translations_repository as repository
from stoa.services.catalog.arrange_categories import lock_category
from stoa.services.catalog.arrange_collections import announce_changed, lock_collection
from stoa.services.catalog.bodies import check_slug
from stoa.services.catalog.change_products import lock_product
from stoa.services.catalog.define_types import held_type
from stoa.services.catalog.errors import NoSuchTranslation
from stoa.services.catalog.events import BrandUpdated, CategoryUpdated, ProductTypeUpdated
from stoa.services.catalog.fitting_translations import Parts, check_fits, fitting, parts_of, parts_of_banner
from stoa.services.catalog.name_brands import lock_brand
from stoa.services.catalog.product import Product
from stoa.services.catalog.product_types import ProductType
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.settle_collections import tell_changed
from stoa.services.catalog.slugs_repository import Kind
from stoa.services.catalog.translations import NOTHING_SAID, ProductTranslation, check_translatable


class Thing(NamedTuple):
    """What is translated, locked, and how to tell that it was."""

    kind: Kind
    id: str
    version: int
    tell: Callable[[bool], Awaitable[None]]
    """That it was, and whether its slug is another."""
    product: Product | None = None
    parts: Parts | None = None
    """Of which its translation may speak; of a product they are worked out."""


Find = Callable[[Transaction], Awaitable[Thing]]


def a_product(catalog: Catalog, id_or_slug: str, by: Principal) -> Find:
    async def find(tx: Transaction) -> Thing:
        return the_product(tx, catalog, await lock_product(tx, id_or_slug, by))

    return find


def the_product(tx: Transaction, catalog: Catalog, product: Product) -> Thing:
    async def tell(_: bool) -> None:
        await tell_changed(tx, catalog, [product.id], ["translations"])

    return Thing("product", product.id, product.version, tell, product)


def a_category(catalog: Catalog, id_or_slug: str) -> Find:
    async def find(tx: Transaction) -> Thing:
        category = await lock_category(tx, id_or_slug)

        async def tell(_: bool) -> None:
            after = category._replace(version=category.version + 1)
            await categories_repository.change_category(tx, after)
            said = CategoryUpdated(
                category_id=after.id, slug=after.slug, parent_id=after.parent_id, changed=["translations"]
            )
            await catalog.outbox.announce(tx, subject=after.id, version=after.version, fact=said)

        return Thing("category", category.id, category.version, tell, parts=parts_of_banner(category.image))

    return find


def a_collection(catalog: Catalog, id_or_slug: str) -> Find:
    async def find(tx: Transaction) -> Thing:
        collection = await lock_collection(tx, id_or_slug)

        async def tell(renamed: bool) -> None:
            # Messages of its products have its slugs.
            retell = renamed and collection.published
            await collections_repository.change_collection(tx, collection, settle=False, retell=retell)
            await announce_changed(tx, catalog, collection, ["translations"])

        return Thing("collection", collection.id, collection.version, tell, parts=parts_of_banner(collection.image))

    return find


def a_brand(catalog: Catalog, id_or_slug: str) -> Find:
    async def find(tx: Transaction) -> Thing:
        brand = await lock_brand(tx, id_or_slug)

        async def tell(_: bool) -> None:
            after = await brands_repository.change_brand(tx, brand)
            said = BrandUpdated(brand_id=after.id, slug=after.slug, changed=["translations"])
            await catalog.outbox.announce(tx, subject=after.id, version=after.version, fact=said)

        return Thing("brand", brand.id, brand.version, tell)

    return find


def a_type(catalog: Catalog, id_or_slug: str) -> Find:
    async def find(tx: Transaction) -> Thing:
        of_type = await held_type(tx, id_or_slug)

        async def tell(_: bool) -> None:
            await types_repository.change_type(tx, of_type.id, of_type.slug, of_type.name)
            said = ProductTypeUpdated(product_type_id=of_type.id, slug=of_type.slug, changed=["translations"])
            await catalog.outbox.announce(tx, subject=of_type.id, version=of_type.version + 1, fact=said)

        return Thing("product_type", of_type.id, of_type.version, tell)

    return find


async def translate(
    catalog: Catalog, find: Find, locale: str, translation: ProductTranslation, if_match: IfMatch
) -> ProductTranslation:
    """All that the thing says in this language. Raises `UnknownLocale`, `OwnLanguage`, `SlugTaken`, and of a product
    `NotOfTheProduct`, `NotAText`, `WrongSpecification`, `WordTwice`."""
    check_translatable(locale, catalog.settings.locales)
    async with catalog.db.transaction() as tx:
        thing = await find(tx)
        if_match.check(thing.version)
        before = (await repository.texts_in(tx, locale, [thing.id])).get(thing.id)
        return await say(tx, thing, locale, before, translation)


async def say(
    tx: Transaction, thing: Thing, locale: str, before: ProductTranslation | None, translation: ProductTranslation
) -> ProductTranslation:
    """What it said `before` in the language it says so from now on. Raises what is wrong with it, as above."""
    if translation.slug is not None:
        check_slug(translation.slug)
    parts = thing.parts
    if thing.product is not None:
        parts = parts_of(thing.product, await _type_of(tx, thing.product, translation))
    if parts is not None:
        before = fitting(parts, before) if before else None
        check_fits(parts, translation, before or NOTHING_SAID)
        translation = fitting(parts, translation)
    if before == translation:
        return translation
    await repository.write_translations(tx, thing.kind, [(thing.id, locale, translation)])
    await thing.tell(await _renamed(tx, thing, before, translation))
    said, was = to_builtins(translation), to_builtins(before) if before else {}
    told = {"locale": locale, "changed": [name for name in said if said[name] != was.get(name)]}
    await staff_acts.record(tx, act=f"{thing.kind}.translated", subject=thing.id, after=told)
    return translation


async def _type_of(tx: Transaction, product: Product, said: ProductTranslation) -> ProductType | None:
    """Which says how long its texts may be, where any is said."""
    if product.product_type is None or not said.specifications:
        return None
    type_id = product.product_type.id
    return (await types_repository.types_named(tx, [], [type_id]))[type_id]


async def remove_translation(catalog: Catalog, find: Find, locale: str, if_match: IfMatch) -> None:
    """From now on it says in this language what it says in the shop's own. Raises `NoSuchTranslation`."""
    async with catalog.db.transaction() as tx:
        thing = await find(tx)
        if_match.check(thing.version)
        before = (await repository.texts_in(tx, locale, [thing.id])).get(thing.id)
        if before is None:
            raise NoSuchTranslation
        await repository.remove_translations(tx, [(thing.id, locale)])
        await thing.tell(await _renamed(tx, thing, before, None))
        told = {"locale": locale}
        await staff_acts.record(tx, act=f"{thing.kind}.translation_removed", subject=thing.id, before=told)


async def _renamed(
    tx: Transaction, thing: Thing, before: ProductTranslation | None, after: ProductTranslation | None
) -> bool:
    """Whether it has another slug in the language now. One that it had leads on like any other."""
    was, now = before.slug if before else None, after.slug if after else None
    if was == now:
        return False
    if was is not None:
        await slugs_repository.keep_slugs(tx, thing.kind, {was: thing.id})
    return True
