"""Bring in collections, and what products and attributes are called in other languages, where a shop begins so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Annotated, NamedTuple, TypeVar

import msgspec
from msgspec import Meta

from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING
from stoa.kit.http.types import Slug
from stoa.kit.problems import Problem
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
from stoa.services.catalog.translate import say, the_product
from stoa.services.catalog.translate_attribute import translate_attribute
from stoa.services.catalog.translations import ProductTranslation

T = TypeVar("T")


class ImportedCollection(msgspec.Struct):
    """`products` are slugs, of one without rules."""

    collection: NewCollection
    products: Annotated[list[Slug], Meta(max_length=MOST_BY_HAND)]


class ImportedTranslation(NamedTuple):
    """Of the product that has the slug."""

    product: str
    locale: str
    said: ProductTranslation


class ImportedAttributeTexts(NamedTuple):
    attribute: str
    locale: str
    said: AttributeTexts


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


async def import_translations(
    catalog: Catalog, imported: Sequence[ImportedTranslation | Problem]
) -> tuple[int, list[Problem]]:
    """How many were added, and why others were refused, each by itself and for what a PUT of it is. What is in a
    language that the shop does not speak is passed over, and so is a product that is not there."""
    return await _each(imported, "translations", partial(_import_translation, catalog))


async def import_attribute_texts(
    catalog: Catalog, imported: Sequence[ImportedAttributeTexts | Problem]
) -> tuple[int, list[Problem]]:
    """The same of attributes; one that is not there is refused."""
    return await _each(imported, "attributes", partial(_import_attribute_texts, catalog))


async def _each(
    imported: Sequence[T | Problem], place: str, bring: Callable[[T], Awaitable[bool]]
) -> tuple[int, list[Problem]]:
    added, refused = 0, []
    for at, one in enumerate(imported):
        try:
            if isinstance(one, Problem):
                raise one
            added += await bring(one)
        except Problem as problem:
            problem.field = f"{place}[{at}].{problem.field}" if problem.field else f"{place}[{at}]"
            refused.append(problem)
    return added, refused


async def _import_translation(catalog: Catalog, one: ImportedTranslation) -> bool:
    if one.locale not in catalog.settings.locales[1:]:
        return False
    async with catalog.db.transaction() as tx:
        product = await repository.lock_product(tx, slug=one.product)
        if product is None or await translations_repository.texts_in(tx, one.locale, [product.id]):
            return False
        await say(tx, the_product(tx, catalog, product), one.locale, None, one.said)
    return True


async def _import_attribute_texts(catalog: Catalog, one: ImportedAttributeTexts) -> bool:
    known = one.locale in catalog.settings.locales[1:]
    if not known or await attribute_texts_repository.texts_in(catalog.db, one.locale, [one.attribute]):
        return False
    await translate_attribute(catalog, one.attribute, one.locale, one.said, ANYTHING)
    return True
