"""What a product is in the index: what catalog says, where its category stands, what can be bought, and what was
sold. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from stoa.contracts.catalog.v1 import catalog_pb2 as pb
from stoa.kit.money import Money
from stoa.kit.pictures import Picture, Rendition
from stoa.ports.search import Category, Document, OptionTexts, Texts, Value, Variant
from stoa.services.search.repository import CategoryRow, Selling

CATEGORIES = "categories"
"""Among what is stale, beside ids of products: the tree."""
ATTRIBUTES = "attributes"
"""There, too: those of the shop."""
WALK = "after "
"""With an id behind it: all products behind that are stale, because of something that no product tells."""
LONGEST_VALUE = 200
"""Characters of an attribute's value that somebody may choose; what is longer is a text, and nobody filters by it."""
DATE = "date"
"""The type of an attribute whose values are days."""
DEEPEST = 20
"""Of the category tree, which catalog keeps shallower than this."""

_LAST_MILLISECOND = 2**42
"""In a hundred years; an id that says more was not made by us."""


class Image(msgspec.Struct, frozen=True):
    """As GET /products has it: `picture` has the sizes of a file of the shop's own."""

    url: str
    alt: str = ""
    file_id: str | None = None
    picture: Picture | None = None


class InCategory(msgspec.Struct, frozen=True):
    """The category that a product stands in."""

    id: str
    slug: str
    name: str


class Card(msgspec.Struct, kw_only=True):
    """A product as a list shows it. `available_skus` are those of `skus` that can be bought, as far as was told."""

    id: str
    slug: str
    name: str
    brand: str
    status: str
    category: InCategory | None
    price: Money | None
    price_max: Money | None
    image: Image | None
    skus: Sequence[str]
    available: bool
    available_skus: Sequence[str]


class Said(msgspec.Struct, frozen=True):
    """What a card says in another language; what is empty there is as in the shop's own."""

    name: str = ""
    slug: str = ""
    alt: str = ""
    """Of its image."""


NOTHING_SAID = Said()


class KeptCard(Card, kw_only=True, omit_defaults=True):
    """As the index keeps it: with what it and its category say in the shop's other languages, by locale."""

    said: Mapping[str, Said] = {}
    category_said: Mapping[str, Said] = {}


class _InOtherLanguages(msgspec.Struct):
    """That part of it."""

    said: Mapping[str, Said] = {}
    category_said: Mapping[str, Said] = {}


Tree = Mapping[str, CategoryRow]
C = TypeVar("C", bound=Card)

_encode = msgspec.json.Encoder().encode
_decode_document = msgspec.json.Decoder(Document).decode
_decode_card = msgspec.json.Decoder(KeptCard).decode
_decode_said = msgspec.json.Decoder(_InOtherLanguages).decode


def encoded(document: Document) -> bytes:
    """As it is kept: without a version, which is that of its row."""
    return _encode(document)


def decoded(kept: bytes, revision: int) -> Document:
    """As an index takes it."""
    return replace(_decode_document(kept), version=revision)


def card_in(locale: str, card: C, kept: bytes) -> C:
    """A card in a language, as it is kept."""
    told = _decode_said(kept)
    said, of_category = told.said.get(locale, NOTHING_SAID), told.category_said.get(locale, NOTHING_SAID)
    category = card.category
    if category is not None:
        category = replace(category, slug=of_category.slug or category.slug, name=of_category.name or category.name)
    image = card.image
    if image is not None:
        image = replace(image, alt=said.alt or image.alt)
    return replace(card, slug=said.slug or card.slug, name=said.name or card.name, category=category, image=image)


def document_of(product: pb.Product, tree: Tree, selling: Selling) -> Document:
    """As catalog tells it, and as it stands."""
    # What everybody pays by price lists, which a variant's own price is not.
    cheapest = product.price if product.HasField("price") else None
    dearest = product.price_max if product.HasField("price_max") else None
    card = KeptCard(
        id=product.id,
        slug=product.slug,
        name=product.name,
        brand=product.brand,
        status=product.standing,
        category=None,
        price=Money(cheapest.amount_minor, cheapest.currency) if cheapest else None,
        price_max=Money(dearest.amount_minor, dearest.currency) if dearest else None,
        image=_image(product.images[0]) if product.images else None,
        skus=[one.sku for one in product.variants],
        available=False,
        available_skus=(),
        said={one.locale: Said(one.name, one.slug, _alt(product, one)) for one in product.translations},
    )
    document = Document(
        id=product.id,
        version=0,
        slug=product.slug,
        name=product.name,
        description=product.description,
        brand=product.brand,
        brand_slug=product.brand_slug,
        old_brand_slugs=list(product.old_brand_slugs),
        other_brand_names=list(product.other_brand_names),
        tags=list(product.tags),
        collections=list(product.collections),
        translated_collections=_by_locale(product.translated_collections),
        old_collections=list(product.old_collections),
        skus=card.skus,
        barcodes=[one.barcode for one in product.variants if one.barcode],
        variants=[Variant({option.name: option.value for option in one.options}) for one in product.variants],
        price_minor=card.price.amount if card.price else 0,
        price_max_minor=card.price_max.amount if card.price_max and card.price_max != card.price else None,
        currency=card.price.currency if card.price else "",
        attributes=_attributes(product),
        days={one.name: date.fromisoformat(one.text) for one in product.specifications if one.type == DATE},
        labels=_labels(product),
        created_at=created_at(product.id),
        texts={
            one.locale: Texts(
                one.name or product.name,
                one.description or product.description,
                [*dict.fromkeys(one.specifications[name] for name in sorted(one.specifications))],
                {name: OptionTexts(said.name, dict(said.values)) for name, said in sorted(one.options.items())},
            )
            for one in product.translations
        },
        card=_encode(card),
    )
    return as_it_stands(document, product.category_id or None, tree, selling)


