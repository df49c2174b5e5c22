"""What is defined for what is sent of products: the custom fields of catalog's things, and product types.

Whoever may change a thing sets all its custom fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from msgspec import UNSET

from stoa.kit.custom_fields.definition import Entity
from stoa.kit.custom_fields.repository import definitions
from stoa.kit.custom_fields.values import Fields, Known, merged
from stoa.kit.db import Db, Transaction
from stoa.services.catalog.bodies import NewVariant, ProductPatch, VariantReplacement, sent_variants
from stoa.services.catalog.brands_repository import names_left
from stoa.services.catalog.product import Product
from stoa.services.catalog.product_types import Types
from stoa.services.catalog.types_repository import keep_types

PRODUCT = Entity("product", filterable=True)
VARIANT = Entity("variant")
CATEGORY = Entity("category")


class Defined(NamedTuple):
    """The fields of products and of variants, the product types, and by the names that brands left what they are called
    now: as far as any is spoken of."""

    product: Known
    variant: Known
    types: Types = MappingProxyType({})
    brands: Mapping[str, str] = MappingProxyType({})


NONE_SPOKEN_OF = Defined({}, {})


async def defined_for(tx: Transaction, patches: Iterable[ProductPatch], befores: Iterable[Product] = ()) -> Defined:
    """A statement for each of the four that is spoken of, whatever the number of patches of the products `befores`."""
    said = list(patches)
    of_product = any(patch.custom_fields for patch in said)
    of_variant = any(variant.custom_fields for patch in said for variant in sent_variants(patch))
    slugs = {patch.product_type for patch in said if isinstance(patch.product_type, str)}
    brands = {patch.brand for patch in said if patch.brand is not UNSET and patch.brand}
    ids = {one.product_type.id for one in befores if one.product_type is not None}
    return Defined(
        await definitions(tx, PRODUCT) if of_product else {},
        await definitions(tx, VARIANT) if of_variant else {},
        await keep_types(tx, slugs, ids) if slugs or ids else {},
        await names_left(tx, brands) if brands else {},
    )


async def defined_for_variant(db: Db, sent: NewVariant | VariantReplacement) -> Defined:
    """The same for one variant alone."""
    return Defined({}, await definitions(db, VARIANT) if sent.custom_fields else {})


def fields_after(known: Known, before: Fields, sent: Mapping[str, Any], place: str = "") -> Fields:
    """Raises `UnknownField`, `WrongValue`."""
    return merged(known, before, sent, private=True, place=f"{place}custom_fields") if sent else before
