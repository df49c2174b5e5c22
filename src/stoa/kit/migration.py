"""One migration: a numbered file of plain SQL, and what the marks at its head say.

    --! compatible with 0004        code that has 0004 of this folder, and not this file, runs on what it leaves
    --! concurrently                one statement, run outside a transaction: an index, while the shop sells

Without the first, only code that has the file runs on the database that had it: right for whatever takes away
or narrows what older code uses. Without the second, the file runs in a transaction of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_MARK = "--!"
_COMPATIBLE = re.compile(r"--! compatible with (\d+)")
_CONCURRENTLY = "--! concurrently"
# What may be repeated when a crash cut it short; `\w+` is the index.
_ALONE = re.compile(
    r"(?:CREATE (?:UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS|DROP INDEX CONCURRENTLY IF EXISTS) (\w+)\b[^;]*;?"
)


class BadMark(Exception):
    """A mark that says nothing; the message is one line that names the file."""


@dataclass(frozen=True, kw_only=True)
class Migration:
    """`compatible_with` is the name of the file that code must have to run without this one; `index` what a statement
    outside a transaction makes or drops."""

    name: str
    sha256: str
    sql: str
    compatible_with: str | None
    index: str | None


def read(folders: Sequence[Path]) -> list[Migration]:
    """Every file of the folders, in the order in which they are applied. Raises `BadMark`."""
    result: list[Migration] = []
    for folder in folders:
        before: list[str] = []
        for file in sorted(folder.glob("[0-9]*.sql")):
            name = f"{folder.parent.name}/{file.name}"
            result.append(_read(name, file.read_text(encoding="utf-8"), before))
            before.append(name)
    return result


def _read(name: str, sql: str, before: Sequence[str]) -> Migration:
    compatible_with = index = None
    for line in sql.splitlines():
        if not line.startswith(_MARK):
            continue
        if found := _COMPATIBLE.fullmatch(line):
            compatible_with = _numbered(found[1], name, before)
        elif line == _CONCURRENTLY:
            index = _index(name, sql)
        else:
            raise BadMark(f"{name} cannot be read: `{line}` is no mark")
    return Migration(
        name=name,
        sha256=hashlib.sha256(sql.encode()).hexdigest(),
        sql=sql,
        compatible_with=compatible_with,
        index=index,
    )


def _numbered(number: str, name: str, before: Sequence[str]) -> str:
    for each in before:
        if each.rpartition("/")[2].partition("_")[0] == number:
            return each
    raise BadMark(f"{name} cannot be read: there is no {number} before it")


def _index(name: str, sql: str) -> str:
    statement = " ".join(line for line in sql.splitlines() if not line.startswith("--"))
    found = _ALONE.fullmatch(" ".join(statement.split()))
    if found is None:
        raise BadMark(
            f"{name} cannot be read: outside a transaction it has one statement, "
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS or DROP INDEX CONCURRENTLY IF EXISTS"
        )
    return found[1]
