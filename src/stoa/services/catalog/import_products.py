"""Bring many products in at once: a constant number of statements, whatever their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stoa.kit.custom_fields.define import import_fields
from stoa.kit.custom_fields.definition import NewCustomField
from stoa.kit.db import Transaction
from stoa.kit.ids import uuid7
from stoa.kit.outbox import Announcement
from stoa.services.catalog import categories_repository, repository
from stoa.services.catalog.attributes import NewAttribute
from stoa.services.catalog.bodies import NewProduct, ProductPatch, check_slug, named_files, variants_of, whole
from stoa.services.catalog.categories_repository import Category
from stoa.services.catalog.define_types import import_types
from stoa.services.catalog.edit_product import blank, edited
from stoa.services.catalog.errors import SlugTaken
from stoa.services.catalog.events import CategoryCreated
from stoa.services.catalog.fields import PRODUCT, Defined, defined_for
from stoa.services.catalog.images import Files, files_of
from stoa.services.catalog.product import CategoryName, Product, check_for_sale
from stoa.services.catalog.product_types import NewProductType
from stoa.services.catalog.save_products import add
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.write_products import until_nobody_meets


@dataclass(frozen=True)
class Imported:
    """A product with the name of its category, in case that is not there yet. Its slug is given."""

    product: NewProduct
    category_name: str


@dataclass(frozen=True)
class Definitions:
    """What the products speak of, where the shop has none of the name: their custom fields, attributes and types."""

    fields: Sequence[NewCustomField] = ()
    attributes: Sequence[NewAttribute] = ()
    types: Sequence[NewProductType] = ()


NOTHING_DEFINED = Definitions()


async def import_products(
    catalog: Catalog, imported: Sequence[Imported], definitions: Definitions = NOTHING_DEFINED
) -> int:
    """How many were added; a slug that exists is left as it is, and of two with the same the first counts. What is left
    makes nothing: no brand is there for its sake.

    All or none: raises `SkuTaken` where a new product has a SKU of another, and what adding one raises.
    """
    products = {one.product.slug or "": one.product for one in reversed(imported)}
    for product in products.values():
        check_slug(product.slug or "")
        check_for_sale("draft", variants_of(product.variants), catalog.settings.currency)
    patches = [whole(product) for product in products.values()]
    files = await files_of(catalog.media, named_files(patches))
    names = {one.product.category: one.category_name for one in reversed(imported) if one.product.category}

    async def bring_in(tx: Transaction) -> int:
        new = [Category(uuid7(), None, slug, name or slug, 0) for slug, name in names.items()]
        made = await categories_repository.import_categories(tx, new)
        added = [one for one in new if one.id in made]
        for one in added:
            check_slug(one.slug, "category")
        said = [
            Announcement(one.id, 1, CategoryCreated(category_id=one.id, slug=one.slug, parent_id=None)) for one in added
        ]
        await catalog.outbox.announce_all(tx, said)
        if definitions.fields:
            await import_fields(tx, PRODUCT, definitions.fields)
        if definitions.attributes or definitions.types:
            await import_types(tx, catalog, definitions.attributes, definitions.types)
        # Whoever removes one waits since they were imported.
        categories = await categories_repository.categories_named(tx, names)
        if missing := sorted(names.keys() - categories.keys()):
            raise SlugTaken(missing[0])
        defined = await defined_for(tx, patches)
        taken = await repository.taken_slugs(tx, products)
        free = [_product(patch, categories, defined, files) for patch in patches if patch.slug not in taken]
        if len(await add(tx, catalog, free)) < len(free):
            raise SlugTaken("of one of them")
        return len(free)

    return await until_nobody_meets(bring_in, catalog)


def _product(patch: ProductPatch, categories: Mapping[str, CategoryName], defined: Defined, files: Files) -> Product:
    category = categories[patch.category] if patch.category else None
    return edited(blank(uuid7(), None), patch, category, defined, files)
