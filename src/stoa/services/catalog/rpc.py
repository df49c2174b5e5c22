"""Catalog for other services: proto/stoa/catalog/v1 says what each call means."""

# ruff: noqa: N802, ARG002 - names and arguments are those of the generated class

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from stoa.contracts.catalog.v1 import catalog_pb2 as pb
from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceServicer
from stoa.contracts.common.v1.common_pb2 import Problem as ProblemMessage
from stoa.kit import clock, text
from stoa.kit.custom_fields.definition import FieldName, NewCustomField
from stoa.kit.http.decoding import converted, decode_body
from stoa.kit.http.types import Id, Slug
from stoa.kit.problems import Problem
from stoa.ports.tax import STANDARD
from stoa.services.catalog import (
    attribute_texts_repository,
    brands_repository,
    categories_repository,
    collections_repository,
    public_prices_repository,
    repository,
    slugs_repository,
    translations_repository,
    types_repository,
    variants_repository,
)
from stoa.services.catalog.attribute_texts import AttributeTexts
from stoa.services.catalog.attributes import NewAttribute
from stoa.services.catalog.bodies import NewProduct
from stoa.services.catalog.brands_repository import Meant
from stoa.services.catalog.import_products import Definitions, Imported, import_products
from stoa.services.catalog.import_texts import (
    ImportedAttributeTexts,
    ImportedCollection,
    ImportedTranslation,
    import_attribute_texts,
    import_collections,
    import_translations,
)
from stoa.services.catalog.messages import (
    Beside,
    attribute_message,
    category_message,
    product_message,
    that_fit,
    variant_message,
)
from stoa.services.catalog.price_bodies import ImportedPriceList
from stoa.services.catalog.price_lists import import_price_list
from stoa.services.catalog.pricing import Context, ms_of
from stoa.services.catalog.product import Product
from stoa.services.catalog.product_types import NewProductType
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.show_products import show_product
from stoa.services.catalog.translations import Locale, ProductTranslation
from stoa.services.catalog.variants_repository import NO_GROUPS, ForSale, Groups

T = TypeVar("T")
M = TypeVar("M")

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


class _ListByName(msgspec.Struct):
    cursor: Annotated[str, Meta(max_length=40, pattern=text.LINE)]
    limit: Annotated[int, Meta(ge=1, le=100)]


class _Import(msgspec.Struct):
    products: list[_Product]
    product_fields_json: list[NewCustomField]
    attributes_json: list[NewAttribute]
    product_types_json: list[NewProductType]


class _PriceLists(msgspec.Struct):
    lists: list[ImportedPriceList]


class _Collections(msgspec.Struct):
    collections: list[ImportedCollection]


class _OfProduct(msgspec.Struct):
    product: Slug
    locale: Locale


class _OfAttribute(msgspec.Struct):
    attribute: FieldName
    locale: Locale


