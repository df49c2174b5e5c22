"""Bring in collections, and what products and attributes are called in other languages, where a shop begins so."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from stoa.kit.custom_fields.definition import FieldName
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING
from stoa.kit.http.types import Slug
from stoa.services.catalog import (
    attribute_texts_repository,
    collections_repository,
    repository,
    translations_repository,
)
from stoa.services.catalog.arrange_collections import MOST_BY_HAND, NewCollection, collection_of, make_collection
from stoa.services.catalog.attribute_texts import AttributeTexts
from stoa.services.catalog.collections_repository import Membership
from stoa.services.catalog.errors import UnknownProduct
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.settle_collections import tell_changed
from stoa.services.catalog.translate_attribute import translate_attribute
from stoa.services.catalog.translations import Locale, ProductTranslation


class ImportedCollection(msgspec.Struct):
    """`products` are slugs, of one without rules."""

    collection: NewCollection
    products: Annotated[list[Slug], Meta(max_length=MOST_BY_HAND)]


class ImportedTranslation(msgspec.Struct):
    """Of the product that has the slug."""

    product: Slug
    locale: Locale
    translation: ProductTranslation


class ImportedAttributeTexts(msgspec.Struct):
    attribute: FieldName
    locale: Locale
    translation: AttributeTexts


async def import_collections(catalog: Catalog, imported: list[ImportedCollection]) -> int:
    """How many were added; a slug that exists is left as it is. Raises what making one does, and `UnknownProduct`."""
    added = 0
    for one in imported:
        async with catalog.db.transaction() as tx:
            if await collections_repository.lock_collection(tx, one.collection.slug) is not None:
                continue
            collection = await collection_of(tx, one.collection)
            await make_collection(tx, catalog, collection)
            await _choose(tx, catalog, collection.id, one.products)
            added += 1
    return added


async def _choose(tx: Transaction, catalog: Catalog, collection_id: str, slugs: list[Slug]) -> None:
    if not slugs:
        return
    found = {product.slug: product.id for product in await repository.lock_products(tx, [], slugs)}
    if unknown := [slug for slug in slugs if slug not in found]:
        raise UnknownProduct(unknown[0], "products")
    await collections_repository.join(
        tx, [Membership(collection_id, found[slug], position) for position, slug in enumerate(slugs)]
    )
    await tell_changed(tx, catalog, list(found.values()), ["collections"])


async def import_translations(catalog: Catalog, imported: list[ImportedTranslation]) -> int:
    """How many were added; what is in a language that the shop does not speak is passed over. Raises `SlugTaken`."""
    added = 0
    for one in imported:
        if one.locale not in catalog.settings.locales[1:]:
            continue
        async with catalog.db.transaction() as tx:
            product = await repository.lock_product(tx, slug=one.product)
            if product is None or await translations_repository.texts_in(tx, one.locale, [product.id]):
                continue
            await translations_repository.write_translations(tx, "product", [(product.id, one.locale, one.translation)])
            await tell_changed(tx, catalog, [product.id], ["translations"])
            added += 1
    return added


async def import_attribute_texts(catalog: Catalog, imported: list[ImportedAttributeTexts]) -> int:
    """The same of attributes. Raises `NoSuchAttribute`, `WrongAttribute`."""
    added = 0
    for one in imported:
        known = one.locale in catalog.settings.locales[1:]
        if known and not await attribute_texts_repository.texts_in(catalog.db, one.locale, [one.attribute]):
            await translate_attribute(catalog, one.attribute, one.locale, one.translation, ANYTHING)
            added += 1
    return added
