"""Bring many products in at once: a constant number of statements, whatever their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stoa.kit.custom_fields.define import import_fields
from stoa.kit.custom_fields.definition import NewCustomField
from stoa.kit.ids import uuid7
from stoa.kit.outbox import Announcement
from stoa.services.catalog import categories_repository
from stoa.services.catalog.bodies import NewProduct, ProductPatch, check_slug, variants_of, whole
from stoa.services.catalog.categories_repository import Category
from stoa.services.catalog.edit_product import blank, edited
from stoa.services.catalog.events import CategoryCreated
from stoa.services.catalog.fields import PRODUCT, Defined, defined_for
from stoa.services.catalog.product import CategoryName, Product, check_for_sale
from stoa.services.catalog.save_products import add
from stoa.services.catalog.service import Catalog


@dataclass(frozen=True)
class Imported:
    """A product with the name of its category, in case that is not there yet. Its slug is given."""

    product: NewProduct
    category_name: str


async def import_products(catalog: Catalog, imported: Sequence[Imported], fields: Sequence[NewCustomField] = ()) -> int:
    """How many were added; a slug that exists is left as it is, and of two with the same the first counts. `fields` are
    those of products that they have, where the shop has none of the name.

    All or none: raises `SkuTaken` where a new product has a SKU of another, and what adding one raises.
    """
    products = {one.product.slug or "": one.product for one in reversed(imported)}
    for product in products.values():
        check_slug(product.slug or "")
        check_for_sale("draft", variants_of(product.variants), catalog.settings.currency)
    names = {one.product.category: one.category_name for one in reversed(imported) if one.product.category}
    async with catalog.db.transaction() as tx:
        new = [Category(uuid7(), None, slug, name or slug, 0) for slug, name in names.items()]
        made = await categories_repository.import_categories(tx, new)
        added = [one for one in new if one.id in made]
        for one in added:
            check_slug(one.slug, "category")
        said = [
            Announcement(one.id, 1, CategoryCreated(category_id=one.id, slug=one.slug, parent_id=None)) for one in added
        ]
        await catalog.outbox.announce_all(tx, said)
        if fields:
            await import_fields(tx, PRODUCT, fields)
        # Whoever removes one waits since they were imported.
        categories = await categories_repository.categories_named(tx, names)
        patches = [whole(product) for product in products.values()]
        defined = await defined_for(tx, patches)
        return len(await add(tx, catalog, [_product(patch, categories, defined) for patch in patches]))


def _product(patch: ProductPatch, categories: Mapping[str, CategoryName], defined: Defined) -> Product:
    category = categories[patch.category] if patch.category else None
    return edited(blank(uuid7(), None), patch, category, defined)
