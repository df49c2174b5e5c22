"""A CSV file as a header and rows, whatever program wrote it: its encoding, its separator, its line ends."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from stoa.kit.text import in_nfc
from stoa.services.catalog.product_files.dialect import Dialect, dialect_of

MOST_COLUMNS = 2_000
LONGEST_CELL = 4 << 20
"""Characters: other shops' descriptions have pictures in them."""
csv.field_size_limit(LONGEST_CELL)
_LONGEST_HEADER = 1 << 18


class UnreadableFile(Exception):
    """The file as a whole is none that could be read: its message says where and why."""


@dataclass(frozen=True)
class Row:
    """`line` is where it begins in the file, which counts from 1. It has a cell for each name of the header, an empty
    one where it is shorter, and more only if there is something in them."""

    line: int
    cells: Sequence[str]


@dataclass(frozen=True)
class Table:
    header: Sequence[str]
    dialect: Dialect
    rows: Iterator[Row]


def read_table(file: BinaryIO) -> Table:
    """Rows are read as they are asked for, and then raise `UnreadableFile`, too."""
    start = file.read(_LONGEST_HEADER)
    file.seek(0)
    if start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{"):
        raise UnreadableFile("The file is JSON lines: call it .jsonl, or say format=jsonl in the API.")
    dialect = dialect_of(start)
    text = io.TextIOWrapper(file, "utf-8-sig" if dialect.encoding == "utf-8" else "utf-16", newline="")
    rows = _rows(text, dialect)
    first = next(rows, None)
    if first is None:
        raise UnreadableFile("The file is empty.")
    header = [in_nfc(name.strip()) for name in first.cells]
    while header and not header[-1]:
        header.pop()
    if any("\0" in name for name in header):
        raise UnreadableFile("The file is no text: save it as CSV in UTF-8.")
    if len(header) > MOST_COLUMNS:
        raise UnreadableFile(f"The file has {len(header)} columns, and may have {MOST_COLUMNS}.")
    if twice := next((name for name in header if name and header.count(name) > 1), None):
        raise UnreadableFile(f"The column {twice!r} stands twice in the first line.")
    return Table(header, dialect, (_as_wide(row, len(header)) for row in rows))


def _as_wide(row: Row, header: int) -> Row:
    cells = [*row.cells, *[""] * (header - len(row.cells))]
    while len(cells) > header and not cells[-1].strip():
        cells.pop()
    return Row(row.line, cells)


def _rows(text: io.TextIOWrapper, dialect: Dialect) -> Iterator[Row]:
    """Those that have anything in them."""
    reader = csv.reader(text, delimiter=dialect.separator, strict=True)
    before = 1 if dialect.says_separator else 0
    line = 1 + before
    try:
        if before:
            text.readline()
        for cells in reader:
            if any(cells):
                yield Row(line, cells)
            line = reader.line_num + 1 + before
    except csv.Error as error:
        raise UnreadableFile(f"The row that begins in line {line} cannot be read: {error}.") from None
    except UnicodeError:
        raise UnreadableFile(
            f"After line {line} there is what is no text in UTF-8: save the file as CSV in UTF-8."
        ) from None
    finally:
        # Else it would close the file, which is not its own; who has closed it already needs nothing.
        with contextlib.suppress(ValueError):
            text.detach()
