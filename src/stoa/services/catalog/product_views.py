"""How a product is shown: to everybody, and with what only those see who may change it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import msgspec

from stoa.kit.context import Principal
from stoa.kit.custom_fields.values import Value
from stoa.kit.money import Money
from stoa.services.catalog.attributes import Shown, Specification
from stoa.services.catalog.images import Image, to_be_seen
from stoa.services.catalog.product import CategoryName, Option, Product, Standing, Status, TypeName, Variant
from stoa.services.catalog.sales import Sale, sales_of
from stoa.services.catalog.seo import Seo
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.show_products import may_change


class WithheldView(msgspec.Struct):
    """Since when staff withhold it, and why."""

    at: datetime
    reason: str


class VariantView(msgspec.Struct, frozen=True):
    """What is sold: `name` and `options` tell it from its siblings, `price` is its own. `barcode` is what a scanner
    reads from it, empty for nothing, and `weight` is in grams, null where it is not known. `image` names one of the
    product's `images`, by its `file_id`, or its `url` where it is elsewhere. Of `custom_fields` everybody sees the
    public ones, of `metadata` nothing."""

    id: str
    sku: str
    name: str
    price: Money
    position: int
    options: dict[str, str]
    barcode: str
    weight: int | None
    image: str | None
    custom_fields: dict[str, Value]
    metadata: dict[str, str]


class ProductView(msgspec.Struct, kw_only=True):
    """`price` and `price_max` are what everybody pays for its variants at least and at most; `version` counts its
    changes. `sales` are those that have another price than their own by a list.

    `specifications` are what it says of itself, by name; of those that its `product_type` asks for, `attributes` say in
    order how they are shown. `options` are what its variants differ in. `status` is what its seller says, `standing`
    what follows: only what stands `active` is seen and sold. Of `custom_fields` everybody sees the public ones, of
    `metadata` nothing.
    """

    id: str
    slug: str
    name: str
    description: str
    brand: str
    tax_class: str
    category: CategoryName | None
    status: Status
    standing: Standing
    withheld: WithheldView | None
    publish_at: datetime | None
    unpublish_at: datetime | None
    seller_id: str | None
    tags: Sequence[str]
    product_type: TypeName | None
    attributes: Sequence[Shown]
    specifications: dict[str, Specification]
    images: Sequence[Image]
    options: Sequence[Option]
    price: Money | None
    price_max: Money | None
    sales: list[Sale]
    variants: Sequence[VariantView]
    seo: Seo
    custom_fields: dict[str, Value]
    metadata: dict[str, str]
    version: int
    created_at: datetime
    updated_at: datetime


async def view_of(catalog: Catalog, product: Product, principal: Principal | None) -> ProductView:
    sales = await sales_of(catalog, product.skus)
    return _view(product, sales, private=may_change(product, principal))


def _view(product: Product, sales: Mapping[str, Sale], *, private: bool) -> ProductView:
    prices = [sales[one.sku].price if one.sku in sales else one.price for one in product.variants]
    images = product.images if private else to_be_seen(product.images)
    names = {image.named for image in images}
    return ProductView(
        id=product.id,
        slug=product.slug,
        name=product.name,
        description=product.description,
        brand=product.brand,
        tax_class=product.tax_class,
        category=product.category,
        status=product.status,
        standing=product.standing,
        withheld=WithheldView(product.withheld.at, product.withheld.reason) if product.withheld else None,
        publish_at=product.publish_at,
        unpublish_at=product.unpublish_at,
        seller_id=product.seller_id,
        tags=product.tags,
        product_type=product.product_type,
        attributes=product.attributes,
        specifications=dict(product.specifications),
        images=[one.shown for one in images],
        options=product.options,
        price=min(prices, key=_amount, default=None),
        price_max=max(prices, key=_amount, default=None),
        sales=[sales[one.sku] for one in product.variants if one.sku in sales],
        variants=[_variant_view(variant, names, private=private) for variant in product.variants],
        seo=product.seo,
        custom_fields=product.custom_fields.shown(private=private),
        metadata=dict(product.metadata) if private else {},
        version=product.version,
        created_at=product.created_at,
        updated_at=product.updated_at,
    )


def _amount(price: Money) -> int:
    return price.amount


def _variant_view(variant: Variant, names: Collection[str], *, private: bool) -> VariantView:
    """`names` are those of the images that are shown."""
    return VariantView(
        id=variant.id,
        sku=variant.sku,
        name=variant.name,
        price=variant.price,
        position=variant.position,
        options=dict(variant.options),
        barcode=variant.barcode,
        weight=variant.weight,
        image=variant.image if variant.image in names else None,
        custom_fields=variant.custom_fields.shown(private=private),
        metadata=dict(variant.metadata) if private else {},
    )
