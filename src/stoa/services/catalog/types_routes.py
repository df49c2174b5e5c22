"""Catalog's public API of attributes and product types: everybody sees what products may say, and staff define it."""

from __future__ import annotations

from collections.abc import Sequence

from stoa.kit.custom_fields.definition import FieldName
from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import PUBLIC, Request, Routes, may
from stoa.kit.http.types import Page, Slug
from stoa.services.catalog import define_types, types_repository
from stoa.services.catalog.attribute_texts import attribute_in
from stoa.services.catalog.attribute_texts_repository import attribute_texts_for
from stoa.services.catalog.attributes import Attribute, AttributeBody, NewAttribute
from stoa.services.catalog.product_types import NewProductType, ProductType
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.translations import LocaleQuery, PageInLocale, type_in
from stoa.services.catalog.translations_repository import texts_for

DEFINE = may("catalog.types.edit")

routes: Routes[Catalog] = Routes("catalog")


@routes.get(
    "/attributes", query=PageInLocale, answer=Page[Attribute], who=PUBLIC, summary="Attributes of products, by name"
)
async def get_attributes(catalog: Catalog, request: Request[None, PageInLocale]) -> Page[Attribute]:
    limit, after = request.query.limit, decode_key(request.query.cursor, tuple[FieldName])
    page = page_of(
        await types_repository.attributes_after(catalog.db, after or "", limit + 1), limit, lambda one: (one.name,)
    )
    return Page(await _attributes_in(catalog, request.query.locale, page.items), page.next_cursor)


@routes.get(
    "/attributes/{attribute}", query=LocaleQuery, answer=Attribute, who=PUBLIC, summary="An attribute of products"
)
async def get_attribute(catalog: Catalog, request: Request[None, LocaleQuery]) -> Attribute:
    found = await define_types.show_attribute(catalog.db, request.path["attribute"])
    [attribute] = await _attributes_in(catalog, request.query.locale, [found])
    return attribute


async def _attributes_in(catalog: Catalog, locale: str | None, found: Sequence[Attribute]) -> list[Attribute]:
    texts = await attribute_texts_for(catalog, locale, (one.name for one in found))
    return [attribute_in(one, texts) for one in found] if texts else list(found)


@routes.post(
    "/attributes",
    body=NewAttribute,
    answer=Attribute,
    status=201,
    who=DEFINE,
    summary="Define an attribute of products",
)
async def post_attribute(catalog: Catalog, request: Request[NewAttribute]) -> Attribute:
    return await define_types.add_attribute(catalog, request.body)


@routes.put(
    "/attributes/{attribute}",
    body=AttributeBody,
    answer=Attribute,
    who=DEFINE,
    versioned=True,
    summary="Set what an attribute allows, and how it is shown",
)
async def put_attribute(catalog: Catalog, request: Request[AttributeBody]) -> Attribute:
    """Its type stays. What no longer fits stays until it is written again."""
    return await define_types.change_attribute(catalog, request.path["attribute"], request.body, request.if_match)


@routes.delete("/attributes/{attribute}", who=DEFINE, versioned=True, summary="Take away an attribute that no type has")
async def delete_attribute(catalog: Catalog, request: Request) -> None:
    """One made again under its name has no values."""
    await define_types.remove_attribute(catalog, request.path["attribute"], request.if_match)


@routes.get(
    "/product-types",
    query=PageInLocale,
    answer=Page[ProductType],
    who=PUBLIC,
    summary="Product types, by their slugs",
)
async def get_types(catalog: Catalog, request: Request[None, PageInLocale]) -> Page[ProductType]:
    limit, after = request.query.limit, decode_key(request.query.cursor, tuple[Slug])
    page = page_of(
        await types_repository.types_after(catalog.db, after or "", limit + 1), limit, lambda one: (one.slug,)
    )
    return Page(await _types_in(catalog, request.query.locale, page.items), page.next_cursor)


@routes.get(
    "/product-types/{product_type}",
    query=LocaleQuery,
    answer=ProductType,
    who=PUBLIC,
    summary="A product type by its id or slug",
)
async def get_type(catalog: Catalog, request: Request[None, LocaleQuery]) -> ProductType:
    found = await define_types.show_type(catalog.db, request.path["product_type"])
    [of_type] = await _types_in(catalog, request.query.locale, [found])
    return of_type


async def _types_in(catalog: Catalog, locale: str | None, found: Sequence[ProductType]) -> list[ProductType]:
    texts = await texts_for(catalog, locale, (one.id for one in found))
    names = {used.attribute.name for one in found for used in one.attributes}
    of_attributes = await attribute_texts_for(catalog, locale, names)
    return [type_in(one, texts, of_attributes) for one in found] if texts or of_attributes else list(found)


@routes.post(
    "/product-types", body=NewProductType, answer=ProductType, status=201, who=DEFINE, summary="Define a product type"
)
async def post_type(catalog: Catalog, request: Request[NewProductType]) -> ProductType:
    return await define_types.add_type(catalog, request.body)


@routes.put(
    "/product-types/{product_type}",
    body=NewProductType,
    answer=ProductType,
    who=DEFINE,
    versioned=True,
    summary="Rename a product type, or say what its products have",
)
async def put_type(catalog: Catalog, request: Request[NewProductType]) -> ProductType:
    """What it no longer has is at once seen of none of its products."""
    return await define_types.replace_type(catalog, request.path["product_type"], request.body, request.if_match)


@routes.delete(
    "/product-types/{product_type}", who=DEFINE, versioned=True, summary="Take away a product type that no product has"
)
async def delete_type(catalog: Catalog, request: Request) -> None:
    await define_types.remove_type(catalog, request.path["product_type"], request.if_match)
