"""Catalog's public API of translations: who may change a thing says what it is called in the shop's languages."""

from __future__ import annotations

from msgspec.structs import asdict

from stoa.kit.http.routes import Request, Routes, may
from stoa.kit.http.types import Page
from stoa.services.catalog import (
    attribute_texts,
    attribute_texts_repository,
    categories_repository,
    collections_repository,
    translations_repository,
)
from stoa.services.catalog.attribute_texts import AttributeTexts
from stoa.services.catalog.define_types import show_attribute, show_type
from stoa.services.catalog.errors import NoSuchCategory, NoSuchCollection, NotYourProduct
from stoa.services.catalog.fitting_translations import Parts, fitting, parts_of, parts_of_banner
from stoa.services.catalog.name_brands import show_brand
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.show_products import may_change, show_product
from stoa.services.catalog.translate import (
    a_brand,
    a_category,
    a_collection,
    a_product,
    a_type,
    remove_translation,
    translate,
)
from stoa.services.catalog.translate_attribute import remove_attribute_translation, translate_attribute
from stoa.services.catalog.translations import (
    BrandTranslation,
    PageTranslation,
    ProductTranslation,
    TypeTranslation,
)

PRODUCTS = may("catalog.products.edit", own=True)
CATEGORIES = may("catalog.categories.edit")
COLLECTIONS = may("catalog.collections.edit")
BRANDS = may("catalog.brands.edit")
TYPES = may("catalog.types.edit")

routes: Routes[Catalog] = Routes("catalog")


class TranslationView(ProductTranslation, kw_only=True, frozen=True):
    """What a thing says in a language; null is as in the shop's own. Only a product has `options`,
    `variants` and `specifications`, and `images` a category or a collection, too."""

    locale: str


@routes.get(
    "/products/{product}/translations",
    answer=Page[TranslationView],
    who=PRODUCTS,
    summary="What a product is called in the shop's languages",
)
async def list_product_translations(catalog: Catalog, request: Request) -> Page[TranslationView]:
    product = await show_product(catalog, request.path["product"], request.caller)
    if not may_change(product, request.caller):
        raise NotYourProduct
    return await _all_of(catalog, product.id, parts_of(product))


@routes.put(
    "/products/{product}/translations/{locale}",
    body=ProductTranslation,
    answer=TranslationView,
    who=PRODUCTS,
    versioned=True,
    summary="Say what a product is called in a language",
)
async def put_product_translation(catalog: Catalog, request: Request[ProductTranslation]) -> TranslationView:
    """All of it: what is left out is as in the shop's own language. `If-Match` is of the product."""
    find, locale = a_product(catalog, request.path["product"], request.caller), request.path["locale"]
    return _view(locale, await translate(catalog, find, locale, request.body, request.if_match))


@routes.delete(
    "/products/{product}/translations/{locale}", who=PRODUCTS, versioned=True, summary="Take a translation away"
)
async def delete_product_translation(catalog: Catalog, request: Request) -> None:
    find = a_product(catalog, request.path["product"], request.caller)
    await remove_translation(catalog, find, request.path["locale"], request.if_match)


@routes.get(
    "/categories/{category}/translations",
    answer=Page[TranslationView],
    who=CATEGORIES,
    summary="What a category is called in the shop's languages",
)
async def list_category_translations(catalog: Catalog, request: Request) -> Page[TranslationView]:
    category = await categories_repository.find_category(catalog.db, request.path["category"])
    if category is None:
        raise NoSuchCategory
    return await _all_of(catalog, category.id, parts_of_banner(category.image))


@routes.put(
    "/categories/{category}/translations/{locale}",
    body=PageTranslation,
    answer=TranslationView,
    who=CATEGORIES,
    versioned=True,
    summary="Say what a category is called in a language",
)
async def put_category_translation(catalog: Catalog, request: Request[PageTranslation]) -> TranslationView:
    find, locale = a_category(catalog, request.path["category"]), request.path["locale"]
    return _view(locale, await translate(catalog, find, locale, _whole(request.body), request.if_match))


@routes.delete(
    "/categories/{category}/translations/{locale}", who=CATEGORIES, versioned=True, summary="Take a translation away"
)
async def delete_category_translation(catalog: Catalog, request: Request) -> None:
    find = a_category(catalog, request.path["category"])
    await remove_translation(catalog, find, request.path["locale"], request.if_match)


@routes.get(
    "/collections/{collection}/translations",
    answer=Page[TranslationView],
    who=COLLECTIONS,
    summary="What a collection is called in the shop's languages",
)
async def list_collection_translations(catalog: Catalog, request: Request) -> Page[TranslationView]:
    collection = await collections_repository.find_collection(catalog.db, request.path["collection"])
    if collection is None:
        raise NoSuchCollection
    return await _all_of(catalog, collection.id, parts_of_banner(collection.image))


@routes.put(
    "/collections/{collection}/translations/{locale}",
    body=PageTranslation,
    answer=TranslationView,
    who=COLLECTIONS,
    versioned=True,
    summary="Say what a collection is called in a language",
)
async def put_collection_translation(catalog: Catalog, request: Request[PageTranslation]) -> TranslationView:
    find, locale = a_collection(catalog, request.path["collection"]), request.path["locale"]
    return _view(locale, await translate(catalog, find, locale, _whole(request.body), request.if_match))


