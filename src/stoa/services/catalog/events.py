"""What catalog announces: a product came, changed or went. Who hears it reads what it needs."""

from __future__ import annotations

from stoa.kit.events import Fact


class ProductCreated(Fact, event="product.created", frozen=True, kw_only=True):
    product_id: str
    slug: str
    skus: list[str]


class ProductUpdated(Fact, event="product.updated", frozen=True, kw_only=True):
    product_id: str
    slug: str
    skus: list[str]


class ProductDeleted(Fact, event="product.deleted", frozen=True, kw_only=True):
    product_id: str
    slug: str
    skus: list[str]
