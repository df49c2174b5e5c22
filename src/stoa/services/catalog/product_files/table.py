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

SEPARATORS = (",", ";", "\t", "|")
MOST_COLUMNS = 2_000
LONGEST_CELL = 4 << 20
"""Characters: other shops' descriptions have pictures in them."""
csv.field_size_limit(LONGEST_CELL)
_LONGEST_HEADER = 1 << 18
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class UnreadableFile(Exception):
    """The file as a whole is none that could be read: its message says where and why."""


@dataclass(frozen=True)
class Row:
    """`line` is where it begins in the file, which counts from 1. A cell that is missing at its end is empty."""

    line: int
    cells: Sequence[str]


@dataclass(frozen=True)
class Table:
    header: Sequence[str]
    separator: str
    rows: Iterator[Row]


def read_table(file: BinaryIO) -> Table:
    """Rows are read as they are asked for, and then raise `UnreadableFile`, too."""
    start = file.read(_LONGEST_HEADER)
    file.seek(0)
    if start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{"):
        raise UnreadableFile("The file is JSON lines: call it .jsonl, or say format=jsonl in the API.")
    encoding = "utf-16" if start.startswith(_UTF16) else "utf-8-sig"
    separator = _separator(start.decode(encoding, errors="ignore"))
    text = io.TextIOWrapper(file, encoding, newline="")
    rows = _rows(text, separator)
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
    return Table(header, separator, rows)


def _separator(start: str) -> str:
    """Of the first line, outside of quotes."""
    unquoted = "".join(start.partition("\n")[0].split('"')[::2])
    return max(SEPARATORS, key=unquoted.count)


def _rows(text: io.TextIOWrapper, separator: str) -> Iterator[Row]:
    """Those that have anything in them."""
    reader = csv.reader(text, delimiter=separator, strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cells):
                yield Row(line, cells)
            line = reader.line_num + 1
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
