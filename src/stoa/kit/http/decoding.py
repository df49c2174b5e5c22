"""From bytes and query text to structs, strictly, with the field at fault named in dotted form."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from stoa.kit import problems
from stoa.kit.http.members import ANY, named
from stoa.kit.http.nulls import decode_plain, without_nulls
from stoa.kit.http.refusals import MalformedBody, UnsupportedMediaType
from stoa.kit.http.wording import worded
from stoa.kit.nearest import choose
from stoa.kit.text import in_nfc

T = TypeVar("T")

_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `(?:key` in `)?\$(?P<path>[^`]*)`)?$", re.DOTALL)
_MEMBER = re.compile(r"^Object (?:missing required|contains unknown) field `(?P<member>.*)`$", re.DOTALL)


# Objects as tuples of members, arrays as lists; what a number is worth does not matter here.
_members = json.JSONDecoder(object_pairs_hook=tuple, parse_int=str, parse_float=str).decode


@cache
def _decoder(shape: Any) -> Callable[[bytes], Any]:
    return msgspec.json.Decoder(shape).decode


def decode_body(raw: bytes, content_type: str, shape: Any) -> Any:
    """The body as `shape`; None where the route declares none.

    Its texts are in NFC, and a member that is null where it may be left out is left out (`nulls`).

    Raises `UnsupportedMediaType` unless it says it is JSON, `MalformedBody` when it is not JSON at
    all or has a field twice, `Unprocessable` with the field when it is JSON of another shape.
    """
    if shape is bytes:
        return raw
    if shape is None:
        if raw.strip() not in (b"", b"{}"):
            raise problems.Unprocessable("This request takes no body.", field="body")
        return None
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType("Send the body as JSON, with Content-Type: application/json.")
    try:
        spelled = _in_nfc(raw)
        value = _decoded(spelled, shape)
        # Of a field that stands twice our decoder takes the last, and whoever looked at the request before us perhaps
        # the first. Looking costs 5 to 9 µs for an order, and no less if only bodies that look suspicious were looked
        # at. It ends at a depth of its own, a little before the decoder does.
        members = _members(raw.decode())
        twice = _twice_in(members if spelled is raw else in_nfc(members))
    except msgspec.ValidationError as error:
        decode = _decoder(shape)
        raise _unprocessable(
            error,
            shape,
            lambda: decode_plain(without_nulls(spelled, shape)),
            lambda plain: decode(msgspec.json.encode(plain)),
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedBody(_why_malformed(raw, error)) from None
    except RecursionError:
        raise MalformedBody("The body is nested too deeply.") from None
    if twice is not None:
        raise MalformedBody("A field stands more than once in its object.", field=twice)
    # PostgreSQL's text cannot hold NUL, and in JSON it can only come escaped.
    if b"\\u0000" in raw:
        _refuse_nul(msgspec.to_builtins(value))
    return value


def _in_nfc(raw: bytes) -> bytes:
    """The same JSON with its texts in NFC: itself where they are, as nearly everywhere. Decoded first, so that what is
    said of lengths, of patterns and of names holds for the spelling that is kept."""
    if b"\\u" not in raw and (raw.isascii() or unicodedata.is_normalized("NFC", raw.decode())):
        return raw
    return msgspec.json.encode(in_nfc(decode_plain(raw)))


def _why_malformed(raw: bytes, error: Exception) -> str:
    if not raw.strip():
        return "The body is empty."
    what = "half of a surrogate pair is no character" if _has_half_a_pair(raw) else error
    return f"The body is not well-formed JSON: {what}."


def _has_half_a_pair(raw: bytes) -> bool:
    """Whether it would be JSON but for that: Python's decoder takes it, and no encoder does."""
    try:
        json.dumps(json.loads(raw), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        return False
    return False


def _decoded(raw: bytes, shape: Any) -> Any:
    try:
        return _decoder(shape)(raw)
    except msgspec.ValidationError:
        # Rare, so only who sends one pays for looking at it twice.
        if b"null" not in raw:
            raise
        return _decoder(shape)(without_nulls(raw, shape))


def decode_query(query_string: bytes, shape: Any) -> Any:
    """The query as `shape`; None where the route declares none, and then any parameter is refused."""
    if not query_string:
        return None if shape is None else _convert({}, shape)
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, max_num_fields=100, errors="strict")
    except ValueError:
        raise problems.BadRequest("The query string cannot be read.") from None
    pairs = in_nfc(pairs)
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise problems.Unprocessable(f"The parameter {twice!r} stands more than once.", field=twice)
    _refuse_nul(parameters)
    fields = () if shape is None else shape.__struct_encode_fields__
    dotted = [name for name in _DOTTED if name in fields]
    sent = _gathered(parameters, dotted) if dotted else parameters
    for name in sent:
        if name not in fields:
            raise _unknown(name, fields)
    return None if shape is None else _convert(sent, shape)


