"""Bring many products in at once: a constant number of statements, whatever their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stoa.kit.ids import uuid7
from stoa.kit.outbox import Announcement
from stoa.services.catalog import categories_repository, repository
from stoa.services.catalog.bodies import NewProduct, check_slug, variants_of
from stoa.services.catalog.categories_repository import Category
from stoa.services.catalog.events import CategoryCreated, ProductCreated
from stoa.services.catalog.product import Variant, check_for_sale, options_of
from stoa.services.catalog.service import Catalog


@dataclass(frozen=True)
class Imported:
    """A product with the name of its category, in case that is not there yet. Its slug is given."""

    product: NewProduct
    category_name: str


@dataclass(frozen=True)
class _Row:
    id: str
    product: NewProduct
    variants: Sequence[Variant]

    @property
    def skus(self) -> list[str]:
        return [variant.sku for variant in self.variants]


async def import_products(catalog: Catalog, imported: Sequence[Imported]) -> int:
    """How many were added; a slug that exists is left as it is, and of two with the same the first counts.

    All or none: raises `SkuTaken` where a new product has a SKU of another, and what adding one raises.
    """
    rows = {one.product.slug or "": _row(catalog, one.product) for one in reversed(imported)}
    names = {one.product.category: one.category_name for one in reversed(imported) if one.product.category}
    async with catalog.db.transaction() as tx:
        new = [Category(uuid7(), None, slug, name or slug, 0) for slug, name in names.items()]
        made = await categories_repository.import_categories(tx, new)
        added_ids = await repository.import_products(tx, [_columns(slug, row) for slug, row in rows.items()])
        added = {slug: row for slug, row in rows.items() if row.id in added_ids}
        value_ids = await repository.write_options(tx, {row.id: options_of(row.variants) for row in added.values()})
        await repository.write_variants(tx, {row.id: row.variants for row in added.values()}, value_ids)
        announcements = [
            Announcement(one.id, 1, CategoryCreated(category_id=one.id, slug=one.slug, parent_id=None))
            for one in new
            if one.id in made
        ]
        announcements += [
            Announcement(row.id, 1, ProductCreated(product_id=row.id, slug=slug, seller_id=None, skus=row.skus))
            for slug, row in added.items()
        ]
        await catalog.outbox.announce_all(tx, announcements)
        return len(added)


def _row(catalog: Catalog, product: NewProduct) -> _Row:
    check_slug(product.slug or "")
    variants = variants_of(product.variants)
    check_for_sale("draft", variants, catalog.settings.currency)
    return _Row(uuid7(), product, variants)


def _columns(slug: str, row: _Row) -> dict[str, object]:
    prices = [variant.price for variant in row.variants]
    amounts = [price.amount for price in prices]
    return {
        "id": row.id,
        "slug": slug,
        "name": row.product.name,
        "description": row.product.description,
        "brand": row.product.brand,
        "category": row.product.category,
        "status": "active" if row.variants else "draft",
        "tags": row.product.tags,
        "price_minor": min(amounts, default=0),
        "price_max_minor": max(amounts, default=0),
        "currency": prices[0].currency if prices else None,
    }
