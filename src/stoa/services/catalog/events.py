"""What catalog announces: a product, a category, a collection, an attribute, a product type or a brand came, changed or
went. Who hears it reads what it needs.

`skus` are those of its variants that came or went with it; `seller_id` is null for the shop's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stoa.kit.events import Fact
from stoa.kit.outbox import Announcement
from stoa.services.catalog.images import revisions
from stoa.services.catalog.product import Product
from stoa.services.catalog.repository import Changed


class ProductCreated(Fact, event="product.created", first=True, frozen=True, kw_only=True):
    """A product was added. `files` are the files that its images name, with the revision that they show."""

    product_id: str
    slug: str
    seller_id: str | None
    skus: list[str]
    files: dict[str, int]


class ProductUpdated(Fact, event="product.updated", frozen=True, kw_only=True):
    """A product or one of its variants changed, or where it stands. `changed` names the members of the product that are
    not as they were, `collections` where it is in others; `skus` are the variants that are new, not as they were or
    archived now, and nobody else's. `files` are those that its images name, with the revision that they show; null:
    they are as they were."""

    product_id: str
    slug: str
    seller_id: str | None
    changed: list[str]
    skus: list[str]
    files: dict[str, int] | None


class ProductDeleted(Fact, event="product.deleted", frozen=True, kw_only=True):
    """A product was archived."""

    product_id: str
    slug: str
    seller_id: str | None
    skus: list[str]


class CategoryCreated(Fact, event="category.created", first=True, frozen=True, kw_only=True):
    """A category was added, by staff or by an import."""

    category_id: str
    slug: str
    parent_id: str | None


class CategoryUpdated(Fact, event="category.updated", frozen=True, kw_only=True):
    """A category was described, renamed or moved: `changed` names what is not as it was, and what is inside moves along
    without a word."""

    category_id: str
    slug: str
    parent_id: str | None
    changed: list[str]


class CategoryDeleted(Fact, event="category.deleted", frozen=True, kw_only=True):
    """A category is gone."""

    category_id: str
    slug: str
    parent_id: str | None


class CollectionCreated(Fact, event="collection.created", first=True, frozen=True, kw_only=True):
    """A collection was added: its products are told apart, as they join it."""

    collection_id: str
    slug: str


class CollectionUpdated(Fact, event="collection.updated", frozen=True, kw_only=True):
    """A collection changed: `changed` names what is not as it was; `products`: those that were chosen, or their
    order."""

    collection_id: str
    slug: str
    changed: list[str]


class CollectionDeleted(Fact, event="collection.deleted", frozen=True, kw_only=True):
    """A collection is gone: its products are told as they leave it."""

    collection_id: str
    slug: str


class PriceListUpdated(Fact, event="price_list.updated", frozen=True, kw_only=True):
    """A price list or a price in it changed: `changed` names the members of the list that are not as they were,
    `prices` for those in it. That it begins or ends by its dates nobody announces."""

    list_id: str
    slug: str
    changed: list[str]


class AttributeCreated(Fact, event="attribute.created", first=True, frozen=True, kw_only=True):
    """An attribute of products was defined."""

    attribute_id: int
    name: str


class AttributeUpdated(Fact, event="attribute.updated", frozen=True, kw_only=True):
    """How an attribute is shown, or which values it takes from now on, is not as it was; no product changes with it."""

    attribute_id: int
    name: str
    changed: list[str]


class AttributeDeleted(Fact, event="attribute.deleted", frozen=True, kw_only=True):
    """An attribute is gone, and no product shows it any more."""

    attribute_id: int
    name: str


class ProductTypeCreated(Fact, event="product_type.created", first=True, frozen=True, kw_only=True):
    """A product type was defined."""

    product_type_id: str
    slug: str


class ProductTypeUpdated(Fact, event="product_type.updated", frozen=True, kw_only=True):
    """A product type was renamed, or its attributes are not as they were: what it no longer has, its products no longer
    show, without a word of theirs."""

    product_type_id: str
    slug: str
    changed: list[str]


class ProductTypeDeleted(Fact, event="product_type.deleted", frozen=True, kw_only=True):
    """A product type, which no product had, is gone."""

    product_type_id: str
    slug: str


class BrandCreated(Fact, event="brand.created", first=True, frozen=True, kw_only=True):
    """A brand was added, by staff or with the first product of its name."""

    brand_id: str
    slug: str


class BrandUpdated(Fact, event="brand.updated", frozen=True, kw_only=True):
    """A brand is not as it was. Where its name changed its products follow, each with a word of its own."""

    brand_id: str
    slug: str
    changed: list[str]


class BrandDeleted(Fact, event="brand.deleted", frozen=True, kw_only=True):
    """A brand is gone: merged into another, whose name its products get, each with a word of its own; or, with null,
    removed when no product had it."""

    brand_id: str
    slug: str
    merged_into: str | None


def updated(product: Product | Changed, changed: Sequence[str], skus: Iterable[str] = ()) -> Announcement:
    said = ProductUpdated(
        product_id=product.id,
        slug=product.slug,
        seller_id=product.seller_id,
        changed=list(changed),
        skus=sorted(skus),
        files=revisions(product.images) if isinstance(product, Product) and "images" in changed else None,
    )
    return Announcement(product.id, product.version, said)
