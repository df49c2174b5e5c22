"""What staff do with attributes and product types. One at a time: each holds the definitions.

What no longer fits a definition stays with its product until that is written again, and what a type no longer has is
seen no more. So no act here walks through the products.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from stoa.kit import staff_acts
from stoa.kit.db import Db, Transaction
from stoa.kit.events import Fact
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.kit.ids import uuid7
from stoa.services.catalog import collections_repository
from stoa.services.catalog import types_repository as repository
from stoa.services.catalog.attributes import Attribute, AttributeBody, NewAttribute, check_definition
from stoa.services.catalog.bodies import check_slug
from stoa.services.catalog.errors import SlugTaken
from stoa.services.catalog.events import (
    AttributeCreated,
    AttributeDeleted,
    AttributeUpdated,
    ProductTypeCreated,
    ProductTypeDeleted,
    ProductTypeUpdated,
)
from stoa.services.catalog.product import is_id
from stoa.services.catalog.product_types import NewProductType, ProductType, Use, check_uses
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.translations_repository import forget_translations
from stoa.services.catalog.types_errors import (
    AttributeInUse,
    AttributeStays,
    AttributeTaken,
    NoSuchAttribute,
    NoSuchProductType,
    ProductTypeInUse,
    TooManyAttributes,
    UnknownAttribute,
)

MOST_ATTRIBUTES = 1_000


async def add_attribute(catalog: Catalog, new: NewAttribute) -> Attribute:
    """Raises `WrongAttribute`, `AttributeTaken`, `TooManyAttributes`."""
    async with catalog.db.transaction() as tx:
        await repository.hold_definitions(tx)
        if await repository.attributes_named(tx, [new.name]):
            raise AttributeTaken
        return await _add_attribute(tx, catalog, new)


async def _add_attribute(tx: Transaction, catalog: Catalog, new: NewAttribute) -> Attribute:
    check_definition(new)
    if await repository.count_attributes(tx) >= MOST_ATTRIBUTES:
        raise TooManyAttributes(MOST_ATTRIBUTES)
    added = await repository.add_attribute(tx, new.name, new)
    await _announce_attribute(tx, catalog, added, AttributeCreated(attribute_id=added.id, name=added.name))
    await staff_acts.record(tx, act="attribute.added", subject=added.name, after=_said(added))
    return added


async def change_attribute(catalog: Catalog, name: str, wanted: AttributeBody, if_match: IfMatch) -> Attribute:
    """Its type stays. What fitted before stays where it is. A repeat changes nothing.

    Raises `NoSuchAttribute`, `WrongAttribute`, `AttributeStays`.
    """
    check_definition(wanted)
    async with catalog.db.transaction() as tx:
        before = await held_attribute(tx, name)
        if_match.check(before.version)
        if wanted.type != before.type:
            raise AttributeStays
        changed = [member for member, value in _said(wanted).items() if _said(before)[member] != value]
        if not changed:
            return before
        after = await repository.change_attribute(tx, name, wanted)
        said = AttributeUpdated(attribute_id=after.id, name=name, changed=changed)
        await _announce_attribute(tx, catalog, after, said)
        await staff_acts.record(tx, act="attribute.changed", subject=name, before=_said(before), after=_said(after))
        return after


async def remove_attribute(catalog: Catalog, name: str, if_match: IfMatch) -> None:
    """With what products that had it keep of it. Raises `NoSuchAttribute`, `AttributeInUse` while a type has it."""
    async with catalog.db.transaction() as tx:
        before = await held_attribute(tx, name)
        if_match.check(before.version)
        if types := await repository.types_with(tx, before.id):
            raise AttributeInUse(types)
        await repository.remove_attribute(tx, before.id)
        said = AttributeDeleted(attribute_id=before.id, name=name)
        await catalog.outbox.announce(tx, subject=str(before.id), version=before.version + 1, fact=said)
        await staff_acts.record(tx, act="attribute.removed", subject=name, before=_said(before))


async def held_attribute(tx: Transaction, name: str) -> Attribute:
    """It changes no more until the end of the transaction. Raises `NoSuchAttribute`."""
    await repository.hold_definitions(tx)
    return await show_attribute(tx, name)


async def _announce_attribute(tx: Transaction, catalog: Catalog, attribute: Attribute, fact: Fact) -> None:
    await catalog.outbox.announce(tx, subject=str(attribute.id), version=attribute.version, fact=fact)


async def add_type(catalog: Catalog, new: NewProductType) -> ProductType:
    """Raises `SlugTaken`, `UnknownAttribute`, `AttributeTwice`."""
    async with catalog.db.transaction() as tx:
        await repository.hold_definitions(tx)
        if await repository.types_named(tx, [new.slug], []):
            raise SlugTaken(new.slug)
        return await _add_type(tx, catalog, new)


async def _add_type(tx: Transaction, catalog: Catalog, new: NewProductType) -> ProductType:
    check_slug(new.slug)
    await _check_uses(tx, new.attributes)
    type_id = uuid7()
    await repository.add_type(tx, type_id, new.slug, new.name)
    await repository.write_uses(tx, type_id, new.attributes)
    added = (await repository.types_named(tx, [], [type_id]))[type_id]
    said = ProductTypeCreated(product_type_id=type_id, slug=new.slug)
    await catalog.outbox.announce(tx, subject=type_id, version=1, fact=said)
    await staff_acts.record(tx, act="product_type.added", subject=type_id, after=_told(added))
    return added


async def replace_type(
    catalog: Catalog, id_or_slug: str, new: NewProductType, if_match: IfMatch = ANYTHING
) -> ProductType:
    """All of it. What it no longer has is at once seen of none of its products. A repeat changes nothing.

    Raises `NoSuchProductType` and what adding does.
    """
    async with catalog.db.transaction() as tx:
        # Before the type, which whoever writes a product of it holds.
        await collections_repository.settle_what_looks_at(tx, "specification")
        before = await held_type(tx, id_or_slug)
        if_match.check(before.version)
        told = {"slug": new.slug, "name": new.name, "attributes": msgspec.to_builtins(new.attributes)}
        changed = [name for name, value in _told(before).items() if told[name] != value]
        if not changed:
            return before
        if new.slug != before.slug:
            check_slug(new.slug)
            if await repository.types_named(tx, [new.slug], []):
                raise SlugTaken(new.slug)
        await _check_uses(tx, new.attributes)
        await repository.change_type(tx, before.id, new.slug, new.name)
        await repository.write_uses(tx, before.id, new.attributes)
        after = (await repository.types_named(tx, [], [before.id]))[before.id]
        said = ProductTypeUpdated(product_type_id=after.id, slug=after.slug, changed=changed)
        await catalog.outbox.announce(tx, subject=after.id, version=after.version, fact=said)
        await staff_acts.record(
            tx, act="product_type.changed", subject=before.id, before=_told(before), after=_told(after)
        )
        return after


async def remove_type(catalog: Catalog, id_or_slug: str, if_match: IfMatch = ANYTHING) -> None:
    """Raises `NoSuchProductType`, `ProductTypeInUse` while any product has it."""
    async with catalog.db.transaction() as tx:
        before = await held_type(tx, id_or_slug)
        if_match.check(before.version)
        if await repository.type_has_products(tx, before.id):
            raise ProductTypeInUse
        await repository.remove_type(tx, before.id)
        await forget_translations(tx, before.id)
        said = ProductTypeDeleted(product_type_id=before.id, slug=before.slug)
        await catalog.outbox.announce(tx, subject=before.id, version=before.version + 1, fact=said)
        await staff_acts.record(tx, act="product_type.removed", subject=before.id, before=_told(before))


async def import_types(
    tx: Transaction, catalog: Catalog, attributes: Sequence[NewAttribute], types: Sequence[NewProductType]
) -> None:
    """What comes with an import; a name or slug that is there is left as it is. Raises what adding does."""
    await repository.hold_definitions(tx)
    named = await repository.attributes_named(tx, [one.name for one in attributes])
    for attribute in attributes:
        if attribute.name not in named:
            await _add_attribute(tx, catalog, attribute)
    there = await repository.types_named(tx, [one.slug for one in types], [])
    for one in types:
        if one.slug not in there:
            await _add_type(tx, catalog, one)


async def show_attribute(db: Db, name: str) -> Attribute:
    """Raises `NoSuchAttribute`."""
    found = await repository.attributes_named(db, [name])
    if name not in found:
        raise NoSuchAttribute
    return found[name]


async def show_type(db: Db, id_or_slug: str) -> ProductType:
    """Raises `NoSuchProductType`."""
    name = id_or_slug.lower() if is_id(id_or_slug) else id_or_slug
    types = await repository.types_named(db, [name], [name] if is_id(name) else [])
    if name not in types:
        raise NoSuchProductType
    return types[name]


async def held_type(tx: Transaction, id_or_slug: str) -> ProductType:
    """It changes no more until the end of the transaction. Raises `NoSuchProductType`."""
    await repository.hold_definitions(tx)
    return await show_type(tx, id_or_slug)


async def _check_uses(tx: Transaction, uses: Sequence[Use]) -> None:
    check_uses(uses)
    known = await repository.attributes_named(tx, [use.attribute for use in uses])
    for at, use in enumerate(uses):
        if use.attribute not in known:
            raise UnknownAttribute(use.attribute, f"attributes[{at}].attribute")


def _said(attribute: AttributeBody) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.to_builtins(attribute)
    return {name: said[name] for name in AttributeBody.__struct_fields__} | {"choices": [*said["choices"]]}


def _told(one: ProductType) -> dict[str, Any]:
    return {"slug": one.slug, "name": one.name, "attributes": msgspec.to_builtins(one.uses())}
