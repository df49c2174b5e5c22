"""Catalog's things as messages between services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from stoa.contracts.catalog.v1 import catalog_pb2 as pb
from stoa.contracts.common.v1.common_pb2 import Money as MoneyMessage
from stoa.kit.custom_fields.values import Value
from stoa.services.catalog.categories_repository import Category
from stoa.services.catalog.product import Product, Specification, Variant
from stoa.services.catalog.repository import ForSale

MOST_BYTES = 3 * 1024 * 1024
"""Of products in one answer: a message may have 4 MiB."""


def product_message(product: Product) -> pb.Product:
    return pb.Product(
        id=product.id,
        slug=product.slug,
        name=product.name,
        description=product.description,
        brand=product.brand,
        category=product.category.slug if product.category else "",
        variants=[_variant(product, variant) for variant in product.variants],
        tags=product.tags,
        version=product.version,
        standing=product.standing,
        seller_id=product.seller_id or "",
        category_id=product.category.id if product.category else "",
        specifications=[_specification(name, value) for name, value in product.specifications.items()],
        images=[pb.Image(url=image.url, alt=image.alt) for image in product.images],
        custom_fields_json=_object(product.custom_fields.public),
        private_fields_json=_object(product.custom_fields.private),
        metadata=product.metadata,
    )


def that_fit(products: Sequence[Product]) -> list[pb.Product]:
    """The first of them, at least one, as many as a message takes."""
    taken: list[pb.Product] = []
    size = 0
    for product in products:
        message = product_message(product)
        size += message.ByteSize()
        if taken and size > MOST_BYTES:
            break
        taken.append(message)
    return taken


def variant_message(variant: ForSale, currency: str) -> pb.Variant:
    """With its price in `currency`, if it has one; in its own where that is empty."""
    priced = currency in {"", variant.currency}
    return pb.Variant(
        variant_id=variant.id,
        sku=variant.sku,
        product_id=variant.product_id,
        product_name=variant.product_name,
        product_slug=variant.product_slug,
        variant_name=variant.name,
        price=MoneyMessage(amount_minor=variant.price_minor, currency=variant.currency) if priced else None,
    )


def category_message(category: Category) -> pb.Category:
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
    )


def _object(fields: Mapping[str, Value]) -> bytes:
    return msgspec.json.encode(fields) if fields else b""


def _variant(product: Product, variant: Variant) -> pb.Variant:
    return pb.Variant(
        variant_id=variant.id,
        sku=variant.sku,
        product_id=product.id,
        product_name=product.name,
        product_slug=product.slug,
        variant_name=variant.name,
        price=MoneyMessage(amount_minor=variant.price.amount, currency=variant.price.currency),
        options=_options(variant.options),
        custom_fields_json=_object(variant.custom_fields.public),
        private_fields_json=_object(variant.custom_fields.private),
        metadata=variant.metadata,
    )


def _options(options: Mapping[str, str]) -> Iterable[pb.Option]:
    return [pb.Option(name=name, value=value) for name, value in options.items()]


def _specification(name: str, value: Specification) -> pb.Specification:
    if isinstance(value, bool):
        return pb.Specification(name=name, yes=value)
    if isinstance(value, str):
        return pb.Specification(name=name, text=value)
    return pb.Specification(name=name, number=value)
