"""`null` for a member that may be left out is the same as leaving it out, at every depth.

Clients in many languages send every member they know. Where a member's type takes null itself (`T | None`), null is
that value: None, and in a patch (`T | None | UnsetType`) what clears it. Everywhere else the member is left out.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

_Type = inspect.Type


def without_nulls(raw: bytes, shape: Any) -> bytes:
    """The JSON of `raw` without the members that are null and need not be there. Raises `msgspec.DecodeError`."""
    return msgspec.json.encode(_pruned(decode_plain(raw), _info(shape)))


def _as_it_stands(number: str) -> msgspec.Raw:
    """Whether it is in range says who decodes it by the shape, and where it stands."""
    return msgspec.Raw(number.encode())


decode_plain = msgspec.json.Decoder(float_hook=_as_it_stands).decode
"""Any JSON, so that encoded again it has the same numbers."""


@cache
def _info(shape: Any) -> _Type:
    return inspect.type_info(shape)


def _pruned(value: Any, kind: _Type) -> Any:
    if isinstance(kind, inspect.UnionType):
        # Of what a body may be there is at most one that has members; null beside it.
        kind = next((each for each in kind.types if isinstance(each, _WITH_PARTS)), kind)
    if isinstance(value, dict) and isinstance(kind, inspect.StructType):
        fields = {field.encode_name: field for field in kind.fields}
        kept = {name: child for name, child in value.items() if child is not None or not _can_go(fields.get(name))}
        return {name: _pruned(child, fields[name].type) if name in fields else child for name, child in kept.items()}
    if isinstance(value, dict) and isinstance(kind, inspect.DictType):
        return {name: _pruned(child, kind.value_type) for name, child in value.items()}
    if isinstance(value, list) and isinstance(kind, _LISTS):
        return [_pruned(child, kind.item_type) for child in value]
    return value


_LISTS = (inspect.ListType, inspect.SetType, inspect.FrozenSetType, inspect.VarTupleType)
_WITH_PARTS = (inspect.StructType, inspect.DictType, *_LISTS)


def _can_go(field: inspect.Field | None) -> bool:
    """Whether null in the member's place says nothing: it has a default, and null is no value of it."""
    if field is None or field.required:
        return False
    kinds = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
    return not any(isinstance(each, (inspect.NoneType, inspect.AnyType)) for each in kinds)
