"""What callers may send about products and categories: bounded, and nothing that is not listed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from stoa.kit import problems, text
from stoa.kit.barcodes import barcode_of
from stoa.kit.custom_fields.values import Metadata, Values
from stoa.kit.http.types import Id, Label, LongText, MediaUrl, Moment, Name, Price, Reason, Sku, Slug, TaxClass
from stoa.kit.ids import uuid7
from stoa.kit.pictures import Picture
from stoa.ports.tax import STANDARD
from stoa.services.catalog.errors import ForeignVariantId, SlugLikeAnId, SlugReserved, WrongBarcode
from stoa.services.catalog.images import Banner
from stoa.services.catalog.product import RESERVED, Variant, check_each_once, in_order, is_id
from stoa.services.catalog.seo import NO_SEO, Seo

Tag = Annotated[str, Meta(min_length=1, max_length=60, pattern=text.LINE)]
Tags = Annotated[list[Tag], Meta(max_length=50)]
MOST_POSITION = 1_000_000
MOST_VARIANTS = 1000
"""Of one product, whether they came at once or one by one."""
MOST_WHOLE = 2**53
"""From here on not every whole number is one in JSON."""

Position = Annotated[int, Meta(ge=0, le=MOST_POSITION)]
Version = Annotated[int, Meta(ge=1, le=2**63 - 1)]
PropertyName = Annotated[str, Meta(min_length=1, max_length=100, pattern=text.LINE)]
# Without its pattern: in a union of a text that has one with a list, msgspec 0.22 frees what is not its own, and the
# process dies of that when it ends. `check_texts` looks instead.
PropertyText = Annotated[str, Meta(max_length=1000)]
PropertyTexts = Annotated[list[PropertyText], Meta(max_length=200)]
WholeNumber = Annotated[int, Meta(ge=-MOST_WHOLE, le=MOST_WHOLE)]
# As bounded as whole numbers: PostgreSQL gives 1e17 back as one.
Number = Annotated[float, Meta(ge=-float(MOST_WHOLE), le=float(MOST_WHOLE))]
Specifications = Annotated[
    dict[PropertyName, PropertyText | WholeNumber | Number | bool | PropertyTexts], Meta(max_length=100)
]
Options = Annotated[dict[PropertyName, Label], Meta(max_length=20)]


Barcode = Annotated[
    str,
    Meta(
        max_length=30,
        pattern=r"^[0-9Xx -]*(?!\n)$",
        description="GTIN: EAN, UPC or ISBN with its check digit; empty for none. It is kept as digits",
        examples=["5012345678900"],
    ),
]
MOST_GRAMS = 100_000_000
Grams = Annotated[int, Meta(ge=1, le=MOST_GRAMS, description="Grams", examples=[350])]
ImageName = Annotated[
    str,
    Meta(min_length=1, max_length=2000, pattern=text.FILLED_LINE, description="A `file_id` or a `url`, as it is shown"),
]


class NewImage(msgspec.Struct, forbid_unknown_fields=True):
    """An address elsewhere, or a file that was uploaded: then `alt` may be left to it. `picture`, and beside a file the
    `url`, may come back as they were shown, and are not looked at."""

    url: MediaUrl | None = None
    alt: Label = ""
    file_id: Id | None = None
    picture: Picture | None = None


class NewVariant(msgspec.Struct, forbid_unknown_fields=True):
    """Without a `position` it takes its place in the list. Its SKU says which it is; the `id` is known of one that
    was shown, and may come back with it. `image` is one of the product's, by its `file_id`, or the `url` of one
    elsewhere."""

    sku: Sku
    price: Price
    name: Label = ""
    options: Options = {}
    position: Position | None = None
    id: Id | None = None
    custom_fields: Values = {}
    metadata: Metadata = {}
    barcode: Barcode = ""
    weight: Grams | None = None
    image: ImageName | None = None

    def at(self, place: int, variant_id: str, sent_as: str = "") -> Variant:
        """Without its custom fields and metadata: what is not said of them stays. Raises `WrongBarcode`, whose field
        begins with what it was `sent_as`."""
        position = place if self.position is None else self.position
        return _variant(variant_id, self.sku, position, self, sent_as)


class VariantReplacement(msgspec.Struct, forbid_unknown_fields=True):
    """Everything of a variant but its id and SKU: what is left out is emptied. Without a `position` it stays where it
    is; of custom fields and metadata stays what is not named."""

    price: Price
    name: Label = ""
    options: Options = {}
    position: Position | None = None
    custom_fields: Values = {}
    metadata: Metadata = {}
    barcode: Barcode = ""
    weight: Grams | None = None
    image: ImageName | None = None

    def of(self, before: Variant) -> Variant:
        """As `NewVariant.at`."""
        position = before.position if self.position is None else self.position
        return _variant(before.id, before.sku, position, self)


def _variant(
    variant_id: str, sku: str, position: int, sent: NewVariant | VariantReplacement, sent_as: str = ""
) -> Variant:
    try:
        barcode = barcode_of(sent.barcode)
    except ValueError as error:
        raise WrongBarcode(str(error), f"{sent_as}barcode") from None
    return Variant(
        variant_id,
        sku,
        sent.name,
        sent.price.money,
        position,
        sent.options,
        barcode=barcode,
        weight=sent.weight,
        image=sent.image.lower() if sent.image is not None and is_id(sent.image) else sent.image,
    )


class NewProduct(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`category` is a category's slug, and `product_type` a type's, which says what the `specifications` are. Without
    a `slug` it gets one from its name; without a `status` it is active if there is something to sell. An active one is
    sold from `publish_at` until `unpublish_at`, where those are given. Text is text: markup in it is shown, never
    obeyed. `seller_id` says whose it is, for who acts for several sellers."""

    name: Name
    slug: Slug | None = None
    seller_id: Id | None = None
    description: LongText = ""
    brand: Label = ""
    tax_class: TaxClass = STANDARD
    category: Slug | None = None
    status: Literal["draft", "active"] | None = None
    publish_at: Moment | None = None
    unpublish_at: Moment | None = None
    tags: Tags = []
    product_type: Slug | None = None
    specifications: Specifications = {}
    images: Annotated[list[NewImage], Meta(max_length=50)] = []
    variants: Annotated[list[NewVariant], Meta(max_length=MOST_VARIANTS)] = []
    seo: Seo = NO_SEO
    custom_fields: Values = {}
    metadata: Metadata = {}


