"""Catalog for other services: proto/stoa/catalog/v1 says what each call means."""

# ruff: noqa: N802, ARG002 - names and arguments are those of the generated class

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from stoa.contracts.catalog.v1 import catalog_pb2 as pb
from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceServicer
from stoa.contracts.common.v1.common_pb2 import Money as MoneyMessage
from stoa.kit.http.decoding import unprocessable
from stoa.kit.http.types import Slug
from stoa.services.catalog import repository
from stoa.services.catalog.bodies import NewProduct
from stoa.services.catalog.import_products import Imported, import_products
from stoa.services.catalog.product import Product
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.show_products import show_product

CategoryName = Annotated[str, Meta(max_length=200)]


class _Product(NewProduct, kw_only=True):
    slug: Slug
    category_name: CategoryName


class _Import(msgspec.Struct):
    products: list[_Product]


class CatalogServicer(CatalogServiceServicer):
    """Requests in, problems or answers out; the work is in the acts."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def GetVariants(self, request: pb.GetVariantsRequest, context: Any) -> pb.GetVariantsResponse:
        found = await repository.variants_for_sale(self._catalog.db, request.skus)
        return pb.GetVariantsResponse(
            variants=[
                pb.Variant(
                    variant_id=one.id,
                    sku=one.sku,
                    product_id=one.product_id,
                    product_name=one.product_name,
                    product_slug=one.product_slug,
                    variant_name=one.name,
                    price=MoneyMessage(amount_minor=one.price_minor, currency=one.currency),
                )
                for one in found
            ]
        )

    async def GetProduct(self, request: pb.GetProductRequest, context: Any) -> pb.GetProductResponse:
        return pb.GetProductResponse(product=_product(await show_product(self._catalog, request.product, None)))

    async def GetOwners(self, request: pb.GetOwnersRequest, context: Any) -> pb.GetOwnersResponse:
        return pb.GetOwnersResponse(
            owners=[
                pb.Owner(sku=one.sku, seller_id=one.seller_id or "", product_version=one.product_version)
                for one in await repository.owners_of(self._catalog.db, request.skus)
            ]
        )

    async def ImportProducts(self, request: pb.ImportProductsRequest, context: Any) -> pb.ImportProductsResponse:
        try:
            asked = msgspec.convert({"products": [_plain(product) for product in request.products]}, _Import)
        except msgspec.ValidationError as error:
            raise unprocessable(error) from None
        added = await import_products(self._catalog, [Imported(one, one.category_name) for one in asked.products])
        return pb.ImportProductsResponse(added=added, already_there=len(asked.products) - added)


def _product(product: Product) -> pb.Product:
    return pb.Product(
        id=product.id,
        slug=product.slug,
        name=product.name,
        description=product.description,
        brand=product.brand,
        category=product.category.slug if product.category else "",
        variants=[
            pb.Variant(
                variant_id=variant.id,
                sku=variant.sku,
                product_id=product.id,
                product_name=product.name,
                product_slug=product.slug,
                variant_name=variant.name,
                price=MoneyMessage(amount_minor=variant.price.amount, currency=variant.price.currency),
            )
            for variant in product.variants
        ],
        tags=product.tags,
        version=product.version,
    )


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
            }
            for variant in product.variants
        ],
        "tags": list(product.tags),
    }
