"""What a product becomes by a change, and what is kept of who changed it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from stoa.kit import clock
from stoa.kit.context import Principal
from stoa.kit.custom_fields.values import NOTHING, with_metadata
from stoa.kit.dates import moment_of
from stoa.services.catalog.bodies import (
    NewVariant,
    ProductPatch,
    VariantReplacement,
    check_slug,
    check_texts,
    sent_variants,
    variants_of,
)
from stoa.services.catalog.errors import NotItsImage, NotYourSeller, ProductWithheld
from stoa.services.catalog.fields import Defined, fields_after
from stoa.services.catalog.images import Files, images_of
from stoa.services.catalog.product import CategoryName, Product, TypeName, Variant, changed_variants, same
from stoa.services.catalog.product_types import Types, check_specifications
from stoa.services.catalog.publication import check_dates
from stoa.services.catalog.show_products import acting_for
from stoa.services.catalog.types_errors import UnknownProductType


def blank(product_id: str, seller_id: str | None) -> Product:
    """A product of which nothing is said yet."""
    now = clock.now()
    return Product(
        id=product_id,
        slug="",
        name="",
        description="",
        brand="",
        category=None,
        status="draft",
        standing="draft",
        withheld=None,
        seller_id=seller_id,
        tags=[],
        specifications={},
        images=[],
        variants=[],
        version=1,
        created_at=now,
        updated_at=now,
    )


def whose(by: Principal, seller_id: str | None = None) -> str | None:
    """Whose product it is that somebody adds: a seller's for whom he acts, or the shop's, if he may edit all and names
    none.

    Raises `NotYourSeller`, or `WhichSeller` where none is named and there are several.
    """
    return None if seller_id is None and by.may("catalog.products.edit") else acting_for(by, seller_id)


def check_seller(before: Product, patch: ProductPatch) -> None:
    """Raise `NotYourSeller` where a product would become another seller's, or the shop's a seller's."""
    if patch.seller_id is not None and patch.seller_id.lower() != before.seller_id:
        raise NotYourSeller


def edited(
    before: Product, patch: ProductPatch, category: CategoryName | None, defined: Defined, files: Files
) -> Product:
    """With what the patch names; `category` is the one that it names, `files` are those of its images. Raises what is
    wrong with its slug, ids, images, barcodes, custom fields or specifications."""
    if patch.specifications is not UNSET:
        check_texts(patch.specifications)
    if patch.slug is not UNSET and patch.slug != before.slug:
        check_slug(patch.slug)
    publish_at = before.publish_at if patch.publish_at is UNSET else moment_of(patch.publish_at, "publish_at")
    unpublish_at = before.unpublish_at if patch.unpublish_at is UNSET else moment_of(patch.unpublish_at, "unpublish_at")
    check_dates(publish_at, unpublish_at)
    after = replace(
        before,
        name=before.name if patch.name is UNSET else patch.name,
        slug=before.slug if patch.slug is UNSET else patch.slug,
        description=before.description if patch.description is UNSET else patch.description,
        tax_class=before.tax_class if patch.tax_class is UNSET else patch.tax_class,
        brand=before.brand if patch.brand is UNSET else defined.brands.get(patch.brand, patch.brand),
        category=before.category if patch.category is UNSET else category,
        status=before.status if patch.status is UNSET else patch.status,
        publish_at=publish_at,
        unpublish_at=unpublish_at,
        tags=before.tags if patch.tags is UNSET else patch.tags,
        product_type=before.product_type if patch.product_type is UNSET else _type(patch.product_type, defined.types),
        specifications=before.specifications if patch.specifications is UNSET else patch.specifications,
        images=before.images if patch.images is UNSET else images_of(patch.images, before, files),
        variants=before.variants if patch.variants is UNSET else _variants(patch.variants, before, defined),
        seo=before.seo if patch.seo is UNSET else patch.seo,
        custom_fields=fields_after(defined.product, before.custom_fields, patch.custom_fields),
        metadata=with_metadata(before.metadata, patch.metadata),
    )
    _check_specified(before, after, defined.types)
    return replace(
        after, variants=pictured(after, before, {one.sku: at for at, one in enumerate(sent_variants(patch))})
    )


def _type(slug: str | None, types: Types) -> TypeName | None:
    if slug is None:
        return None
    if slug not in types:
        raise UnknownProductType(slug)
    found = types[slug]
    return TypeName(found.id, found.slug, found.name)


def _check_specified(before: Product, after: Product, types: Types) -> None:
    """What a type asks for is looked at when that, the type, or whether it is sold is not as it was."""
    if after.product_type is None:
        return
    kept = before.product_type is not None and before.product_type.id == after.product_type.id
    sold = after.status == "active"
    if kept and same(after.specifications, before.specifications) and (before.status == "active" or not sold):
        return
    known = before.specifications if kept else {}
    check_specifications(types[after.product_type.id], after.specifications, known, active=sold)


def _variants(sent: list[NewVariant], before: Product, defined: Defined) -> list[Variant]:
    known = {variant.sku: variant for variant in before.variants}
    said = {new.sku: (at, new) for at, new in enumerate(sent)}
    return [
        noted(variant, known.get(variant.sku), said[variant.sku][1], defined, f"variants[{said[variant.sku][0]}].")
        for variant in variants_of(sent, before.variants)
    ]


def pictured(product: Product, before: Product, sent_at: Mapping[str, int] | None = None) -> list[Variant]:
    """Its variants, each with an image that the product has: one that showed what it had `before` has none where that
    is gone. Raises `NotItsImage` for what it never had; `sent_at` are the places of a list of variants, by SKU."""
    names = {image.named for image in product.images}
    known = {variant.sku: variant.image for variant in before.variants}
    variants: list[Variant] = []
    for variant in product.variants:
        kept = variant.image is None or variant.image in names
        if variant.image is not None and not kept and variant.image != known.get(variant.sku):
            place = "" if sent_at is None else f"variants[{sent_at[variant.sku]}]."
            raise NotItsImage(variant.image, f"{place}image")
        variants.append(variant if kept else replace(variant, image=None))
    return variants


def noted(
    variant: Variant, before: Variant | None, sent: NewVariant | VariantReplacement, defined: Defined, place: str = ""
) -> Variant:
    """With the custom fields and metadata that it had, and over them what is sent."""
    fields, metadata = (before.custom_fields, before.metadata) if before else (NOTHING, {})
    return replace(
        variant,
        custom_fields=fields_after(defined.variant, fields, sent.custom_fields, place),
        metadata=with_metadata(metadata, sent.metadata, f"{place}metadata"),
    )


def check_withheld(before: Product, after: Product, by: Principal) -> None:
    """Raise `ProductWithheld` where a seller would sell what staff withhold."""
    sold_again = before.status != after.status == "active"
    if before.withheld is not None and sold_again and not by.may("catalog.products.withhold"):
        raise ProductWithheld(before.withheld.reason)


def judged(product: Product, other: Product) -> dict[str, Any]:
    """What somebody must know to judge a change by staff: status, and the prices that are not the `other`'s."""
    others = {variant.sku: variant.price for variant in other.variants}
    prices = {
        variant.sku: variant.price.amount
        for variant in changed_variants(other, product)
        if others.get(variant.sku) != variant.price
    }
    return {"status": product.status, "withheld": product.withheld is not None, "prices": prices}
