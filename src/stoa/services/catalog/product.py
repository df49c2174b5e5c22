"""Products and variants as the acts see them, and the rules that need nothing else. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from stoa.kit.custom_fields.values import NOTHING, Fields
from stoa.kit.money import Money
from stoa.ports.tax import STANDARD
from stoa.services.catalog.attributes import Shown, Specification
from stoa.services.catalog.errors import (
    CategoryCycle,
    CategoryTooDeep,
    ForeignCurrency,
    NothingForSale,
    OptionsTwice,
    ProductTooLarge,
    SkuTwice,
)
from stoa.services.catalog.images import KeptImage
from stoa.services.catalog.seo import NO_SEO, Seo
from stoa.services.catalog.words import slug_of

Status = Literal["draft", "active", "archived"]
"""What the seller says of his product."""
Standing = Literal["draft", "active", "archived", "scheduled", "ended", "withheld", "suspended"]
"""Where it stands, of which only `active` is seen and bought: its status, which its dates may keep from being sold
(`scheduled` until it is published, `ended` since it was unpublished), unless staff withhold it, or its seller may not
sell (`suspended`)."""

RESERVED = frozenset(
    (
        *("all", "attributes", "autocomplete", "batch", "brands", "bulk", "categories", "collections", "compare"),
        *("count", "custom-fields", "drafts", "edit", "export", "facets", "feed", "filters", "ids", "import"),
        *("jobs", "me", "mine", "new", "options", "personalized", "popular", "price-lists", "prices", "products"),
        *("questions", "recommendations", "recommended", "related", "reviews", "search", "sellers", "similar"),
        *("sitemap", "stats", "suggest", "tags", "tree", "trending", "variants"),
    )
)
"""No product's and no category's slug: at their paths stand, or may stand, pages of the shop's own."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Variant(msgspec.Struct, frozen=True):
    """What is sold: `name` and `options` tell it from its siblings ("red, large"); empty where it has none. `barcode`
    is what a scanner reads from it, `weight` is in grams, and `image` names the one of its product that shows it."""

    id: str
    sku: str
    name: str
    price: Money
    position: int
    options: Mapping[str, str]
    custom_fields: Fields = NOTHING
    metadata: Mapping[str, str] = {}
    barcode: str = ""
    weight: int | None = None
    image: str | None = None


MOST_LETTERS = 200
"""Of a name, also of one that options make."""


def called(name: str, values: Iterable[str]) -> str:
    """What tells a variant from its siblings where nobody sees its options, as in a cart: its name, or else what it has
    for them, in their order."""
    return name or ", ".join(filter(None, values))[:MOST_LETTERS]


class Option(msgspec.Struct, frozen=True):
    """What variants of a product differ in ("size"), with what they have there, in the order of the variants."""

    name: str
    values: Sequence[str]


class CategoryName(msgspec.Struct, frozen=True):
    """A category as a product shows it."""

    id: str
    slug: str
    name: str


class TypeName(msgspec.Struct, frozen=True):
    """A product type as a product shows it."""

    id: str
    slug: str
    name: str


class Withheld(msgspec.Struct, frozen=True):
    """By staff, who alone can take it back."""

    at: datetime
    by: str
    reason: str


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """What is described. `version` counts its changes, those of its variants among them.

    `specifications` are what its type's attributes say, or anything where it has no type. `standing` and `attributes`,
    which show the specifications of a type, are as they were read: what follows from a change is known when that is
    written.
    """

    id: str
    slug: str
    name: str
    description: str
    brand: str
    tax_class: str = STANDARD
    category: CategoryName | None
    status: Status
    standing: Standing
    withheld: Withheld | None
    publish_at: datetime | None = None
    unpublish_at: datetime | None = None
    seller_id: str | None
    tags: Sequence[str]
    specifications: Mapping[str, Specification]
    product_type: TypeName | None = None
    attributes: Sequence[Shown] = ()
    images: Sequence[KeptImage]
    variants: Sequence[Variant]
    custom_fields: Fields = NOTHING
    metadata: Mapping[str, str] = {}
    seo: Seo = NO_SEO
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def skus(self) -> list[str]:
        return [variant.sku for variant in self.variants]

    @property
    def options(self) -> list[Option]:
        return options_of(self.variants)

    @property
    def price(self) -> Money | None:
        """The lowest; None without variants."""
        return min((variant.price for variant in self.variants), key=_amount, default=None)

    @property
    def price_max(self) -> Money | None:
        return max((variant.price for variant in self.variants), key=_amount, default=None)


_NOT_TOLD = {"id", "attributes", "version", "created_at", "updated_at"}
_TOLD = [name for name in Product.__struct_fields__ if name not in _NOT_TOLD]


def _amount(price: Money) -> int:
    return price.amount


def in_order(variants: Iterable[Variant]) -> list[Variant]:
    """As they stand in their product."""
    return sorted(variants, key=lambda variant: (variant.position, variant.sku))


