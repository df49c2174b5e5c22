"""What each of many items makes of its product, before anything is written. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from stoa.kit.context import Principal
from stoa.kit.ids import uuid7
from stoa.services.catalog.bodies import sent_variants
from stoa.services.catalog.edit_product import blank, check_seller, check_withheld, edited, whose
from stoa.services.catalog.errors import (
    NoSuchProduct,
    NotYourProduct,
    ProductTwice,
    ProductUnnamed,
    SkuTaken,
    SlugTaken,
    UnknownCategory,
    VersionConflict,
)
from stoa.services.catalog.fields import NONE_SPOKEN_OF, Defined
from stoa.services.catalog.fitting_translations import parts_of
from stoa.services.catalog.images import Files
from stoa.services.catalog.plan_translations import Said, place_of, said_of
from stoa.services.catalog.product import CategoryName, Product, check_for_sale, check_size
from stoa.services.catalog.product_items import ProductItem
from stoa.services.catalog.settings import Settings
from stoa.services.catalog.show_products import may_change
from stoa.services.catalog.translations import ProductTranslation


@dataclass(frozen=True)
class Known:
    """What there is, locked. What an item takes is no longer free for those after it: they are added to `slugs` and
    `skus`, which say whose each is, by id, and to `seen`. `translated` says whose a slug is in other languages, by slug
    and locale, and `texts` what is said in them, by product and locale, as far as any is spoken of."""

    products: Mapping[str, Product]
    categories: Mapping[str, CategoryName]
    slugs: dict[str, str]
    skus: dict[str, str]
    seen: set[str]
    files: Files
    translated: dict[str, dict[str, str]] = field(default_factory=dict)
    texts: Mapping[str, Mapping[str, ProductTranslation]] = field(default_factory=dict)
    defined: Defined = NONE_SPOKEN_OF


class Plan(NamedTuple):
    """What a product is, and what it becomes, also in other languages."""

    before: Product
    after: Product
    new: bool
    said: Sequence[Said] = ()


def plan(item: ProductItem, known: Known, by: Principal, settings: Settings) -> Plan:
    """Raises whatever is wrong with it, and then takes nothing."""
    found = _find(item, known, by)
    if found is None:
        before, patch = _nothing(item, by)
    else:
        before, patch = found, item
        check_seller(before, patch)
        if item.version is not None and item.version != before.version:
            raise VersionConflict(before.version)
    after = edited(before, patch, _category(item, known), known.defined, known.files)
    check_withheld(before, after, by)
    check_for_sale(after.status, after.variants, settings.currency)
    check_size(before, after)
    if any(owner != after.id for owner in _owners(after.slug, known)):
        raise SlugTaken(after.slug)
    if taken := [sku for sku in after.skus if known.skus.get(sku, after.id) != after.id]:
        raise SkuTaken(taken, [variant.sku for variant in sent_variants(item)])
    said = _said(item, after, known, settings) if item.translations else []
    for one in said:
        _check_free(one, after.id, known)
    known.seen.add(after.id)
    known.slugs[after.slug] = after.id
    known.skus.update(dict.fromkeys(after.skus, after.id))
    for one in said:
        if one.after.slug is not None:
            known.translated.setdefault(one.after.slug, {})[one.locale] = after.id
    return Plan(before, after, found is None, said)


def _said(item: ProductItem, after: Product, known: Known, settings: Settings) -> list[Said]:
    of_type = known.defined.types[after.product_type.id] if after.product_type else None
    return said_of(item, parts_of(after, of_type), known.texts.get(after.id, {}), settings.locales)


def _find(item: ProductItem, known: Known, by: Principal) -> Product | None:
    """The product that the item is about, None for a new one. Raises where it may not be changed, or not again."""
    if item.id is None and item.slug is UNSET:
        raise ProductUnnamed("slug")
    product_id = known.slugs.get(str(item.slug)) if item.id is None else item.id.lower()
    if product_id in known.seen:
        raise ProductTwice
    product = None if product_id is None else known.products.get(product_id)
    if product is None:
        if item.id is not None or item.version is not None:
            raise NoSuchProduct("slug" if item.id is None else "id")
        return None
    if not may_change(product, by):
        if product.standing == "active":
            raise NotYourProduct
        raise SlugTaken(product.slug) if item.id is None else NoSuchProduct("id")
    return product


def _nothing(item: ProductItem, by: Principal) -> tuple[Product, ProductItem]:
    """What a new product is before it is anything, and all that is said of it."""
    if item.name is UNSET:
        raise ProductUnnamed("name")
    status = ("active" if item.variants else "draft") if item.status is UNSET else item.status
    return blank(uuid7(), whose(by, item.seller_id)), replace(item, status=status)


def _owners(slug: str, known: Known) -> list[str]:
    """Who has it in the shop's own language, and in the others."""
    return [*known.translated.get(slug, {}).values(), *([known.slugs[slug]] if slug in known.slugs else [])]


def _check_free(said: Said, product_id: str, known: Known) -> None:
    slug = said.after.slug
    if slug is None or slug == said.before.slug:
        return
    owners = {known.slugs.get(slug, product_id), known.translated.get(slug, {}).get(said.locale, product_id)}
    if owners != {product_id}:
        taken = SlugTaken(slug)
        taken.field = place_of(said.locale, "slug")
        raise taken


def _category(item: ProductItem, known: Known) -> CategoryName | None:
    if item.category is UNSET or item.category is None:
        return None
    if item.category not in known.categories:
        raise UnknownCategory(item.category, "category")
    return known.categories[item.category]
