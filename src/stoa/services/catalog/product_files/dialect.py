"""How a table is written: what a program that wrote one reads again."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

SEPARATORS = (",", ";", "\t", "|")
_SAYS_SEPARATOR = re.compile(r"sep=([,;\t|])\r?\n", re.IGNORECASE)
_MARKS = {"utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}


class Dialect(msgspec.Struct, frozen=True):
    """`marked` is a file that begins with the mark of its encoding. In its first line one may say the separator, as a
    spreadsheet asks for it that has another by itself: `sep=;`."""

    separator: str = ","
    encoding: Literal["utf-8", "utf-16-le", "utf-16-be"] = "utf-8"
    marked: bool = False
    says_separator: bool = False

    @property
    def has_decimal_comma(self) -> bool:
        """Whether a comma may stand in a number: where it does not stand between cells."""
        return self.separator != ","

    @property
    def start(self) -> bytes:
        """What stands before the header."""
        said = f"sep={self.separator}\r\n" if self.says_separator else ""
        return (_MARKS[self.encoding] if self.marked else b"") + said.encode(self.encoding)


OURS = Dialect()


def dialect_of(start: bytes) -> Dialect:
    """That of a file which begins so."""
    encoding = next((name for name, mark in _MARKS.items() if start.startswith(mark)), None)
    text = start.decode(encoding or "utf-8", errors="ignore").removeprefix("\ufeff")
    said = _SAYS_SEPARATOR.match(text)
    # Of the first line, outside of quotes.
    unquoted = "".join(text.partition("\n")[0].split('"')[::2])
    separator = said[1] if said else max(SEPARATORS, key=unquoted.count)
    return msgspec.convert(
        {
            "separator": separator,
            "encoding": encoding or "utf-8",
            "marked": encoding is not None,
            "says_separator": said is not None,
        },
        Dialect,
    )


def lines_of(rows: Iterable[Sequence[str]], dialect: Dialect = OURS) -> bytes:
    """Rows as the lines of a table, without what stands at its start."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=dialect.separator, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode(dialect.encoding)
