"""What catalog announces: a product came, changed or went. Who hears it reads what it needs.

`skus` are those of its variants that are not archived; `seller_id` is null for the shop's own.
"""

from __future__ import annotations

from stoa.kit.events import Fact
from stoa.kit.outbox import Announcement
from stoa.services.catalog.repository import Changed


class ProductCreated(Fact, event="product.created", frozen=True, kw_only=True):
    product_id: str
    slug: str
    seller_id: str | None
    skus: list[str]


class ProductUpdated(Fact, event="product.updated", frozen=True, kw_only=True):
    product_id: str
    slug: str
    seller_id: str | None
    skus: list[str]


class ProductDeleted(Fact, event="product.deleted", frozen=True, kw_only=True):
    product_id: str
    slug: str
    seller_id: str | None
    skus: list[str]


def updated(product: Changed) -> Announcement:
    """Of a product that was changed with others."""
    said = ProductUpdated(product_id=product.id, slug=product.slug, seller_id=product.seller_id, skus=product.skus)
    return Announcement(product.id, product.version, said)
