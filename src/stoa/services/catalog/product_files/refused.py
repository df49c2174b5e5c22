"""What was refused of a file, as a file of the same kind and dialect: mended and sent again, it brings what was
missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stoa.services.catalog.product_files.dialect import Dialect, lines_of
from stoa.services.catalog.product_files.json_lines import refused_line
from stoa.services.catalog.product_files.own_columns import ERRORS


def refused_header(header: Sequence[str], dialect: Dialect) -> bytes:
    """What stands before the first product; nothing in JSON lines, which have no header."""
    return dialect.start + lines_of([[*_others(header), *ERRORS]], dialect) if header else b""


def refused_lines(header: Sequence[str], dialect: Dialect, line: int, raw: Any, problem: Mapping[str, Any]) -> bytes:
    """What stands there, with what is wrong beside its first row: in words, in which column, and in which line it
    was."""
    what, place = str(problem["detail"]), "; ".join(_places(problem))
    if not header:
        return refused_line(raw, {"type": problem["type"], "detail": what, "field": place, "line": line})
    kept = [at for at, name in enumerate(header) if name not in ERRORS]
    rows = [[row[at] if at < len(row) else "" for at in kept] for row in raw]
    beside = [[what, place, str(line)], *[["", "", ""]] * (len(rows) - 1)]
    return lines_of(([*row, *more] for row, more in zip(rows, beside, strict=True)), dialect)


def _places(problem: Mapping[str, Any]) -> list[str]:
    """The columns at fault, each once."""
    errors: Sequence[Mapping[str, Any]] = problem.get("errors") or [problem]
    return list(dict.fromkeys(str(each["field"]) for each in errors if each.get("field")))


def _others(header: Sequence[str]) -> list[str]:
    return [name for name in header if name not in ERRORS]
