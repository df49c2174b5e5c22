"""Which values an enumeration has, which members an object, and how a text looks, at a place of a type: msgspec says
only what is none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec import inspect

_STEP = re.compile(r"\.([^.\[]+)|\[([^\]]*)\]")


def choices_at(shape: Any, path: str) -> list[Any]:
    """`path` as msgspec writes it, without its `$`: `.items[0].kind`."""
    kinds = [plain for kind in _kinds_at(shape, path) for plain in _plain(kind)]
    return list(dict.fromkeys(value for kind in kinds for value in _values(kind)))


def example_at(shape: Any, path: str) -> Any:
    """The first that is given for what stands there; None where there is none."""
    return next((example for kind in _kinds_at(shape, path) for example in _examples(kind)), None)


def members_at(shape: Any, path: str) -> list[str]:
    """The members that an object has there."""
    kinds = [plain for kind in _kinds_at(shape, path) for plain in _plain(kind)]
    structs = [kind for kind in kinds if isinstance(kind, inspect.StructType)]
    return list(dict.fromkeys(field.encode_name for kind in structs for field in kind.fields))


def _kinds_at(shape: Any, path: str) -> list[inspect.Type]:
    kinds: list[inspect.Type] = [inspect.type_info(shape)]
    for step in _STEP.finditer(path):
        kinds = [below for kind in kinds for plain in _plain(kind) for below in _below(plain, step[1])]
    return kinds


def _examples(kind: inspect.Type) -> Iterator[Any]:
    if isinstance(kind, inspect.Metadata):
        yield from (kind.extra_json_schema or {}).get("examples", ())
        yield from _examples(kind.type)
    elif isinstance(kind, inspect.UnionType):
        for each in kind.types:
            yield from _examples(each)


def _plain(kind: inspect.Type) -> Iterator[inspect.Type]:
    """What may stand in its place, each without what is said beside it."""
    if isinstance(kind, inspect.Metadata):
        yield from _plain(kind.type)
    elif isinstance(kind, inspect.UnionType):
        for each in kind.types:
            yield from _plain(each)
    else:
        yield kind


def _below(kind: inspect.Type, member: str | None) -> Iterator[inspect.Type]:
    if member is not None:
        if isinstance(kind, inspect.StructType):
            yield from (field.type for field in kind.fields if field.encode_name == member)
    elif isinstance(kind, inspect.DictType):
        yield from (kind.key_type, kind.value_type)
    elif isinstance(kind, (inspect.ListType, inspect.SetType, inspect.FrozenSetType, inspect.VarTupleType)):
        yield kind.item_type
    elif isinstance(kind, inspect.TupleType):
        yield from kind.item_types


def _values(kind: inspect.Type) -> tuple[Any, ...]:
    if isinstance(kind, inspect.LiteralType):
        return kind.values
    if isinstance(kind, inspect.EnumType):
        return tuple(each.value for each in kind.cls)
    return ()
