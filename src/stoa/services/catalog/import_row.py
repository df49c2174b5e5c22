"""What a file says of one product, and what that makes of the product as it is. Pure.

A file adds and changes, and takes nothing away that it does not speak of: variants that it does not name stay, and so
do specifications.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import replace

from stoa.kit import problems
from stoa.kit.custom_fields.values import Metadata, Values
from stoa.kit.http.decoding import converted, nul_in
from stoa.kit.http.types import Count, Label, Name, Price, ShortText, Sku
from stoa.services.catalog.bodies import (
    MOST_POSITION,
    MOST_VARIANTS,
    Barcode,
    Grams,
    ImageName,
    NewVariant,
    Number,
    Options,
    Position,
    PropertyName,
    PropertyText,
    PropertyTexts,
    WholeNumber,
    sent_images,
)
from stoa.services.catalog.errors import TooManyVariants
from stoa.services.catalog.images import Files
from stoa.services.catalog.import_errors import PriceMissing
from stoa.services.catalog.import_words import in_words
from stoa.services.catalog.plan_translations import place_of
from stoa.services.catalog.product import MOST_DEPTH, Product, Variant
from stoa.services.catalog.product_items import ProductItem, TranslationPatch
from stoa.services.catalog.seo import Seo
from stoa.services.catalog.variant_texts import VariantTexts, with_variants

T = TypeVar("T")


class VariantRow(msgspec.Struct, forbid_unknown_fields=True):
    """What is said of a variant; a new one needs a price. `stock` opens it where there is none yet. `translations` are
    by language."""

    sku: Sku
    price: Price | UnsetType = UNSET
    name: Label | UnsetType = UNSET
    options: Options | UnsetType = UNSET
    position: Position | UnsetType = UNSET
    barcode: Barcode | UnsetType = UNSET
    weight: Grams | UnsetType | None = UNSET
    image: ImageName | UnsetType | None = UNSET
    stock: Count | UnsetType = UNSET
    translations: Annotated[dict[str, VariantTexts], Meta(max_length=20)] = {}
    custom_fields: Values = {}
    metadata: Metadata = {}


class _Beside(msgspec.Struct, forbid_unknown_fields=True):
    """What is said otherwise than in a body."""

    variants: Annotated[list[VariantRow], Meta(max_length=MOST_VARIANTS)] = []
    specifications: Annotated[
        dict[PropertyName, PropertyText | WholeNumber | Number | bool | PropertyTexts | None], Meta(max_length=100)
    ] = {}
    category_path: Annotated[list[Name], Meta(max_length=MOST_DEPTH)] = []
    seo_title: Label | UnsetType = UNSET
    seo_description: ShortText | UnsetType = UNSET


class ProductRow(NamedTuple):
    """`item` has neither variants nor specifications; `category_path` are the names of the categories around the
    product from the top, of which the last is its own."""

    item: ProductItem
    beside: _Beside

    @property
    def skus(self) -> list[str]:
        return [variant.sku for variant in self.beside.variants]

    @property
    def stock(self) -> dict[str, int]:
        """By SKU, where it is said."""
        return {variant.sku: variant.stock for variant in self.beside.variants if variant.stock is not UNSET}


def row_of(said: Mapping[str, Any]) -> ProductRow:
    """Raises `Unprocessable` with the member at fault."""
    if place := nul_in(dict(said)):
        raise problems.Unprocessable("A text may not contain the NUL character.", field=place)
    beside = {name: said[name] for name in _Beside.__struct_fields__ if name in said}
    translations = said.get("translations")
    # Each by itself, so that what is wrong says in which.
    alone = translations if isinstance(translations, dict) else {}
    rest = {name: value for name, value in said.items() if name not in beside and not (alone and value is alone)}
    beside, of_variants = _apart(beside)
    try:
        item = converted(rest, ProductItem)
        row = ProductRow(item, converted(beside, _Beside))
        patches = {locale: _said(one, TranslationPatch, place_of(locale, None)) for locale, one in alone.items()}
        for at, texts in of_variants.items():
            row.beside.variants[at].translations = {
                locale: _said(one, VariantTexts, f"variants[{at}].{place_of(locale, None)}")
                for locale, one in texts.items()
            }
            # What is said in these already has to be known.
            patches = dict.fromkeys(texts, TranslationPatch()) | patches
        return row._replace(item=replace(item, translations=patches)) if patches else row
    except problems.Unprocessable as problem:
        problem.detail = in_words(problem.detail)
        raise


def _apart(beside: Mapping[str, Any]) -> tuple[dict[str, Any], dict[int, dict[str, Any]]]:
    """Without what variants are called in other languages, which comes apart, by their place."""
    variants = beside.get("variants")
    if not isinstance(variants, list):
        return dict(beside), {}
    texts = {
        at: one["translations"]
        for at, one in enumerate(variants)
        if isinstance(one, dict) and isinstance(one.get("translations"), dict)
    }
    left = [
        {name: value for name, value in one.items() if name != "translations"} if at in texts else one
        for at, one in enumerate(variants)
    ]
    return {**beside, "variants": left}, texts


def without_variants(row: ProductRow) -> ProductRow:
    return row._replace(beside=replace(row.beside, variants=[]))


MOST_WRONG = 20
"""Members of a product that are told to be wrong at once."""


def row_and_wrong(said: Mapping[str, Any]) -> tuple[ProductRow | None, list[problems.Problem]]:
    """What is said without what is wrong with it, if anything can be made of that, and all that is wrong."""
    wrong: list[problems.Problem] = []
    left: Mapping[str, Any] | None = said
    while left is not None and len(wrong) < MOST_WRONG:
        try:
            return row_of(left), wrong
        except problems.Unprocessable as problem:
            wrong.append(problem)
            left = _without(left, problem.field or "")
    return None, wrong


def _without(said: Mapping[str, Any], place: str) -> dict[str, Any] | None:
    """The same without the member at the place; None where none is there. Variants keep their places."""
    name = re.split(r"[.\[]", place, maxsplit=1)[0]
    if name not in said:
        return None
    left = {**said}
    found = re.match(r"variants\[([0-9]+)\](?:\.([a-z_]+))?", place)
    if found and int(found[1]) < len(said["variants"]):
        variants = list(said["variants"])
        at, member = int(found[1]), found[2]
        one = variants[at]
        kept = {key: value for key, value in one.items() if key != member} if isinstance(one, dict) else {}
        variants[at] = kept if "sku" in kept and len(kept) < len(one) else {"sku": "unreadable"}
        left["variants"] = variants
    else:
        del left[name]
    return left


def _said(said: Any, shape: type[T], place: str) -> T:
    try:
        return converted(said, shape)
    except problems.Unprocessable as problem:
        problem.field = f"{place}.{problem.field}" if problem.field else place
        raise


def completed(row: ProductRow, before: Product | None) -> ProductItem:
    """The item with all that the product is to have. Raises `PriceMissing`, `TooManyVariants`,
    `CalledOtherwise`."""
    item = row.item
    specifications = dict(before.specifications if before else {})
    for name, value in row.beside.specifications.items():
        specifications.pop(name, None)
        if value is not None:
            specifications[name] = value
    if row.beside.specifications:
        item = replace(item, specifications=specifications)
    if row.beside.seo_title is not UNSET or row.beside.seo_description is not UNSET:
        item = replace(item, seo=_seo(row.beside, before.seo if before else Seo()))
    if row.beside.variants:
        item = replace(item, variants=_variants(row, before))
    if any(variant.translations for variant in row.beside.variants):
        item = replace(item, translations=with_variants(item.translations, row.beside.variants, before))
    return item


def _seo(said: _Beside, before: Seo) -> Seo:
    return Seo(
        before.title if said.seo_title is UNSET else said.seo_title,
        before.description if said.seo_description is UNSET else said.seo_description,
    )


def _variants(row: ProductRow, before: Product | None) -> list[NewVariant]:
    """Those of the file first, so that what is wrong with one is said of its place there."""
    known = {variant.sku: variant for variant in before.variants} if before else {}
    last = max((variant.position for variant in known.values()), default=-1)
    variants: list[NewVariant] = []
    for at, said in enumerate(row.beside.variants):
        if (there := known.pop(said.sku, None)) is not None:
            variants.append(_changed(there, said))
            continue
        if said.price is UNSET:
            raise PriceMissing(said.sku, f"variants[{at}].price")
        last = min(last + 1, MOST_POSITION) if said.position is UNSET else max(last, said.position)
        variants.append(
            NewVariant(
                sku=said.sku,
                price=said.price,
                name="" if said.name is UNSET else said.name,
                options={} if said.options is UNSET else said.options,
                position=last if said.position is UNSET else said.position,
                custom_fields=said.custom_fields,
                metadata=said.metadata,
                barcode="" if said.barcode is UNSET else said.barcode,
                weight=None if said.weight is UNSET else said.weight,
                image=None if said.image is UNSET else said.image,
            )
        )
    variants += [_changed(there, VariantRow(there.sku)) for there in known.values()]
    if len(variants) > MOST_VARIANTS:
        raise TooManyVariants(MOST_VARIANTS)
    return variants


def _changed(there: Variant, said: VariantRow) -> NewVariant:
    return NewVariant(
        sku=there.sku,
        price=Price(there.price.amount, there.price.currency) if said.price is UNSET else said.price,
        name=there.name if said.name is UNSET else said.name,
        options=dict(there.options) if said.options is UNSET else said.options,
        position=there.position if said.position is UNSET else said.position,
        custom_fields=said.custom_fields,
        metadata=said.metadata,
        barcode=there.barcode if said.barcode is UNSET else said.barcode,
        weight=there.weight if said.weight is UNSET else said.weight,
        image=there.image if said.image is UNSET else said.image,
    )


def without_strange_files(item: ProductItem, before: Product | None, files: Files) -> tuple[ProductItem, list[str]]:
    """Without images of files that this shop does not have, as those of the shop that wrote the file; and their ids. A
    product that is there keeps its images then: they may be what was uploaded instead."""
    known = {image.file_id for image in before.images} if before else set()
    named = [image.file_id for image in sent_images(item) if image.file_id is not None]
    gone = [file_id for file_id in named if file_id.lower() not in files and file_id.lower() not in known]
    if not gone:
        return item, []
    kept = [image for image in sent_images(item) if image.file_id not in gone]
    there = {image.file_id or image.url for image in (before.images if before else kept)}
    return replace(
        item,
        images=UNSET if before else kept,
        variants=item.variants if item.variants is UNSET else _showing(item.variants, before, there),
        translations=_of_images(item.translations, there),
    ), gone


def _showing(variants: Sequence[NewVariant], before: Product | None, there: Collection[str | None]) -> list[NewVariant]:
    """With images that are there, or else those that they had."""
    known = {variant.sku: variant.image for variant in before.variants} if before else {}
    return [one if one.image in there else replace(one, image=known.get(one.sku)) for one in variants]


def _of_images(
    translations: Mapping[str, TranslationPatch], there: Collection[str | None]
) -> dict[str, TranslationPatch]:
    """With what is said of images that are there."""
    return {
        locale: said
        if said.images is UNSET
        else replace(said, images={name: text for name, text in said.images.items() if name in there})
        for locale, said in translations.items()
    }
