"""Catalog's things as messages between services."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from google.protobuf.message import Message
from msgspec.structs import replace

from stoa.contracts.catalog.v1 import catalog_pb2 as pb
from stoa.contracts.common.v1.common_pb2 import Money as MoneyMessage
from stoa.kit.custom_fields.values import Value
from stoa.kit.money import Money
from stoa.services.catalog.attribute_texts import AttributeTexts
from stoa.services.catalog.attributes import Attribute, Choice, Shown, Specification
from stoa.services.catalog.brands_repository import Meant
from stoa.services.catalog.categories_repository import Category
from stoa.services.catalog.collections_repository import InCollection
from stoa.services.catalog.fitting_translations import fitting, parts_of
from stoa.services.catalog.images import Image, to_be_seen
from stoa.services.catalog.pricing import Context
from stoa.services.catalog.product import Product, Variant, called
from stoa.services.catalog.seo import NO_SEO
from stoa.services.catalog.translations import ProductTranslation
from stoa.services.catalog.variants_repository import ForSale, Groups

T = TypeVar("T")
M = TypeVar("M", bound=Message)

MOST_BYTES = 3 * 1024 * 1024
"""Of products, or attributes, in one answer: a message may have 4 MiB."""


Told = Mapping[str, AttributeTexts]
"""What an attribute is called, by locale."""


class Beside(NamedTuple):
    """What belongs to a product and is not read with it: its collections, its texts by locale, what everybody pays for
    it at least and at most, by name what its attributes are called in each locale, and by what its brand is meant."""

    collections: Sequence[InCollection]
    translations: Mapping[str, ProductTranslation]
    prices: tuple[Money, Money] | None
    attributes: Mapping[str, Told]
    brand: Meant


def product_message(product: Product, beside: Beside) -> pb.Product:
    images = to_be_seen(product.images)
    shown = {image.named for image in images}
    return pb.Product(
        id=product.id,
        slug=product.slug,
        name=product.name,
        description=product.description,
        brand=product.brand,
        category=product.category.slug if product.category else "",
        variants=[_variant(product, variant, shown) for variant in product.variants],
        tags=product.tags,
        version=product.version,
        standing=product.standing,
        seller_id=product.seller_id or "",
        category_id=product.category.id if product.category else "",
        specifications=_specifications(product, beside.attributes),
        images=map(_image, images),
        custom_fields_json=_object(product.custom_fields.public),
        private_fields_json=_object(product.custom_fields.private),
        metadata=product.metadata,
        seo=pb.Seo(title=product.seo.title, description=product.seo.description) if product.seo != NO_SEO else None,
        product_type=product.product_type.slug if product.product_type else "",
        collections=[one.slug for one in beside.collections],
        translated_collections=[
            pb.TranslatedSlug(locale=locale, slug=slug)
            for one in beside.collections
            for locale, slug in sorted(one.slugs.items())
        ],
        brand_slug=beside.brand.slug,
        old_brand_slugs=beside.brand.old_slugs,
        other_brand_names=[name for name in beside.brand.names if name != product.brand],
        old_collections=[slug for one in beside.collections for slug in one.old_slugs],
        translations=_translations(_fitting(product, beside.translations)),
        price=money_message(beside.prices[0]) if beside.prices else None,
        price_max=money_message(beside.prices[1]) if beside.prices else None,
    )


def that_fit(things: Sequence[T], message_of: Callable[[T], M]) -> list[M]:
    """The first of them, at least one, as many as a message takes."""
    taken: list[M] = []
    size = 0
    for thing in things:
        message = message_of(thing)
        size += message.ByteSize()
        if taken and size > MOST_BYTES:
            break
        taken.append(message)
    return taken


def variant_message(variant: ForSale, context: Context, quantity: int, groups: Groups) -> pb.Variant:
    """With its price in the context, if it has one."""
    priced = variant.price_in(context, quantity)
    return pb.Variant(
        variant_id=variant.id,
        sku=variant.sku,
        product_id=variant.product_id,
        product_name=variant.product_name,
        product_slug=variant.product_slug,
        variant_name=variant.name,
        price=money_message(priced.price) if priced else None,
        compare_at=money_message(priced.compare_at) if priced and priced.compare_at else None,
        price_list=priced.listed.list if priced and priced.listed else "",
        price_varies=bool(variant.listed),
        barcode=variant.barcode,
        weight_grams=variant.weight or 0,
        category_ids=groups.categories,
        collection_ids=groups.collections,
        brand_id=groups.brand or "",
        tax_class=variant.tax_class,
    )


def money_message(money: Money) -> MoneyMessage:
    return MoneyMessage(amount_minor=money.amount, currency=money.currency)


def category_message(
    category: Category, translations: Mapping[str, ProductTranslation], old_slugs: Iterable[str]
) -> pb.Category:
    return pb.Category(
        id=category.id,
        parent_id=category.parent_id or "",
        slug=category.slug,
        name=category.name,
        position=category.position,
        version=category.version,
        custom_fields_json=_object(category.custom_fields.public),
        private_fields_json=_object(category.custom_fields.private),
        metadata=category.metadata,
        # The tree goes whole, in one message: what only a category's page says would not fit.
        translations=_translations({locale: _name_of(said) for locale, said in translations.items()}),
        old_slugs=old_slugs,
    )


def _name_of(said: ProductTranslation) -> ProductTranslation:
    return replace(said, description=None, images={})


def _fitting(product: Product, texts: Mapping[str, ProductTranslation]) -> dict[str, ProductTranslation]:
    if not texts:
        return {}
    parts = parts_of(product)
    return {locale: fitting(parts, said) for locale, said in texts.items()}


def _translations(translations: Mapping[str, ProductTranslation]) -> list[pb.Translation]:
    return [
        pb.Translation(
            locale=locale,
            slug=said.slug or "",
            name=said.name or "",
            description=said.description or "",
            seo=pb.Seo(title=said.seo.title, description=said.seo.description) if said.seo else None,
            options={
                option: pb.OptionTexts(name=texts.name or "", values=texts.values)
                for option, texts in said.options.items()
            },
            images=said.images,
            specifications=said.specifications,
        )
        for locale, said in translations.items()
    ]


def _object(fields: Mapping[str, Value]) -> bytes:
    return msgspec.json.encode(fields) if fields else b""


def _variant(product: Product, variant: Variant, images: Collection[str]) -> pb.Variant:
    """`images` are the names of those that are shown."""
    return pb.Variant(
        variant_id=variant.id,
        sku=variant.sku,
        product_id=product.id,
        product_name=product.name,
        product_slug=product.slug,
        variant_name=called(variant.name, variant.options.values()),
        price=money_message(variant.price),
        options=_options(variant.options),
        custom_fields_json=_object(variant.custom_fields.public),
        private_fields_json=_object(variant.custom_fields.private),
        metadata=variant.metadata,
        barcode=variant.barcode,
        weight_grams=variant.weight or 0,
        tax_class=product.tax_class,
        image=variant.image if variant.image and variant.image in images else "",
    )


def _image(image: Image) -> pb.Image:
    picture = image.picture
    return pb.Image(
        url=image.url or "",
        alt=image.alt,
        file_id=image.file_id or "",
        sizes=[pb.Rendition(**msgspec.structs.asdict(each)) for each in picture.sizes] if picture else (),
        squares=[pb.Rendition(**msgspec.structs.asdict(each)) for each in picture.squares] if picture else (),
        width=picture.width if picture else 0,
        height=picture.height if picture else 0,
        color=picture.color if picture else "",
        placeholder=picture.placeholder if picture else "",
        focal_x=picture.focal_x if picture else 0,
        focal_y=picture.focal_y if picture else 0,
        revision=picture.revision if picture else 0,
    )


def _options(options: Mapping[str, str]) -> Iterable[pb.Option]:
    return [pb.Option(name=name, value=value) for name, value in options.items()]


def _specifications(product: Product, texts: Mapping[str, Told]) -> list[pb.Specification]:
    if product.product_type is None:
        return [pb.Specification(name=name, **_value(value)) for name, value in product.specifications.items()]
    return [_specification(one, texts.get(one.name, {})) for one in product.attributes]


def _specification(shown: Shown, told: Told) -> pb.Specification:
    return pb.Specification(
        name=shown.name,
        type=shown.type,
        label=shown.label,
        unit=shown.unit,
        chosen=[_choice(choice, told) for choice in shown.chosen],
        labels=_labels(told),
        units=_units(told),
        **_value(shown.value),
    )


def _value(value: Specification) -> dict[str, Any]:
    match value:
        case bool():
            return {"yes": value}
        case str():
            return {"text": value}
        case list():
            return {"texts": value}
        case _:
            return {"number": value}


def attribute_message(attribute: Attribute, told: Told) -> pb.Attribute:
    return pb.Attribute(
        name=attribute.name,
        label=attribute.label,
        type=attribute.type,
        unit=attribute.unit,
        filterable=attribute.filterable,
        choices=[_choice(choice, told) for choice in attribute.choices],
        version=attribute.version,
        id=attribute.id,
        labels=_labels(told),
        units=_units(told),
    )


def _choice(choice: Choice, told: Told) -> pb.Choice:
    labels = {locale: said.choices[choice.value] for locale, said in told.items() if choice.value in said.choices}
    return pb.Choice(value=choice.value, label=choice.label, hex=choice.hex or "", labels=labels)


def _labels(told: Told) -> dict[str, str]:
    return {locale: said.label for locale, said in told.items() if said.label}


def _units(told: Told) -> dict[str, str]:
    return {locale: said.unit for locale, said in told.items() if said.unit}
