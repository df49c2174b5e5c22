"""What callers may send about products and categories: bounded, and nothing that is not listed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from stoa.kit import text
from stoa.kit.custom_fields.values import Metadata, Values
from stoa.kit.http.types import Id, Label, LongText, MediaUrl, Name, Price, Reason, Sku, Slug
from stoa.kit.ids import uuid7
from stoa.services.catalog.errors import ForeignVariantId, SlugLikeAnId, SlugReserved
from stoa.services.catalog.product import RESERVED, Image, Variant, in_order, is_id

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
PropertyText = Annotated[str, Meta(max_length=1000, pattern=text.LINES)]
WholeNumber = Annotated[int, Meta(ge=-MOST_WHOLE, le=MOST_WHOLE)]
# As bounded as whole numbers: PostgreSQL gives 1e17 back as one.
Number = Annotated[float, Meta(ge=-float(MOST_WHOLE), le=float(MOST_WHOLE))]
Specifications = Annotated[dict[PropertyName, PropertyText | WholeNumber | Number | bool], Meta(max_length=100)]
Options = Annotated[dict[PropertyName, Label], Meta(max_length=20)]


class NewImage(msgspec.Struct, forbid_unknown_fields=True):
    url: MediaUrl
    alt: Label = ""


class NewVariant(msgspec.Struct, forbid_unknown_fields=True):
    """Without a `position` it takes its place in the list. Its SKU says which it is; the `id` is known of one that
    was shown, and may come back with it."""

    sku: Sku
    price: Price
    name: Label = ""
    options: Options = {}
    position: Position | None = None
    id: Id | None = None
    custom_fields: Values = {}
    metadata: Metadata = {}

    def at(self, place: int, variant_id: str) -> Variant:
        """Without its custom fields and metadata: what is not said of them stays."""
        position = place if self.position is None else self.position
        return Variant(variant_id, self.sku, self.name, self.price.money, position, self.options)


class VariantReplacement(msgspec.Struct, forbid_unknown_fields=True):
    """Everything of a variant but its id and SKU. Without a `position` it stays where it is; of custom fields and
    metadata stays what is not named."""

    price: Price
    name: Label = ""
    options: Options = {}
    position: Position | None = None
    custom_fields: Values = {}
    metadata: Metadata = {}


class NewProduct(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`category` is a category's slug. Without a `slug` it gets one from its name; without a `status` it is
    active if there is something to sell. Text is text: markup in it is shown, never obeyed. `seller_id` says whose it
    is, for who acts for several sellers."""

    name: Name
    slug: Slug | None = None
    seller_id: Id | None = None
    description: LongText = ""
    brand: Label = ""
    category: Slug | None = None
    status: Literal["draft", "active"] | None = None
    tags: Tags = []
    specifications: Specifications = {}
    images: Annotated[list[NewImage], Meta(max_length=50)] = []
    variants: Annotated[list[NewVariant], Meta(max_length=MOST_VARIANTS)] = []
    custom_fields: Values = {}
    metadata: Metadata = {}


class ProductReplacement(NewProduct, kw_only=True, forbid_unknown_fields=True):
    """The whole product as it is to be: what is left out becomes empty, variants that are not listed are
    archived; only the slug stays as it is, and what is not named of custom fields and metadata. `version` is the one
    that is replaced."""

    version: Version | None = None


class ProductPatch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Only what is to change. With a `version`, only if the product still has it."""

    name: Name | UnsetType = UNSET
    slug: Slug | UnsetType = UNSET
    description: LongText | UnsetType = UNSET
    brand: Label | UnsetType = UNSET
    category: Slug | UnsetType | None = UNSET
    status: Literal["draft", "active"] | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    specifications: Specifications | UnsetType = UNSET
    images: Annotated[list[NewImage], Meta(max_length=50)] | UnsetType = UNSET
    variants: Annotated[list[NewVariant], Meta(max_length=MOST_VARIANTS)] | UnsetType = UNSET
    custom_fields: Values = {}
    metadata: Metadata = {}
    version: Version | None = None


MOST_AT_ONCE = 1000
"""Products in one request, which is at most 1 MiB like any other."""


class ProductItem(ProductPatch, kw_only=True, forbid_unknown_fields=True):
    """One of many: the product of this `id`, or else of this `slug`, is changed by what stands here; there is none
    yet of the slug, it is added, and needs a name. With an `id`, `slug` is the one that it is to have. `seller_id` says
    whose it is, for who acts for several sellers: a product stays its seller's."""

    id: Id | None = None
    seller_id: Id | None = None


class ProductItems(msgspec.Struct, forbid_unknown_fields=True):
    products: Annotated[list[ProductItem], Meta(min_length=1, max_length=MOST_AT_ONCE)]


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
    custom_fields: Values = {}
    metadata: Metadata = {}


def whole(replacement: NewProduct) -> ProductPatch:
    """A replacement as the change of everything."""
    return ProductPatch(
        name=replacement.name,
        slug=replacement.slug or UNSET,
        description=replacement.description,
        brand=replacement.brand,
        category=replacement.category,
        status=replacement.status or ("active" if replacement.variants else "draft"),
        tags=replacement.tags,
        specifications=replacement.specifications,
        images=replacement.images,
        variants=replacement.variants,
        custom_fields=replacement.custom_fields,
        metadata=replacement.metadata,
    )


def sent_variants(patch: ProductPatch) -> Sequence[NewVariant]:
    return () if patch.variants is UNSET else patch.variants


def images_of(images: list[NewImage]) -> list[Image]:
    return [Image(image.url, image.alt) for image in images]


def variants_of(variants: list[NewVariant], known: Sequence[Variant] = ()) -> list[Variant]:
    """In their order; those of the `known` with the same SKU keep their ids. Raises `ForeignVariantId`."""
    ids = {variant.sku: variant.id for variant in known}
    for at, new in enumerate(variants):
        check_variant_id(new, ids.get(new.sku), f"variants[{at}].id")
    return in_order(new.at(place, ids.get(new.sku) or uuid7()) for place, new in enumerate(variants))


def check_variant_id(new: NewVariant, known: str | None, field: str) -> None:
    if new.id is not None and new.id.lower() != known:
        raise ForeignVariantId(new.sku, field)


def check_slug(slug: str, field: str = "slug") -> None:
    """Raises `SlugLikeAnId`, `SlugReserved`."""
    if is_id(slug):
        raise SlugLikeAnId(field)
    if slug in RESERVED:
        raise SlugReserved(slug, field)
