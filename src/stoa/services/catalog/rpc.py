"""Catalog for other services: proto/stoa/catalog/v1 says what each call means."""

# ruff: noqa: N802, ARG002 - names and arguments are those of the generated class

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from stoa.contracts.catalog.v1 import catalog_pb2 as pb
from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceServicer
from stoa.kit.custom_fields.definition import NewCustomField
from stoa.kit.http.decoding import unprocessable
from stoa.kit.http.types import Id, Slug
from stoa.services.catalog import categories_repository, repository
from stoa.services.catalog.bodies import NewProduct
from stoa.services.catalog.import_products import Imported, import_products
from stoa.services.catalog.messages import category_message, product_message, that_fit, variant_message
from stoa.services.catalog.repository import ForSale
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.show_products import show_product

T = TypeVar("T")
_FIRST = "00000000-0000-0000-0000-000000000000"
"""No product comes before it."""

CategoryName = Annotated[str, Meta(max_length=200)]


class _Product(NewProduct, kw_only=True):
    slug: Slug
    category_name: CategoryName


class _Ids(msgspec.Struct):
    ids: Annotated[list[Id], Meta(max_length=100)]


class _List(msgspec.Struct):
    cursor: Id
    limit: Annotated[int, Meta(ge=1, le=100)]


class _Import(msgspec.Struct):
    products: list[_Product]
    product_fields_json: list[NewCustomField]


class CatalogServicer(CatalogServiceServicer):
    """Requests in, problems or answers out; the work is in the acts."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def GetVariants(self, request: pb.GetVariantsRequest, context: Any) -> pb.GetVariantsResponse:
        return _variants(request, await repository.variants_for_sale(self._catalog.db, request.skus))

    async def GetVariantsMany(self, request: pb.GetVariantsManyRequest, context: Any) -> pb.GetVariantsManyResponse:
        wanted = sorted({sku for one in request.requests for sku in one.skus})
        found = {one.sku: one for one in await repository.variants_for_sale(self._catalog.db, wanted)}
        return pb.GetVariantsManyResponse(
            answers=[_variants(one, [found[sku] for sku in one.skus if sku in found]) for one in request.requests]
        )

    async def GetProduct(self, request: pb.GetProductRequest, context: Any) -> pb.GetProductResponse:
        return pb.GetProductResponse(product=product_message(await show_product(self._catalog, request.product, None)))

    async def GetProducts(self, request: pb.GetProductsRequest, context: Any) -> pb.GetProductsResponse:
        ids = sorted({each.lower() for each in _asked({"ids": list(request.ids)}, _Ids).ids})
        found = await repository.products_by_ids(self._catalog.db, ids)
        products = that_fit(found)
        left = [product.id for product in found[len(products) :]]
        return pb.GetProductsResponse(products=products, left=left)

    async def ListProducts(self, request: pb.ListProductsRequest, context: Any) -> pb.ListProductsResponse:
        asked = _asked({"cursor": request.cursor or _FIRST, "limit": request.limit or 100}, _List)
        found = await repository.products_after(self._catalog.db, asked.cursor, asked.limit + 1)
        products = that_fit(found[: asked.limit])
        more = len(products) < len(found)
        return pb.ListProductsResponse(products=products, next_cursor=products[-1].id if more else "")

    async def ListCategories(self, request: pb.ListCategoriesRequest, context: Any) -> pb.ListCategoriesResponse:
        categories = await categories_repository.categories(self._catalog.db)
        return pb.ListCategoriesResponse(categories=[category_message(one) for one in categories])

    async def GetOwners(self, request: pb.GetOwnersRequest, context: Any) -> pb.GetOwnersResponse:
        return pb.GetOwnersResponse(
            owners=[
                pb.Owner(sku=one.sku, seller_id=one.seller_id or "", product_version=one.product_version)
                for one in await repository.owners_of(self._catalog.db, request.skus)
            ]
        )

    async def ImportProducts(self, request: pb.ImportProductsRequest, context: Any) -> pb.ImportProductsResponse:
        plain = {
            "products": [_plain(product) for product in request.products],
            "product_fields_json": [_object(field) for field in request.product_fields_json],
        }
        asked = _asked(plain, _Import)
        imported = [Imported(one, one.category_name) for one in asked.products]
        added = await import_products(self._catalog, imported, asked.product_fields_json)
        return pb.ImportProductsResponse(added=added, already_there=len(asked.products) - added)


def _asked(request: dict[str, Any], shape: type[T]) -> T:
    try:
        return msgspec.convert(request, shape)
    except msgspec.ValidationError as error:
        raise unprocessable(error) from None


def _variants(asked: pb.GetVariantsRequest, found: Iterable[ForSale]) -> pb.GetVariantsResponse:
    return pb.GetVariantsResponse(variants=[variant_message(one, asked.context.currency) for one in found])


def _plain(product: pb.ImportProductsRequest.NewProduct) -> dict[str, Any]:
    return {
        "slug": product.slug,
        "name": product.name,
        "description": product.description,
        "brand": product.brand,
        "category": product.category or None,
        "category_name": product.category_name,
        "variants": [
            {
                "sku": variant.sku,
                "name": variant.name,
                "price": {"amount": variant.price.amount_minor, "currency": variant.price.currency},
                "options": {option.name: option.value for option in variant.options},
                "custom_fields": _object(variant.custom_fields_json),
                "metadata": dict(variant.metadata),
            }
            for variant in product.variants
        ],
        "tags": list(product.tags),
        "custom_fields": _object(product.custom_fields_json),
        "metadata": dict(product.metadata),
    }


def _object(encoded: bytes) -> dict[str, Any]:
    return msgspec.json.decode(encoded, type=dict[str, Any]) if encoded else {}
