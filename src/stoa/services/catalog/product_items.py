"""What callers may send of many products at once: each as by a PATCH, with what it is called in other languages."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import replace

from stoa.kit.http.types import Id, Label, LongText, Name, ShortText, Sku, Slug
from stoa.services.catalog.attributes import SpecificationText
from stoa.services.catalog.bodies import MOST_VARIANTS, ImageName, ProductPatch, PropertyName
from stoa.services.catalog.seo import Seo
from stoa.services.catalog.translations import OptionTexts, ProductTranslation

MOST_AT_ONCE = 1000
"""Products in one request, which is at most 1 MiB like any other."""


class SeoPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: Label | UnsetType | None = UNSET
    description: ShortText | UnsetType | None = UNSET


class TranslationPatch(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Of a translation what is to change; null is as in the shop's own language. `options`, `variants`, `images` and
    `specifications` are all that are said of them."""

    name: Name | UnsetType | None = UNSET
    slug: Slug | UnsetType | None = UNSET
    description: LongText | UnsetType | None = UNSET
    seo: SeoPatch | UnsetType | None = UNSET
    options: Annotated[dict[PropertyName, OptionTexts], Meta(max_length=20)] | UnsetType = UNSET
    variants: Annotated[dict[Sku, Label], Meta(max_length=MOST_VARIANTS)] | UnsetType = UNSET
    images: Annotated[dict[ImageName, Label], Meta(max_length=50)] | UnsetType = UNSET
    specifications: Annotated[dict[PropertyName, SpecificationText], Meta(max_length=100)] | UnsetType = UNSET

    def of(self, before: ProductTranslation) -> ProductTranslation:
        """What is said then."""
        return replace(
            before,
            name=before.name if self.name is UNSET else self.name,
            slug=before.slug if self.slug is UNSET else self.slug,
            description=_text(before.description, self.description),
            seo=before.seo if self.seo is UNSET else _seo(before.seo, self.seo),
            options=before.options if self.options is UNSET else self.options,
            variants=before.variants if self.variants is UNSET else self.variants,
            images=before.images if self.images is UNSET else self.images,
            specifications=before.specifications if self.specifications is UNSET else self.specifications,
        )


Translations = Annotated[dict[str, TranslationPatch], Meta(max_length=20)]


def _text(before: str | None, said: str | UnsetType | None) -> str | None:
    # A cell says no more than that nothing stands there: then one that is empty stays so.
    return before if said is UNSET or (said is None and before == "") else said


def _seo(before: Seo | None, said: SeoPatch | None) -> Seo | None:
    said = SeoPatch(None, None) if said is None else said
    was = before or Seo()
    after = Seo(
        was.title if said.title is UNSET else said.title or "",
        was.description if said.description is UNSET else said.description or "",
    )
    if after == Seo() and "" not in {said.title, said.description}:
        return before if before == after else None
    return after


class ProductItem(ProductPatch, kw_only=True, forbid_unknown_fields=True):
    """One of many: the product of this `id`, or else of this `slug`, is changed by what stands here; there is none
    yet of the slug, it is added, and needs a name. With an `id`, `slug` is the one that it is to have. Of a new one
    `seller_id` says whose it is, for who acts for several sellers. `translations` are by language; those of a language
    that is not named stay."""

    id: Id | None = None
    translations: Translations = msgspec.field(default_factory=dict)


class ProductItems(msgspec.Struct, forbid_unknown_fields=True):
    products: Annotated[list[ProductItem], Meta(min_length=1, max_length=MOST_AT_ONCE)]


def said_slugs(item: ProductItem) -> set[str]:
    """That it has in other languages."""
    return {one.slug for one in item.translations.values() if isinstance(one.slug, str)}