def options_of(variants: Iterable[Variant]) -> list[Option]:
    """Names and values stand as they first come."""
    names: dict[str, dict[str, None]] = {}
    for variant in variants:
        for name, value in variant.options.items():
            names.setdefault(name, {})[value] = None
    return [Option(name, list(values)) for name, values in names.items()]


def arranged(variants: Sequence[Variant]) -> list[Variant]:
    """Each with its options in the order that they have in the product."""
    names = [option.name for option in options_of(variants)]
    return [
        replace(one, options={name: one.options[name] for name in names if name in one.options}) for one in variants
    ]


def used_options(options: Sequence[Option], variants: Iterable[Variant]) -> list[Option]:
    """All options in their places, each with those of its values that the variants have."""
    had = {pair for variant in variants for pair in variant.options.items()}
    return [Option(one.name, [value for value in one.values if (one.name, value) in had]) for one in options]


def changes(before: Product, after: Product) -> list[str]:
    """The members that are not as they were."""
    return [name for name in _TOLD if not same(getattr(before, name), getattr(after, name))]


def same(one: object, other: object) -> bool:
    """Also in what kind of value it is: to Python 1 and true are the same."""
    return one == other and (not isinstance(one, Mapping) or _kinds(one) == _kinds(other))


def _kinds(members: Any) -> list[bool]:
    return [isinstance(members[name], bool) for name in sorted(members)]


def changed_variants(before: Product, after: Product) -> list[Variant]:
    """Those that are new or not as they were."""
    known = {variant.sku: variant for variant in before.variants}
    return [variant for variant in after.variants if known.get(variant.sku) != variant]


def check_for_sale(status: Status, variants: Sequence[Variant], currency: str) -> None:
    """Raise unless a product of this status may have these variants in a shop of this currency."""
    if status == "active" and not variants:
        raise NothingForSale
    for at, variant in enumerate(variants):
        check_currency(variant.price, currency, f"variants[{at}].price")


def check_each_once(variants: Sequence[Variant]) -> None:
    """Raise if two, in the order in which they were sent, have one SKU or the same options."""
    seen: set[str] = set()
    for at, variant in enumerate(variants):
        if variant.sku in seen:
            raise SkuTwice(variant.sku, f"variants[{at}].sku")
        seen.add(variant.sku)
    check_told_apart(variants)


MOST_BYTES = 2 * 1024 * 1024
"""Of one product, as JSON: twice what a body brings. Changes that leave alone what they do not name would gather more,
and whoever builds an index gets a product in one message between services, of 4 MiB."""


def check_size(before: Product, after: Product) -> None:
    """Raises `ProductTooLarge` for what grows beyond that."""
    size = _bytes_of(after)
    if size > MOST_BYTES and size > _bytes_of(before):
        raise ProductTooLarge(MOST_BYTES)


def _bytes_of(product: Product) -> int:
    return len(msgspec.json.encode(product))


def check_told_apart(variants: Sequence[Variant], field: str | None = None) -> None:
    """Raise if two have the same options. `field` is where the caller sent those, if not with all variants."""
    seen: dict[frozenset[tuple[str, str]], str] = {}
    for at, variant in enumerate(variants):
        if not variant.options:
            continue
        sibling = seen.setdefault(frozenset(variant.options.items()), variant.sku)
        if sibling != variant.sku:
            raise OptionsTwice([sibling, variant.sku], field or f"variants[{at}].options")


def check_currency(price: Money, currency: str, field: str = "price") -> None:
    """Raise unless the price, which the caller sent as `field`, is in the shop's currency."""
    if price.currency != currency:
        raise ForeignCurrency(currency, f"{field}.currency")


def slugs_for(name: str, new_id: str, kind: str = "product") -> list[str]:
    """Slugs for what was given none, the best first: its name, then its name and the id's end."""
    words = slug_of(name)
    unique = f"{words or kind}-{new_id[-8:]}"
    return [unique] if not words or is_id(words) or words in RESERVED else [words, unique]


def is_id(text: str) -> bool:
    """Whether what stands in a path is an id; anything else is a slug."""
    return _UUID.fullmatch(text.lower()) is not None


MOST_DEPTH = 20
"""Categories inside each other: real trees have some five levels, and every answer shows them nested."""


def check_place(parents: Mapping[str, str | None], category_id: str, parent_id: str | None) -> None:
    """Raise unless the category may be put under `parent_id` with all that is in it. `parents` is the tree as it is.

    Raises `CategoryCycle`, `CategoryTooDeep`.
    """
    above = _upwards(parents, parent_id)
    if category_id in above:
        raise CategoryCycle
    below = max((way.index(category_id) for way in _ways_up(parents) if category_id in way), default=0)
    if len(above) + 1 + below > MOST_DEPTH:
        raise CategoryTooDeep(MOST_DEPTH)


def _ways_up(parents: Mapping[str, str | None]) -> Iterator[list[str]]:
    return (_upwards(parents, one) for one in parents)


def _upwards(parents: Mapping[str, str | None], category_id: str | None) -> list[str]:
    """The category and those around it, to the top."""
    way: list[str] = []
    while category_id is not None:
        way.append(category_id)
        category_id = parents.get(category_id)
    return way
