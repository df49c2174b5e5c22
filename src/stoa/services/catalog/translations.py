"""What things are called in another language of the shop, and how they look in it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from stoa.kit.http.types import Label, LongText, Name, PageQuery, Sku, Slug
from stoa.kit.settings import LOCALE
from stoa.services.catalog.attribute_texts import Texts as AttributeTexts
from stoa.services.catalog.attribute_texts import attribute_in
from stoa.services.catalog.attributes import Shown, SpecificationText
from stoa.services.catalog.bodies import MOST_VARIANTS, ImageName, PropertyName
from stoa.services.catalog.brands import Brand
from stoa.services.catalog.categories_repository import Category
from stoa.services.catalog.collections_repository import Collection
from stoa.services.catalog.errors import OwnLanguage, UnknownLocale
from stoa.services.catalog.images import Image
from stoa.services.catalog.lists_repository import Card
from stoa.services.catalog.product import Product, TypeName, Variant
from stoa.services.catalog.product_types import ProductType
from stoa.services.catalog.seo import Seo

Locale = Annotated[
    str, Meta(pattern=LOCALE, max_length=6, description="A language, or one of a country", examples=["de"])
]

# Whatever it is: what is none of the shop's is refused with those that it speaks.
AskedLocale = Annotated[str, Meta(description="One of the shop's languages", examples=["de"])]


class LocaleQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """locale: one of the shop's languages; what has no text in it is shown in the shop's own"""

    locale: AskedLocale | None = None


class PageInLocale(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In the order of the shop's own language.

    locale: one of the shop's languages; what has no text in it is shown in the shop's own
    """

    locale: AskedLocale | None = None


class PageTranslation(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Of what has a page. What is left out is as in the shop's own language. The `slug` is the thing's in this
    language, beside the other; `images` are what its images show, by the `file_id`, or the `url` of one elsewhere: a
    category or a collection has one, by its `url`."""

    name: Name | None = None
    slug: Slug | None = None
    description: LongText | None = None
    seo: Seo | None = None
    images: Annotated[dict[ImageName, Label], Meta(max_length=50)] = {}


class BrandTranslation(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Of a brand, which has its name and its slug in every language."""

    description: LongText | None = None
    seo: Seo | None = None


class TypeTranslation(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Of a product type; what is left out is as in the shop's own language."""

    name: Name | None = None


class OptionTexts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an option is called, and its values, by what they are in the shop's own language."""

    name: Label | None = None
    values: Annotated[dict[Label, Label], Meta(max_length=MOST_VARIANTS)] = {}


class ProductTranslation(PageTranslation, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Of a product also what its `options` are called, by their names in the shop's own language, its `variants`, by
    SKU, and those of its `specifications` that are texts."""

    options: Annotated[dict[PropertyName, OptionTexts], Meta(max_length=20)] = {}
    variants: Annotated[dict[Sku, Label], Meta(max_length=MOST_VARIANTS)] = {}
    specifications: Annotated[dict[PropertyName, SpecificationText], Meta(max_length=100)] = {}


NOTHING_SAID = ProductTranslation()


def in_locale(path: str, locale: str | None) -> str:
    """The same page in the language that was asked for."""
    return path if locale is None else f"{path}?locale={locale}"


def other_locale(locale: str | None, locales: Sequence[str], field: str = "locale") -> str | None:
    """None for the shop's own language, in which things are. Raises `UnknownLocale`."""
    if locale is None or locale == locales[0]:
        return None
    if locale not in locales:
        raise UnknownLocale(locale, locales, field)
    return locale


def check_translatable(locale: str, locales: Sequence[str]) -> None:
    """Raises `UnknownLocale`, `OwnLanguage`."""
    if other_locale(locale, locales) is None:
        raise OwnLanguage(locale)


Texts = Mapping[str, ProductTranslation]
"""In one language, by the thing's id."""


def product_in(product: Product, texts: Texts) -> Product:
    """With what is said of it, which fits it."""
    said = texts.get(product.id, NOTHING_SAID)
    category = product.category
    if category is not None and category.id in texts:
        of_category = texts[category.id]
        category = replace(category, slug=of_category.slug or category.slug, name=of_category.name or category.name)
    return replace(
        product,
        slug=said.slug or product.slug,
        name=said.name or product.name,
        description=product.description if said.description is None else said.description,
        seo=said.seo or product.seo,
        category=category,
        product_type=_type_in(product.product_type, texts),
        images=[_image_in(image, said) for image in product.images],
        variants=[_variant_in(variant, said) for variant in product.variants],
        specifications={**product.specifications, **said.specifications},
        attributes=[_value_in(one, said) for one in product.attributes],
    )


def _type_in(shown: TypeName | None, texts: Texts) -> TypeName | None:
    return shown if shown is None else replace(shown, name=texts.get(shown.id, NOTHING_SAID).name or shown.name)


def _variant_in(variant: Variant, said: ProductTranslation) -> Variant:
    options = {}
    for name, value in variant.options.items():
        known = said.options.get(name, _NO_TEXTS)
        options[known.name or name] = known.values.get(value, value)
    return replace(variant, name=said.variants.get(variant.sku, variant.name), options=options)


_NO_TEXTS = OptionTexts()


def _value_in(shown: Shown, said: ProductTranslation) -> Shown:
    text = said.specifications.get(shown.name)
    return shown if text is None else replace(shown, value=text)


AnImage = TypeVar("AnImage", bound=Image)


def _image_in(image: AnImage, said: ProductTranslation) -> AnImage:
    alt = said.images.get(image.named)
    return image if alt is None else replace(image, alt=alt)


def card_in(card: Card, texts: Texts) -> Card:
    said = texts.get(card.id, NOTHING_SAID)
    category = card.category
    if category is not None and category.id in texts:
        of_category = texts[category.id]
        category = replace(category, slug=of_category.slug or category.slug, name=of_category.name or category.name)
    image = None if card.image is None else _image_in(card.image, said)
    return card._replace(slug=said.slug or card.slug, name=said.name or card.name, category=category, image=image)


def category_in(category: Category, texts: Texts) -> Category:
    return _page_in(category, texts.get(category.id, NOTHING_SAID))


def collection_in(collection: Collection, texts: Texts) -> Collection:
    return _page_in(collection, texts.get(collection.id, NOTHING_SAID))


P = TypeVar("P", Category, Collection)


def _page_in(page: P, said: ProductTranslation) -> P:
    image = page.image
    if image is not None:
        image = replace(image, alt=said.images.get(image.url, image.alt))
    return page._replace(
        image=image,
        slug=said.slug or page.slug,
        name=said.name or page.name,
        description=page.description if said.description is None else said.description,
        seo=said.seo or page.seo,
    )


def brand_in(brand: Brand, texts: Texts) -> Brand:
    said = texts.get(brand.id, NOTHING_SAID)
    description = brand.description if said.description is None else said.description
    return replace(brand, description=description, seo=said.seo or brand.seo)


def type_in(of: ProductType, texts: Texts, attributes: AttributeTexts) -> ProductType:
    """With its attributes."""
    return replace(
        of,
        name=texts.get(of.id, NOTHING_SAID).name or of.name,
        attributes=[replace(used, attribute=attribute_in(used.attribute, attributes)) for used in of.attributes],
    )
