"""Catalog's public API: its custom fields, and the routes of each subject."""

from __future__ import annotations

from stoa.kit.custom_fields.routes import add_routes
from stoa.kit.http.routes import Routes, may
from stoa.services.catalog import (
    brands_routes,
    categories_routes,
    collections_routes,
    listing_routes,
    price_lists_routes,
    prices_routes,
    product_files_routes,
    products_routes,
    tags_routes,
    translations_routes,
    types_routes,
)
from stoa.services.catalog.fields import PRODUCT, VARIANT
from stoa.services.catalog.products_routes import EDIT
from stoa.services.catalog.service import Catalog

DEFINE = may("catalog.fields.edit")

routes: Routes[Catalog] = Routes(
    "catalog",
    about={
        "product": "The product's id or slug",
        "variant": "The variant's id or SKU",
        "category": "The category's id or slug",
        "list": "The price list's id or slug",
        "attribute": "The attribute's name",
        "product_type": "The product type's id or slug",
        "collection": "The collection's id or slug",
        "brand": "The brand's id or slug",
        "locale": "The language of the texts: one of the shop's, other than its own",
        "import_id": "The import's id",
    },
)
add_routes(routes, PRODUCT, define=DEFINE, sees=EDIT)
add_routes(routes, VARIANT, define=DEFINE, sees=EDIT)

routes.include(listing_routes.routes)
routes.include(prices_routes.routes)
routes.include(products_routes.routes)
routes.include(categories_routes.routes)
routes.include(price_lists_routes.routes)
routes.include(types_routes.routes)
routes.include(collections_routes.routes)
routes.include(brands_routes.routes)
routes.include(tags_routes.routes)
routes.include(translations_routes.routes)
routes.include(product_files_routes.routes)