def _unknown(name: str, known: Sequence[str]) -> problems.Unprocessable:
    mend = f": {choose(name, known)}" if known else ""
    return problems.Unprocessable(f"There is no parameter {name!r} here{mend}.", field=name)


_DOTTED = ("custom", "attr")
"""The fields of queries that have members of the shop's own."""
_MEMBER_OF = re.compile(r"(\w+)(?:\.(.*)|\[(.*)\])", re.DOTALL)


def _gathered(parameters: dict[str, str], dotted: list[str]) -> dict[str, Any]:
    """`custom.color` is a member of `custom`: which there are, an admin says, and not the declaration. Generated
    clients write `custom[color]`, the only way that OpenAPI has for it."""
    gathered: dict[str, Any] = {name: {} for name in dotted}
    for name, value in parameters.items():
        match = _MEMBER_OF.fullmatch(name)
        if match and match[1] in dotted:
            member = match[2] if match[2] is not None else match[3]
            if member in gathered[match[1]]:
                raise problems.Unprocessable("The parameter stands more than once.", field=f"{match[1]}.{member}")
            gathered[match[1]][member] = value
        elif name in dotted:
            raise problems.Unprocessable(f"Say which: {name}.color=red, by the name of one.", field=name)
        else:
            gathered[name] = value
    return gathered


def _convert(parameters: dict[str, Any], shape: Any) -> Any:
    def read(plain: Any) -> Any:
        return msgspec.convert(plain, shape, strict=False)

    try:
        query = read(parameters)
    except msgspec.ValidationError as error:
        raise _unprocessable(error, shape, lambda: parameters, read) from None
    fields = zip(shape.__struct_encode_fields__, shape.__struct_fields__, strict=True)
    for name, field in fields:
        # msgspec reads the word null as no value, and a filter that was sent would be none.
        if name in parameters and getattr(query, field) is None:
            raise problems.Unprocessable("A parameter that has no value is left out.", field=name)
    return query


def converted(plain: Any, shape: type[T]) -> T:
    """What a message or a file says, as `shape`, its texts in NFC. Raises `Unprocessable` with the member at fault."""
    spelled = in_nfc(plain)
    try:
        return msgspec.convert(spelled, shape)
    except msgspec.ValidationError as error:
        raise _unprocessable(error, shape, lambda: spelled, lambda plain: msgspec.convert(plain, shape)) from None


def _unprocessable(
    error: msgspec.ValidationError, shape: Any, sent: Callable[[], Any], read: Callable[[Any], Any]
) -> problems.Unprocessable:
    """What msgspec refused of a `shape`, as a problem: its path `$.items[0]` and member `sku` become `items[0].sku`.
    `read` is how `sent` was read."""
    match = _PLACE.match(str(error))
    assert match is not None  # the pattern matches every text
    what, path = worded(match["what"], shape, match["path"] or ""), match["path"] or ""
    if ANY in path:
        # What stands behind the fault may be no JSON: then nobody can tell more of what stands before.
        with suppress(msgspec.DecodeError, RecursionError):
            path = named(path, sent(), partial(_said_of, read))
    path = path.lstrip(".")
    if member := _MEMBER.match(match["what"]):
        path = f"{path}.{member['member']}" if path else member["member"]
    return problems.Unprocessable(f"{what}.", field=path or "body")


def _said_of(read: Callable[[Any], Any], plain: Any) -> str | None:
    try:
        read(plain)
    except msgspec.ValidationError as error:
        return str(error)
    return None


def _refuse_nul(value: Any) -> None:
    place = nul_in(value)
    if place is not None:
        raise problems.Unprocessable("A text may not contain the NUL character.", field=place)


def _twice_in(value: Any, place: str = "") -> str | None:
    """Which member of what `_members` read stands twice in its object, in dotted form; None if none does."""
    if isinstance(value, tuple):
        if len({name for name, _ in value}) != len(value):
            names = [name for name, _ in value]
            twice = next(name for name in names if names.count(name) > 1)
            return f"{place}.{twice}" if place else twice
        for name, child in value:
            if isinstance(child, (tuple, list)):
                found = _twice_in(child, f"{place}.{name}" if place else name)
                if found is not None:
                    return found
    elif isinstance(value, list):
        for at, child in enumerate(value):
            if isinstance(child, (tuple, list)) and (found := _twice_in(child, f"{place}[{at}]")) is not None:
                return found
    return None


def nul_in(value: Any, place: str = "") -> str | None:
    """Where in a plain value a text contains NUL, in dotted form; None if nowhere."""
    if isinstance(value, str):
        return (place or "body") if "\0" in value else None
    if isinstance(value, dict):
        children = [(f"{place}.{key}" if place else str(key), key, child) for key, child in value.items()]
        for where, key, child in children:
            if isinstance(key, str) and "\0" in key:
                return place or "body"
            if (found := nul_in(child, where)) is not None:
                return found
    elif isinstance(value, (list, tuple)):
        for at, child in enumerate(value):
            if (found := nul_in(child, f"{place}[{at}]")) is not None:
                return found
    return None
