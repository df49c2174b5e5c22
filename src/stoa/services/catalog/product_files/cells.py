"""What a cell of a CSV file says, and how a value is written so that it reads back as it was."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_TRUTHS = {"true", "false", "TRUE", "FALSE"}
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def written(value: Any) -> str:
    """A text as it is, where nothing else could be meant; anything else as JSON."""
    plain = isinstance(value, str) and value.strip() == value != "" and not _looks_otherwise(value)
    return value if plain else msgspec.json.encode(value).decode()


def read(cell: str) -> Any:
    """What `written` wrote. A number or `true` is what it looks like, and so is `TRUE`, as spreadsheets write that;
    quoted as in JSON it is a text.

    Raises `ValueError` for what begins as JSON and is none.
    """
    if not _looks_otherwise(cell):
        return cell
    try:
        return msgspec.json.decode(cell.lower() if cell in _TRUTHS else cell)
    except msgspec.DecodeError:
        raise ValueError("is no JSON, although it begins with a quote or a bracket") from None


def read_text(cell: str) -> str:
    """The same where only a text can stand: `7` is one."""
    try:
        said = msgspec.json.decode(cell) if cell.startswith('"') else cell
    except msgspec.DecodeError:
        return cell
    return said if isinstance(said, str) else cell


def _looks_otherwise(text: str) -> bool:
    """Than a text."""
    return text in _TRUTHS or text[:1] in {'"', "[", "{"} or _NUMBER.fullmatch(text) is not None


LISTED = ";,"
"""What stands between the parts of a list, whoever wrote it."""


def joined(parts: Iterable[str], between: str = "; ", separators: str = "") -> str:
    """In one cell. What of a part could be taken for a separator, or for nothing, has a backslash before it."""
    return between.join(_escaped(part, separators or between.strip()) for part in parts)


def split(cell: str, separators: str = ";") -> list[str]:
    """The parts of what `joined` joined, without the spaces around them; what is empty is no part."""
    return [part for each in _parts(cell, separators) if (part := _text(each))]


def joined_pairs(pairs: Mapping[str, str]) -> str:
    """`color=red; size=L`"""
    return joined_couples(pairs.items())


def joined_couples(pairs: Iterable[tuple[str, str]]) -> str:
    """The same where a name may stand twice."""
    return "; ".join(f"{_escaped(name, ';=')}={_escaped(value, ';')}" for name, value in pairs)


def split_pairs(cell: str) -> dict[str, str]:
    """What `joined_pairs` joined. Raises `ValueError` for what is no pair, and for a name that stands twice."""
    pairs: dict[str, str] = {}
    for name, value in split_couples(cell):
        if name in pairs:
            raise ValueError(f"says {name!r} twice")
        pairs[name] = value
    return pairs


def split_couples(cell: str) -> list[tuple[str, str]]:
    """What `joined_couples` joined. Raises `ValueError` for what is no pair."""
    pairs: list[tuple[str, str]] = []
    for part in _parts(cell, ";"):
        if not _text(part):
            continue
        equals = ("=", False)
        if equals not in part:
            raise ValueError(f"has {_text(part)!r}, where name=value belongs")
        at = part.index(equals)
        pairs.append((_text(part[:at]), _text(part[at + 1 :])))
    return pairs


_Letter = tuple[str, bool]
"""A character, and whether a backslash stood before it."""


def _escaped(part: str, separators: str) -> str:
    inner = re.sub(rf"[\\{re.escape(separators)}]", lambda found: f"\\{found[0]}", part)
    return re.sub(r"^\s|\s$", lambda found: f"\\{found[0]}", inner)


def _parts(cell: str, separators: str) -> list[list[_Letter]]:
    parts: list[list[_Letter]] = [[]]
    letters = iter(cell)
    for letter in letters:
        if letter == "\\":
            parts[-1].append((next(letters, letter), True))
        elif letter in separators:
            parts.append([])
        else:
            parts[-1].append((letter, False))
    return parts


def _text(letters: Sequence[_Letter]) -> str:
    start, end = 0, len(letters)
    while start < end and letters[start][0].isspace() and not letters[start][1]:
        start += 1
    while start < end and letters[end - 1][0].isspace() and not letters[end - 1][1]:
        end -= 1
    return "".join(letter for letter, _ in letters[start:end])


def guarded(cell: str) -> str:
    """So that a spreadsheet takes it for text and never for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def guarded_row(cells: Sequence[str]) -> list[str]:
    return [cell if _NUMBER.fullmatch(cell) else guarded(cell) for cell in cells]