def as_it_stands(document: Document, category_id: str | None, tree: Tree, selling: Selling) -> Document:
    """The same product, where its category stands now, with what of it can be bought now, and as popular as it is."""
    way = way_to(category_id, tree)
    card = _decode_card(document.card)
    there = [sku for sku in card.skus if sku in selling.available]
    category = tree.get(category_id) if category_id else None
    card = replace(
        card,
        available=bool(there),
        available_skus=there,
        category=InCategory(category.id, category.slug, category.name) if category else None,
        category_said=_category_said(category) if category else {},
    )
    variants = [
        replace(one, available=sku in selling.available) for one, sku in zip(document.variants, card.skus, strict=False)
    ]
    return replace(
        document,
        categories=[way] if way else [],
        available=bool(there),
        variants=variants,
        popularity=selling.popularity,
        card=_encode(card),
    )


def _category_said(category: CategoryRow) -> dict[str, Said]:
    locales = category.names.keys() | category.slugs.keys()
    return {each: Said(category.names.get(each, ""), category.slugs.get(each, "")) for each in sorted(locales)}


def category_row(category: pb.Category) -> CategoryRow:
    return CategoryRow(
        category.id,
        category.parent_id or None,
        category.slug,
        category.name,
        {one.locale: one.name for one in category.translations if one.name},
        {one.locale: one.slug for one in category.translations if one.slug},
        list(category.old_slugs),
    )


def way_to(category_id: str | None, tree: Tree) -> list[Category]:
    """From the top to a category, itself at the end; nothing for one that is not in the tree."""
    way: list[Category] = []
    while category_id and (row := tree.get(category_id)) and len(way) < DEEPEST:
        way.append(Category(row.slug, row.name, row.names, row.slugs, row.old_slugs))
        category_id = row.parent_id
    return way[::-1]


def changed_categories(before: Tree, after: Tree) -> set[str]:
    """Those that stand elsewhere or are called otherwise, or are inside one that does."""
    known = before.keys() | after.keys()
    return {one for one in known if before.get(one) != after.get(one) or way_to(one, before) != way_to(one, after)}


def created_at(product_id: str) -> datetime:
    """Ids begin with the moment at which they were given."""
    milliseconds = int(product_id.replace("-", "")[:12], 16)
    return datetime.fromtimestamp(min(milliseconds, _LAST_MILLISECOND) / 1000, UTC)


def _by_locale(slugs: Iterable[pb.TranslatedSlug]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in slugs:
        found.setdefault(one.locale, []).append(one.slug)
    return found


def _image(image: pb.Image) -> Image:
    if not (image.sizes or image.squares):
        return Image(image.url, image.alt, image.file_id or None)
    picture = Picture(
        width=image.width,
        height=image.height,
        sizes=_renditions(image.sizes),
        squares=_renditions(image.squares),
        color=image.color,
        placeholder=image.placeholder,
        focal_x=image.focal_x,
        focal_y=image.focal_y,
        revision=image.revision,
    )
    return Image(image.url, image.alt, image.file_id or None, picture)


def _alt(product: pb.Product, said: pb.Translation) -> str:
    if not product.images:
        return ""
    first = product.images[0]
    return said.images.get(first.file_id or first.url, "")


def _renditions(told: Sequence[pb.Rendition]) -> list[Rendition]:
    return [Rendition(one.width, one.height, one.avif, one.webp) for one in told]


def _attributes(product: pb.Product) -> dict[str, Value | Sequence[Value]]:
    """What it can be chosen by, as its variants' options: specifications and public custom fields."""
    found: dict[str, list[Value]] = {}
    for one in product.specifications:
        if one.type == DATE:
            continue
        kind = one.WhichOneof("value")
        for value in one.texts if kind is None else [getattr(one, kind)]:
            _add(found, one.name, value)
    fields = msgspec.json.decode(product.custom_fields_json) if product.custom_fields_json else {}
    for name, value in fields.items():
        for each in value if isinstance(value, list) else [value]:
            _add(found, name, each)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _labels(product: pb.Product) -> list[str]:
    """What its choices are called, in any language, where that is not their value, and texts that nobody chooses by."""
    long = (one.text for one in product.specifications if len(one.text) > LONGEST_VALUE)
    chosen = (choice for one in product.specifications for choice in one.chosen)
    labels = (text for one in chosen for text in (one.label, *one.labels.values()) if text)
    return [*dict.fromkeys((*long, *labels))]


def _add(found: dict[str, list[Value]], name: str, value: Value) -> None:
    if isinstance(value, str) and not 0 < len(value) <= LONGEST_VALUE:
        return
    values = found.setdefault(name, [])
    if value not in values:
        values.append(value)