class CatalogServicer(CatalogServiceServicer):
    """Requests in, problems or answers out; the work is in the acts."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def GetVariants(self, request: pb.GetVariantsRequest, context: Any) -> pb.GetVariantsResponse:
        [answer] = await self._variants([request])
        return answer

    async def GetVariantsMany(self, request: pb.GetVariantsManyRequest, context: Any) -> pb.GetVariantsManyResponse:
        return pb.GetVariantsManyResponse(answers=await self._variants(request.requests))

    async def _variants(self, requests: Sequence[pb.GetVariantsRequest]) -> list[pb.GetVariantsResponse]:
        """Each priced in its own context, whatever their number from one statement."""
        if not requests:
            return []
        contexts = [_context(one.context) for one in requests]
        wanted = sorted({sku for one in requests for sku in one.skus})
        found = await variants_repository.variants_for_sale(self._catalog.db, wanted, *contexts)
        grouped = {sku for one in requests if one.with_groups for sku in one.skus}
        products = {variant.product_id for sku, variant in found.items() if sku in grouped}
        groups = await variants_repository.groups_of(self._catalog.db, products) if products else {}
        return [_answer(one, context, found, groups) for one, context in zip(requests, contexts, strict=True)]

    async def GetProduct(self, request: pb.GetProductRequest, context: Any) -> pb.GetProductResponse:
        product = await show_product(self._catalog, request.product, None)
        [message] = await self._messages([product])
        return pb.GetProductResponse(product=message)

    async def GetProducts(self, request: pb.GetProductsRequest, context: Any) -> pb.GetProductsResponse:
        ids = sorted({each.lower() for each in converted({"ids": list(request.ids)}, _Ids).ids})
        found = await repository.products_by_ids(self._catalog.db, ids)
        products = await self._messages(found)
        left = [product.id for product in found[len(products) :]]
        return pb.GetProductsResponse(products=products, left=left)

    async def ListProducts(self, request: pb.ListProductsRequest, context: Any) -> pb.ListProductsResponse:
        asked = converted({"cursor": request.cursor or _FIRST, "limit": request.limit or 100}, _List)
        found = await repository.products_after(self._catalog.db, asked.cursor, asked.limit + 1)
        products = await self._messages(found[: asked.limit])
        more = len(products) < len(found)
        return pb.ListProductsResponse(products=products, next_cursor=products[-1].id if more else "")

    async def _messages(self, products: Sequence[Product]) -> list[pb.Product]:
        """Of the first of them, as many as fit, with all that belongs to them."""
        ids = [one.id for one in products]
        collections = await collections_repository.collections_of(self._catalog.db, ids)
        texts = await translations_repository.texts_of(self._catalog.db, ids)
        prices = await public_prices_repository.ranges_of(self._catalog.db, ids)
        names = {attribute.name for one in products for attribute in one.attributes}
        attributes = await attribute_texts_repository.texts_of(self._catalog.db, names) if names else {}
        brands = await brands_repository.meant_by(self._catalog.db, {one.brand for one in products if one.brand})

        def beside(one: Product) -> Beside:
            brand = brands.get(one.brand, Meant("", (), ()))
            return Beside(collections.get(one.id, ()), texts.get(one.id, {}), prices.get(one.id), attributes, brand)

        return that_fit(products, lambda one: product_message(one, beside(one)))

    async def ListCategories(self, request: pb.ListCategoriesRequest, context: Any) -> pb.ListCategoriesResponse:
        categories = await categories_repository.categories(self._catalog.db)
        texts = await translations_repository.texts_of(self._catalog.db, [one.id for one in categories])
        old_slugs = await slugs_repository.old_slugs_of_categories(self._catalog.db)
        return pb.ListCategoriesResponse(
            categories=[category_message(one, texts.get(one.id, {}), old_slugs.get(one.id, ())) for one in categories]
        )

    async def ListAttributes(self, request: pb.ListAttributesRequest, context: Any) -> pb.ListAttributesResponse:
        asked = converted({"cursor": request.cursor, "limit": request.limit or 100}, _ListByName)
        found = await types_repository.attributes_after(self._catalog.db, asked.cursor, asked.limit + 1)
        texts = await attribute_texts_repository.texts_of(self._catalog.db, [one.name for one in found])
        attributes = that_fit(found[: asked.limit], lambda one: attribute_message(one, texts.get(one.name, {})))
        more = len(attributes) < len(found)
        return pb.ListAttributesResponse(attributes=attributes, next_cursor=attributes[-1].name if more else "")

    async def GetOwners(self, request: pb.GetOwnersRequest, context: Any) -> pb.GetOwnersResponse:
        return pb.GetOwnersResponse(
            owners=[
                pb.Owner(
                    sku=one.sku,
                    seller_id=one.seller_id or "",
                    product_version=one.product_version,
                    product_id=one.product_id,
                )
                for one in await variants_repository.owners_of(self._catalog.db, request.skus)
            ]
        )

    async def ShowsFile(self, request: pb.ShowsFileRequest, context: Any) -> pb.ShowsFileResponse:
        shows = await repository.shows_file(self._catalog.db, request.file_id.lower())
        return pb.ShowsFileResponse(shows=shows)

    async def ListFilesOfPages(self, request: pb.ListFilesOfPagesRequest, context: Any) -> pb.ListFilesOfPagesResponse:
        return pb.ListFilesOfPagesResponse(file_ids=await repository.files_of_pages(self._catalog.db))

    async def ImportPriceLists(self, request: pb.ImportPriceListsRequest, context: Any) -> pb.ImportPriceListsResponse:
        lists = converted({"lists": [_object(one) for one in request.lists_json]}, _PriceLists).lists
        added = [await import_price_list(self._catalog, one) for one in lists]
        return pb.ImportPriceListsResponse(added=sum(added))

    async def ImportCollections(
        self, request: pb.ImportCollectionsRequest, context: Any
    ) -> pb.ImportCollectionsResponse:
        plain = [
            {"collection": _object(one.collection_json), "products": list(one.products)} for one in request.collections
        ]
        added = await import_collections(self._catalog, converted({"collections": plain}, _Collections).collections)
        return pb.ImportCollectionsResponse(added=added, already_there=len(plain) - added)

    async def ImportTranslations(
        self, request: pb.ImportTranslationsRequest, context: Any
    ) -> pb.ImportTranslationsResponse:
        said = [_or_problem(_translation, one) for one in request.translations]
        of_attributes = [_or_problem(_attribute_texts, one) for one in request.attributes]
        added, refused = await import_translations(self._catalog, said)
        added_of_attributes, refused_of_attributes = await import_attribute_texts(self._catalog, of_attributes)
        return pb.ImportTranslationsResponse(
            added=added + added_of_attributes,
            refused=[ProblemMessage(document=one.encode()) for one in (*refused, *refused_of_attributes)],
        )

    async def ImportProducts(self, request: pb.ImportProductsRequest, context: Any) -> pb.ImportProductsResponse:
        plain = {
            "products": [_plain(product) for product in request.products],
            "product_fields_json": [_object(field) for field in request.product_fields_json],
            "attributes_json": [_object(attribute) for attribute in request.attributes_json],
            "product_types_json": [_object(one) for one in request.product_types_json],
        }
        asked = converted(plain, _Import)
        imported = [Imported(one, one.category_name) for one in asked.products]
        defined = Definitions(asked.product_fields_json, asked.attributes_json, asked.product_types_json)
        added = await import_products(self._catalog, imported, defined)
        return pb.ImportProductsResponse(added=added, already_there=len(asked.products) - added)


def _context(asked: pb.PriceContext) -> Context:
    return Context(asked.currency, asked.country, frozenset(asked.groups), asked.at_ms or ms_of(clock.now()))


def _answer(
    asked: pb.GetVariantsRequest, context: Context, found: Mapping[str, ForSale], groups: Mapping[str, Groups]
) -> pb.GetVariantsResponse:
    quantities = asked.context.quantities
    said = groups if asked.with_groups else {}
    return pb.GetVariantsResponse(
        variants=[
            variant_message(found[sku], context, quantities.get(sku, 1), said.get(found[sku].product_id, NO_GROUPS))
            for sku in dict.fromkeys(asked.skus)
            if sku in found
        ]
    )


def _plain(product: pb.ImportProductsRequest.NewProduct) -> dict[str, Any]:
    return {
        "slug": product.slug,
        "name": product.name,
        "description": product.description,
        "brand": product.brand,
        "tax_class": product.tax_class or STANDARD,
        "category": product.category or None,
        "category_name": product.category_name,
        "product_type": product.product_type or None,
        "specifications": _object(product.specifications_json),
        "variants": [
            {
                "sku": variant.sku,
                "name": variant.name,
                "price": {"amount": variant.price.amount_minor, "currency": variant.price.currency},
                "options": {option.name: option.value for option in variant.options},
                "custom_fields": _object(variant.custom_fields_json),
                "metadata": dict(variant.metadata),
                "barcode": variant.barcode,
                "weight": variant.weight_grams or None,
                "image": variant.image or None,
            }
            for variant in product.variants
        ],
        "images": [
            {"url": image.url or None, "alt": image.alt, "file_id": image.file_id or None} for image in product.images
        ],
        "tags": list(product.tags),
        "custom_fields": _object(product.custom_fields_json),
        "metadata": dict(product.metadata),
    }


def _or_problem(read: Callable[[M], T], message: M) -> T | Problem:
    try:
        return read(message)
    except Problem as problem:
        return problem


def _translation(message: pb.ImportTranslationsRequest.ProductTranslation) -> ImportedTranslation:
    of = converted({"product": message.product, "locale": message.locale}, _OfProduct)
    said = decode_body(message.translation_json, "application/json", ProductTranslation)
    return ImportedTranslation(of.product, of.locale, said)


def _attribute_texts(message: pb.ImportTranslationsRequest.AttributeTranslation) -> ImportedAttributeTexts:
    of = converted({"attribute": message.attribute, "locale": message.locale}, _OfAttribute)
    said = decode_body(message.translation_json, "application/json", AttributeTexts)
    return ImportedAttributeTexts(of.attribute, of.locale, said)


def _object(encoded: bytes) -> dict[str, Any]:
    return msgspec.json.decode(encoded, type=dict[str, Any]) if encoded else {}
