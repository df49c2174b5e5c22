"""Which of catalog's things have custom fields, and what is sent for them. Whoever may change a thing sets them all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from stoa.kit.custom_fields.definition import Entity
from stoa.kit.custom_fields.repository import definitions
from stoa.kit.custom_fields.values import Fields, Known, merged
from stoa.kit.db import Db
from stoa.services.catalog.bodies import NewVariant, ProductPatch, VariantReplacement, sent_variants

PRODUCT = Entity("product", filterable=True)
VARIANT = Entity("variant")
CATEGORY = Entity("category")


class Defined(NamedTuple):
    """The fields of products and of variants, as far as any is spoken of."""

    product: Known
    variant: Known


NONE_SPOKEN_OF = Defined({}, {})


async def defined_for(db: Db, patches: Iterable[ProductPatch]) -> Defined:
    """A statement for each of the two that is spoken of, whatever the number of patches."""
    said = list(patches)
    of_product = any(patch.custom_fields for patch in said)
    of_variant = any(variant.custom_fields for patch in said for variant in sent_variants(patch))
    return Defined(
        await definitions(db, PRODUCT) if of_product else {},
        await definitions(db, VARIANT) if of_variant else {},
    )


async def defined_for_variant(db: Db, sent: NewVariant | VariantReplacement) -> Defined:
    """The same for one variant alone."""
    return Defined({}, await definitions(db, VARIANT) if sent.custom_fields else {})


def fields_after(known: Known, before: Fields, sent: Mapping[str, Any], place: str = "") -> Fields:
    """Raises `UnknownField`, `WrongValue`."""
    return merged(known, before, sent, private=True, place=f"{place}custom_fields") if sent else before
