"""JSON lines: each is a product as `POST /products/bulk` takes it, with its `category_path`."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from stoa.services.catalog.product_files.entry import Entry
from stoa.services.catalog.product_files.table import UnreadableFile

LONGEST_LINE = 4 << 20
MOST_DEPTH = 20
"""Levels of objects and lists: no product has so many, and without a bound somebody could send too many for us."""
ERROR = "_error"
"""What the file of refused products says beside each: mended and sent again, it is read past."""


def entries(file: BinaryIO) -> Iterator[Entry]:
    start = file.read(len(codecs.BOM_UTF8))
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UnreadableFile("The file is no JSON in UTF-8: save it in UTF-8.")
    # A mark of its encoding says nothing, and is no JSON.
    file.seek(len(start) if start == codecs.BOM_UTF8 else 0)
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise UnreadableFile(f"Line {number} is longer than {LONGEST_LINE} bytes.")
        if line.strip():
            yield _entry(number, line)


def _entry(number: int, line: bytes) -> Entry:
    raw = line.decode(errors="replace").rstrip("\r\n")
    try:
        item: Any = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeError) as error:
        return Entry(number, raw, faults=[("", f"The line is no JSON: {error}.")])
    except RecursionError:
        return Entry(number, raw, faults=[("", _TOO_DEEP)])
    if not isinstance(item, dict):
        return Entry(number, raw, faults=[("", "The line is no object of JSON.")])
    if _is_too_deep(item):
        return Entry(number, raw, faults=[("", _TOO_DEEP)])
    item.pop(ERROR, None)
    return Entry(number, raw, item)


_TOO_DEEP = f"The line has objects in objects, or lists in lists, more than {MOST_DEPTH} deep."


def _is_too_deep(item: Any) -> bool:
    level = [item]
    for _ in range(MOST_DEPTH):
        inner = (each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list))
        level = [child for children in inner for child in children]
    return bool(level)


def refused_line(raw: str, error: dict[str, Any]) -> bytes:
    """The line with what is wrong with it; what is no object stands in one as it is."""
    try:
        item: Any = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        item = None
    known = item if isinstance(item, dict) else {"_line": raw}
    return msgspec.json.encode({**known, ERROR: error}) + b"\n"
