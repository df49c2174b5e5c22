"""JSON Schemas of the structs in declarations, in the spelling that generators of clients read best.

A component is named after its service and its struct, with what both say said once: `catalog.CardView` is
`CatalogCardView`, `cart.CartView` is `CartView`; what the kit has for all of them is `Money`. So a name says where it
is from, and is the same in every process. A struct has two forms where they differ: as an answer it has all its fields,
always; in a body (then `…Input`, if it is an answer too) what has a default may be left out.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from typing import Any, get_args, get_origin

import msgspec
from msgspec import inspect as types

Schema = dict[str, Any]

REF = "#/components/schemas/"

_NULL: Schema = {"type": "null"}
_INT32 = 2**31 - 1
_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "min_length": "minLength",
    "max_length": "maxLength",
}


def component(service: str, struct: str) -> str:
    """The name of a service's struct among all schemas."""
    prefix = "".join(piece.capitalize() for piece in re.split(r"[^A-Za-z0-9]", service))
    return struct if struct.startswith(prefix) else prefix + struct


class Schemas:
    """The schemas of one service; `components` has those that have a name. Answers first, then bodies."""

    def __init__(self, service: str) -> None:
        self._service = service
        self.components: dict[str, Schema] = {}
        self._answers: set[str] = set()

    def answer(self, shape: Any) -> Schema:
        schema = self._of(types.type_info(shape), sent=False)
        self._answers = set(self.components)
        return schema

    def body(self, shape: Any) -> Schema:
        return self._of(types.type_info(shape), sent=True)

    def members(self, shape: Any) -> list[tuple[str, bool, Schema]]:
        """What a query may have: each name, whether it must be there, and its schema."""
        struct = types.type_info(shape)
        assert isinstance(struct, types.StructType)
        return [(each.encode_name, each.required, self._in_query(each)) for each in struct.fields]

    def _in_query(self, field: types.Field) -> Schema:
        """With its default, which a body does not show: there some generators would have it sent always."""
        schema = self._member(field, sent=True)
        if isinstance(field.default, (str, int, float)):
            schema = {**schema, "default": field.default}
        return schema

    def _of(self, kind: types.Type, *, sent: bool) -> Schema:  # noqa: PLR0911, one for each kind
        match kind:
            case types.Metadata():
                return _portable(self._of(kind.type, sent=sent) | (kind.extra_json_schema or {}))
            case types.EnumType():
                return self._enum(kind)
            case types.CollectionType():
                items = self._of(kind.item_type, sent=sent)
                return {"type": "array", "items": items, **_length(kind, "Items")}
            case types.DictType():
                values = self._of(kind.value_type, sent=sent)
                return {"type": "object", "additionalProperties": values, **_length(kind, "Properties")}
            case types.UnionType():
                return self._union(kind.types, sent=sent)
            case types.StructType() | types.DataclassType():
                return self._struct(kind, sent=sent)
        return _scalar(kind)

    def _union(self, kinds: Sequence[types.Type], *, sent: bool) -> Schema:
        some = [self._of(each, sent=sent) for each in kinds if not isinstance(each, types.NoneType)]
        if any(each.get("type") == "number" for each in some):
            # A whole number is one, too, and who reads it could not tell which of the two was meant.
            some = [each for each in some if each.get("type") != "integer"]
        null = [_NULL] if any(isinstance(each, types.NoneType) for each in kinds) else []
        if len(some) > 1 or "type" not in some[0] or "enum" in some[0]:
            return {"anyOf": [*some, *null]}
        return {**some[0], "type": [some[0]["type"], "null"]} if null else some[0]

    def _struct(self, kind: types.StructType | types.DataclassType, *, sent: bool) -> Schema:
        name = self._name(kind.cls)
        if sent and _has_two_forms(kind, set()) and (_is_shared(kind.cls) or name in self._answers):
            name += "Input"
        if name not in self.components:
            schema: Schema = {"type": "object"}
            self.components[name] = schema  # before its fields: one of them may be of the same kind
            origin = get_origin(kind.cls) or kind.cls
            if about := inspect.cleandoc(vars(origin).get("__doc__") or ""):
                schema["description"] = about
            schema["properties"] = {each.encode_name: self._member(each, sent=sent) for each in kind.fields}
            omits = sent or (hasattr(origin, "__struct_config__") and origin.__struct_config__.omit_defaults)
            if required := [each.encode_name for each in kind.fields if _is_required(each, omits=omits)]:
                schema["required"] = required
            if getattr(kind, "forbid_unknown_fields", False) and (sent or not _has_two_forms(kind, set())):
                schema["additionalProperties"] = False
        return {"$ref": REF + name}

    def _member(self, field: types.Field, *, sent: bool) -> Schema:
        kind = field.type
        if sent and field.default is None:
            # Null says the same as nothing: who generates a client is told of one of the two.
            kind = _without_null(kind)
        return self._of(kind, sent=sent)

    def _enum(self, kind: types.EnumType) -> Schema:
        name = self._name(kind.cls)
        self.components[name] = {"type": "string", "enum": [each.value for each in kind.cls]}
        return {"$ref": REF + name}

    def _name(self, cls: Any) -> str:
        origin = get_origin(cls)
        if origin is not None:
            return "".join(self._name(each) for each in get_args(cls)) + str(origin.__name__)
        return str(cls.__name__) if _is_shared(cls) else component(self._service, cls.__name__)