class ProductReplacement(NewProduct, kw_only=True, forbid_unknown_fields=True):
    """The whole product as it is to be: what is left out becomes empty, variants that are not listed are
    archived; only the slug stays as it is, and what is not named of custom fields and metadata. It stays its seller's,
    as whom `seller_id` may name him. `version` is the one that is replaced."""

    version: Version | None = None


class ProductPatch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Only what is to change. A list that is sent is the whole list: variants that are not in `variants` are archived,
    images and tags that are not in theirs are gone. A product stays its seller's: `seller_id` may be sent as it is.
    With a `version`, only if the product still has it."""

    seller_id: Id | None = None
    name: Name | UnsetType = UNSET
    slug: Slug | UnsetType = UNSET
    description: LongText | UnsetType = UNSET
    brand: Label | UnsetType = UNSET
    tax_class: TaxClass | UnsetType = UNSET
    category: Slug | UnsetType | None = UNSET
    status: Literal["draft", "active"] | UnsetType = UNSET
    publish_at: Moment | UnsetType | None = UNSET
    unpublish_at: Moment | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
    product_type: Slug | UnsetType | None = UNSET
    specifications: Specifications | UnsetType = UNSET
    images: Annotated[list[NewImage], Meta(max_length=50)] | UnsetType = UNSET
    variants: Annotated[list[NewVariant], Meta(max_length=MOST_VARIANTS)] | UnsetType = UNSET
    seo: Seo | UnsetType = UNSET
    custom_fields: Values = {}
    metadata: Metadata = {}
    version: Version | None = None


class Moderation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`reason` is shown to the seller, and kept."""

    reason: Reason


class NewCategory(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`parent` is a category's slug; without one it stands at the top. Siblings stand by `position`, then name.
    What is not named of custom fields and metadata stays."""

    name: Name
    slug: Slug
    parent: Slug | None = None
    position: Position = 0
    description: LongText = ""
    image: Banner | None = None
    seo: Seo = NO_SEO
    custom_fields: Values = {}
    metadata: Metadata = {}


def whole(replacement: NewProduct) -> ProductPatch:
    """A replacement as the change of everything."""
    return ProductPatch(
        seller_id=replacement.seller_id,
        name=replacement.name,
        slug=replacement.slug or UNSET,
        description=replacement.description,
        brand=replacement.brand,
        tax_class=replacement.tax_class,
        category=replacement.category,
        status=replacement.status or ("active" if replacement.variants else "draft"),
        publish_at=replacement.publish_at,
        unpublish_at=replacement.unpublish_at,
        tags=replacement.tags,
        product_type=replacement.product_type,
        specifications=replacement.specifications,
        images=replacement.images,
        variants=replacement.variants,
        seo=replacement.seo,
        custom_fields=replacement.custom_fields,
        metadata=replacement.metadata,
    )


def sent_variants(patch: ProductPatch) -> Sequence[NewVariant]:
    return () if patch.variants is UNSET else patch.variants


def sent_images(patch: ProductPatch) -> Sequence[NewImage]:
    return () if patch.images is UNSET else patch.images


def named_files(patches: Iterable[ProductPatch]) -> set[str]:
    """The ids of the files that any of them names."""
    return {image.file_id for patch in patches for image in sent_images(patch) if image.file_id is not None}


def variants_of(variants: list[NewVariant], known: Sequence[Variant] = ()) -> list[Variant]:
    """In their order; those of the `known` with the same SKU keep their ids. Raises `ForeignVariantId`, `WrongBarcode`,
    `SkuTwice`, `OptionsTwice`."""
    ids = {variant.sku: variant.id for variant in known}
    for at, new in enumerate(variants):
        check_variant_id(new, ids.get(new.sku), f"variants[{at}].id")
    sent = [new.at(place, ids.get(new.sku) or uuid7(), f"variants[{place}].") for place, new in enumerate(variants)]
    check_each_once(sent)
    return in_order(sent)


def check_variant_id(new: NewVariant, known: str | None, field: str) -> None:
    if new.id is not None and new.id.lower() != known:
        raise ForeignVariantId(new.sku, field)


def check_texts(specifications: Mapping[str, Any]) -> None:
    """Raises `Unprocessable` for a text that has what may not be in one."""
    for name, value in specifications.items():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, str) and not _LINES.fullmatch(part):
                raise problems.Unprocessable("A text may not have what nobody sees.", field=f"specifications.{name}")


_LINES = re.compile(text.LINES)


def check_slug(slug: str, field: str = "slug") -> None:
    """Raises `SlugLikeAnId`, `SlugReserved`."""
    if is_id(slug):
        raise SlugLikeAnId(field)
    if slug in RESERVED:
        raise SlugReserved(slug, field)
