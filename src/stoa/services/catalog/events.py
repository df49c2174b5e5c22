"""What catalog announces: a product or a category came, changed or went. Who hears it reads what it needs.

`skus` are those of its variants that came or went with it; `seller_id` is null for the shop's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stoa.kit.events import Fact
from stoa.kit.outbox import Announcement
from stoa.services.catalog.product import Product
from stoa.services.catalog.repository import Changed


class ProductCreated(Fact, event="product.created", first=True, frozen=True, kw_only=True):
    """A product was added."""

    product_id: str
    slug: str
    seller_id: str | None
    skus: list[str]


class ProductUpdated(Fact, event="product.updated", frozen=True, kw_only=True):
    """A product or one of its variants changed, or where it stands. `changed` names the members of the product that are
    not as they were; `skus` are the variants that are new, not as they were or archived now, and nobody else's."""

    product_id: str
    slug: str
    seller_id: str | None
    changed: list[str]
    skus: list[str]


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
    """A category was renamed or moved: `changed` names what is not as it was, and what is inside moves along
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


def updated(product: Product | Changed, changed: Sequence[str], skus: Iterable[str] = ()) -> Announcement:
    said = ProductUpdated(
        product_id=product.id,
        slug=product.slug,
        seller_id=product.seller_id,
        changed=list(changed),
        skus=sorted(skus),
    )
    return Announcement(product.id, product.version, said)