_ABOUT = re.compile(r"^(\w+): (.+(?:\n {4}.+)*)", re.MULTILINE)


def about_members(shape: type) -> dict[str, str]:
    """What the docstring of a query, or of one that it is made from, says of its parameters: `name: what it is`, each
    on a line, with what does not fit on it indented below."""
    found: dict[str, str] = {}
    for cls in reversed(shape.__mro__[: shape.__mro__.index(msgspec.Struct)]):
        said = inspect.cleandoc(vars(cls).get("__doc__") or "")
        found |= {name: re.sub(r"\s+", " ", text) for name, text in _ABOUT.findall(said)}
    return found


def _scalar(kind: types.Type) -> Schema:  # noqa: PLR0911, one for each kind
    match kind:
        case types.NoneType():
            return _NULL
        case types.BoolType():
            return {"type": "boolean"}
        case types.IntType():
            return {"type": "integer", "format": _width(kind), **_bounds(kind)}
        case types.FloatType():
            return {"type": "number", "format": "double", **_bounds(kind)}
        case types.StrType():
            return {"type": "string", **_bounds(kind), **_pattern(kind)}
        case types.DateTimeType():
            return {"type": "string", "format": "date-time"}
        case types.DateType():
            return {"type": "string", "format": "date"}
        case types.LiteralType():
            return {"type": "string", "enum": list(kind.values)}
        case types.AnyType():
            return {}
    raise TypeError(f"there is no schema for {kind}")


def _is_shared(cls: Any) -> bool:
    return str(cls.__module__).startswith("stoa.kit.")


def _has_two_forms(kind: types.Type, seen: set[Any]) -> bool:
    """Whether something in it may be left out of a body, and stands in every answer."""
    match kind:
        case types.Metadata():
            return _has_two_forms(kind.type, seen)
        case types.CollectionType():
            return _has_two_forms(kind.item_type, seen)
        case types.DictType():
            return _has_two_forms(kind.value_type, seen)
        case types.UnionType():
            return any(_has_two_forms(each, seen) for each in kind.types)
        case types.StructType() | types.DataclassType() if kind.cls not in seen:
            seen.add(kind.cls)
            return any(not each.required or _has_two_forms(each.type, seen) for each in kind.fields)
    return False


def _is_required(field: types.Field, *, omits: bool) -> bool:
    # With neither a default nor a need for one it may be UNSET, which is not sent.
    may_be_unset = field.default is field.default_factory is msgspec.NODEFAULT
    return field.required or not (omits or may_be_unset)


def _without_null(kind: types.Type) -> types.Type:
    if not isinstance(kind, types.UnionType):
        return kind
    some = tuple(each for each in kind.types if not isinstance(each, types.NoneType))
    return some[0] if len(some) == 1 else types.UnionType(some)


def _bounds(kind: Any) -> Schema:
    found = {theirs: getattr(kind, ours, None) for ours, theirs in _BOUNDS.items()}
    return {name: value for name, value in found.items() if value is not None}


def _length(kind: Any, of_what: str) -> Schema:
    found = {f"min{of_what}": kind.min_length, f"max{of_what}": kind.max_length}
    return {name: value for name, value in found.items() if value is not None}


def _width(kind: types.IntType) -> str:
    """What languages with two sizes of numbers need to know. Money is never sure to fit into the small one."""
    most = kind.le if kind.le is not None else kind.lt
    least = kind.ge if kind.ge is not None else kind.gt
    return "int32" if most is not None and most <= _INT32 and (least is None or least >= -_INT32) else "int64"


def _pattern(kind: types.StrType) -> Schema:
    """A pattern that every language's expressions mean the same with; the rest only we hold."""
    pattern = (kind.pattern or "").replace(r"(?!\n)$", "$")
    return {"pattern": pattern} if pattern and "(?" not in pattern and pattern.isascii() else {}


def _portable(schema: Schema) -> Schema:
    """Without what a named format says already: a generated class for it has no length."""
    if schema.get("format") == "uuid":
        return {name: value for name, value in schema.items() if name not in {"pattern", "maxLength"}}
    return schema
