"""What an admin does with the fields of an entity. One at a time: each holds the definitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from stoa.kit import staff_acts
from stoa.kit.custom_fields import repository
from stoa.kit.custom_fields.definition import (
    MOST_FIELDS,
    CustomField,
    CustomFieldBody,
    Entity,
    NewCustomField,
    check,
)
from stoa.kit.custom_fields.errors import FieldStays, FieldTaken, NoSuchField, TooManyFields
from stoa.kit.custom_fields.values import Known
from stoa.kit.db import Database, Transaction
from stoa.kit.http.preconditions import IfMatch

_STAYS = ("type", "filterable")
"""Values that are there were made for the one, and are listed for the other."""
_SAID = CustomFieldBody.__struct_fields__


async def add_field(db: Database, entity: Entity, new: NewCustomField) -> CustomField:
    """Raises `WrongDefinition`, `FieldTaken`, `TooManyFields`."""
    check(entity, new)
    async with db.transaction() as tx:
        known = await repository.hold_definitions(tx, entity)
        if new.name in known:
            raise FieldTaken
        return await _add(tx, entity, known, new)


async def import_fields(tx: Transaction, entity: Entity, new: Sequence[NewCustomField]) -> None:
    """What comes with an import; a name that is there is left as it is. Raises `WrongDefinition`, `TooManyFields`."""
    known = {**await repository.hold_definitions(tx, entity)}
    for one in new:
        check(entity, one)
        if one.name not in known:
            known[one.name] = (0, await _add(tx, entity, known, one))


async def _add(tx: Transaction, entity: Entity, known: Known, new: NewCustomField) -> CustomField:
    if len(known) >= MOST_FIELDS:
        raise TooManyFields(MOST_FIELDS)
    added = await repository.add_definition(tx, entity, new.name, new)
    await staff_acts.record(tx, act="custom_field.added", subject=_subject(added), after=_said(added))
    return added


async def change_field(
    db: Database, entity: Entity, name: str, wanted: CustomFieldBody, if_match: IfMatch
) -> CustomField:
    """What fitted before stays where it is. A repeat changes nothing.

    Raises `WrongDefinition`, `NoSuchField`, `VersionMismatch`, `FieldStays`.
    """
    check(entity, wanted)
    async with db.transaction() as tx:
        _, before = (await repository.hold_definitions(tx, entity)).get(name) or _missing()
        if_match.check(before.version)
        for member in _STAYS:
            if getattr(wanted, member) != getattr(before, member):
                raise FieldStays(member)
        if _said(wanted) == _said(before):
            return before
        after = await repository.change_definition(tx, entity, name, wanted)
        await staff_acts.record(
            tx, act="custom_field.changed", subject=_subject(before), before=_said(before), after=_said(after)
        )
    return after


async def remove_field(db: Database, entity: Entity, name: str, if_match: IfMatch) -> None:
    """With its values, for everybody's eyes. Raises `NoSuchField`, `VersionMismatch`."""
    async with db.transaction() as tx:
        _, before = (await repository.hold_definitions(tx, entity)).get(name) or _missing()
        if_match.check(before.version)
        await repository.remove_definition(tx, entity, name)
        await staff_acts.record(tx, act="custom_field.removed", subject=_subject(before), before=_said(before))


def _missing() -> Any:
    raise NoSuchField


def _subject(field: CustomField) -> str:
    return f"{field.entity}.{field.name}"


def _said(field: CustomFieldBody) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.to_builtins(field)
    return {name: said[name] for name in _SAID} | {"choices": [*field.choices]}