@routes.delete(
    "/collections/{collection}/translations/{locale}",
    who=COLLECTIONS,
    versioned=True,
    summary="Take a translation away",
)
async def delete_collection_translation(catalog: Catalog, request: Request) -> None:
    find = a_collection(catalog, request.path["collection"])
    await remove_translation(catalog, find, request.path["locale"], request.if_match)


@routes.get(
    "/brands/{brand}/translations",
    answer=Page[TranslationView],
    who=BRANDS,
    summary="What a brand says in the shop's languages",
)
async def list_brand_translations(catalog: Catalog, request: Request) -> Page[TranslationView]:
    return await _all_of(catalog, (await show_brand(catalog.db, request.path["brand"])).id)


@routes.put(
    "/brands/{brand}/translations/{locale}",
    body=BrandTranslation,
    answer=TranslationView,
    who=BRANDS,
    versioned=True,
    summary="Say of a brand in a language what is said of it",
)
async def put_brand_translation(catalog: Catalog, request: Request[BrandTranslation]) -> TranslationView:
    """It has its name and its slug in every language."""
    find, locale = a_brand(catalog, request.path["brand"]), request.path["locale"]
    return _view(locale, await translate(catalog, find, locale, _whole(request.body), request.if_match))


@routes.delete("/brands/{brand}/translations/{locale}", who=BRANDS, versioned=True, summary="Take a translation away")
async def delete_brand_translation(catalog: Catalog, request: Request) -> None:
    find = a_brand(catalog, request.path["brand"])
    await remove_translation(catalog, find, request.path["locale"], request.if_match)


@routes.get(
    "/product-types/{product_type}/translations",
    answer=Page[TranslationView],
    who=TYPES,
    summary="What a product type is called in the shop's languages",
)
async def list_type_translations(catalog: Catalog, request: Request) -> Page[TranslationView]:
    return await _all_of(catalog, (await show_type(catalog.db, request.path["product_type"])).id)


@routes.put(
    "/product-types/{product_type}/translations/{locale}",
    body=TypeTranslation,
    answer=TranslationView,
    who=TYPES,
    versioned=True,
    summary="Say what a product type is called in a language",
)
async def put_type_translation(catalog: Catalog, request: Request[TypeTranslation]) -> TranslationView:
    find, locale = a_type(catalog, request.path["product_type"]), request.path["locale"]
    return _view(locale, await translate(catalog, find, locale, _whole(request.body), request.if_match))


@routes.delete(
    "/product-types/{product_type}/translations/{locale}", who=TYPES, versioned=True, summary="Take a translation away"
)
async def delete_type_translation(catalog: Catalog, request: Request) -> None:
    find = a_type(catalog, request.path["product_type"])
    await remove_translation(catalog, find, request.path["locale"], request.if_match)


class AttributeTranslationView(AttributeTexts, kw_only=True, frozen=True):
    """What an attribute and its choices are called in a language; null is as in the shop's own."""

    locale: str


@routes.get(
    "/attributes/{attribute}/translations",
    answer=Page[AttributeTranslationView],
    who=TYPES,
    summary="What an attribute is called in the shop's languages",
)
async def list_attribute_translations(catalog: Catalog, request: Request) -> Page[AttributeTranslationView]:
    attribute = await show_attribute(catalog.db, request.path["attribute"])
    found = (await attribute_texts_repository.texts_of(catalog.db, [attribute.name])).get(attribute.name, {})
    return Page([_attribute_view(locale, attribute_texts.fitting(attribute, said)) for locale, said in found.items()])


@routes.put(
    "/attributes/{attribute}/translations/{locale}",
    body=AttributeTexts,
    answer=AttributeTranslationView,
    who=TYPES,
    versioned=True,
    summary="Say what an attribute is called in a language",
)
async def put_attribute_translation(catalog: Catalog, request: Request[AttributeTexts]) -> AttributeTranslationView:
    name, locale = request.path["attribute"], request.path["locale"]
    return _attribute_view(locale, await translate_attribute(catalog, name, locale, request.body, request.if_match))


@routes.delete(
    "/attributes/{attribute}/translations/{locale}", who=TYPES, versioned=True, summary="Take a translation away"
)
async def delete_attribute_translation(catalog: Catalog, request: Request) -> None:
    await remove_attribute_translation(catalog, request.path["attribute"], request.path["locale"], request.if_match)


def _attribute_view(locale: str, said: AttributeTexts) -> AttributeTranslationView:
    return AttributeTranslationView(locale=locale, label=said.label, unit=said.unit, choices=said.choices)


async def _all_of(catalog: Catalog, thing_id: str, parts: Parts | None = None) -> Page[TranslationView]:
    """Of so many languages as the shop has, and had; as far as they fit the `parts`."""
    found = (await translations_repository.texts_of(catalog.db, [thing_id])).get(thing_id, {})
    return Page([_view(locale, fitting(parts, said) if parts else said) for locale, said in found.items()])


def _whole(translation: PageTranslation | BrandTranslation | TypeTranslation) -> ProductTranslation:
    return ProductTranslation(**asdict(translation))


def _view(locale: str, said: ProductTranslation) -> TranslationView:
    return TranslationView(
        locale=locale,
        name=said.name,
        slug=said.slug,
        description=said.description,
        seo=said.seo,
        options=said.options,
        variants=said.variants,
        images=said.images,
        specifications=said.specifications,
    )
