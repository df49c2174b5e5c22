"""What a file is, by its own bytes: nobody's word for it counts, no name and no header.

Only the beginning of a file says what it is, so what else it may be taken for, with something in front or behind, does
not matter. Of pictures the size is read before anything decodes them, from their headers alone; what those say wrongly
shows when they are decoded, in a process that has little to lose (`draw`). Pure, and bounded in what it reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, Literal, NamedTuple

from stoa.services.media.errors import DamagedFile, NotTaken, PdfThatActs, TooManyFrames, TooManyPixels

Kind = Literal["jpeg", "png", "webp", "avif", "gif", "pdf"]

MOST_PIXELS = 40_000_000
"""What cameras of phones take as a rule, and 160 MB when decoded: of the many-megapixel ones none sends more."""
MOST_SIDE = 16_383
"""Of either side in pixels: what WebP has room for, also where only the other side is made smaller."""
MOST_FRAMES = 1_000
"""Of a moving picture, of which the first is shown."""
MOST_PIECES = 200_000
"""Blocks, chunks or segments that are looked at. A file of 20 MiB has half of that in the smallest that are usual."""
MOST_BOXES = 1_000
MOST_DEPTH = 6
"""Of boxes in boxes, in AVIF: what is looked for stands in the fourth."""


class Content(NamedTuple):
    """`width` and `height` are 0 of what is no picture."""

    kind: Kind
    width: int = 0
    height: int = 0


def examine(file: BinaryIO) -> Content:
    """What the file is. Raises `NotTaken` for what the shop takes from nobody, `DamagedFile` for what is cut off or
    says nonsense, `TooManyPixels`, `TooManyFrames`, `PdfThatActs`."""
    file.seek(0)
    head = file.read(32)
    kind = _kind_of(head)
    if kind == "pdf":
        _check_pdf(file)
        return Content("pdf")
    width, height = _SIZES[kind](file)
    if not width or not height:
        raise DamagedFile("It has no pixels.")
    if max(width, height) > MOST_SIDE or width * height > MOST_PIXELS:
        raise TooManyPixels(width, height, most=MOST_PIXELS, most_side=MOST_SIDE)
    return Content(kind, width, height)


def _kind_of(head: bytes) -> Kind:
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:6] in {b"GIF87a", b"GIF89a"}:
        return "gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    # `avis` is a film.
    if head[4:12] == b"ftypavif":
        return "avif"
    if head.startswith(b"%PDF-"):
        return "pdf"
    raise NotTaken


def _exactly(file: BinaryIO, size: int) -> bytes:
    read = file.read(size)
    if len(read) != size:
        raise DamagedFile("It is cut off.")
    return read


def _png(file: BinaryIO) -> tuple[int, int]:
    file.seek(8)
    header = _exactly(file, 16)
    if header[:8] != b"\0\0\0\rIHDR":
        raise DamagedFile("It does not begin with its header.")
    return int.from_bytes(header[8:12]), int.from_bytes(header[12:16])


_NO_LENGTH = frozenset((0x01, *range(0xD0, 0xD8)))
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def _jpeg(file: BinaryIO) -> tuple[int, int]:
    file.seek(2)
    for _ in range(MOST_PIECES):
        begin, marker = _exactly(file, 2)
        while marker == 0xFF:
            marker = _exactly(file, 1)[0]
        if begin != 0xFF or marker in {0x00, 0xD8, 0xD9, 0xDA}:
            break
        if marker in _NO_LENGTH:
            continue
        length = int.from_bytes(_exactly(file, 2))
        if length < 2:
            break
        if marker in _FRAMES:
            frame = _exactly(file, 5)
            return int.from_bytes(frame[3:5]), int.from_bytes(frame[1:3])
        file.seek(length - 2, 1)
    raise DamagedFile("It says no size.")


def _gif(file: BinaryIO) -> tuple[int, int]:
    """With as much as its first frame needs: what decodes it makes room for that."""
    file.seek(6)
    screen = _exactly(file, 7)
    width, height = int.from_bytes(screen[:2], "little"), int.from_bytes(screen[2:4], "little")
    file.seek(_colors(screen[4]), 1)
    frames = 0
    for _ in _pieces():
        label = file.read(1)
        if label in {b";", b""}:
            break
        if label == b"!":
            _exactly(file, 1)
        elif label == b",":
            frame = _exactly(file, 9)
            left, top, wide, high = (int.from_bytes(frame[at : at + 2], "little") for at in (0, 2, 4, 6))
            file.seek(_colors(frame[8]), 1)
            _exactly(file, 1)
            if frames == 0:
                width, height = max(width, left + wide), max(height, top + high)
            frames += 1
        else:
            break
        for _ in _pieces():
            length = _exactly(file, 1)[0]
            if not length:
                break
            file.seek(length, 1)
    return _moving(frames, width, height)


def _colors(flags: int) -> int:
    """How many bytes the table of colors has."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _webp(file: BinaryIO) -> tuple[int, int]:
    file.seek(12)
    size: tuple[int, int] | None = None
    frames = 0
    for _ in _pieces():
        head = file.read(8)
        if len(head) < 8:
            break
        name, length = head[:4], int.from_bytes(head[4:], "little")
        start = file.tell()
        if size is None:
            size = _webp_size(name, file)
        frames += name == b"ANMF"
        file.seek(start + length + length % 2)
    if size is None:
        raise DamagedFile("It says no size.")
    return _moving(max(frames, 1), *size)


def _webp_size(name: bytes, file: BinaryIO) -> tuple[int, int]:
    """The first chunk says it, in one of three ways."""
    head = _exactly(file, 10)
    if name == b"VP8X":
        return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
    if name == b"VP8L" and head[0] == 0x2F:
        bits = int.from_bytes(head[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if name == b"VP8 " and head[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF
    raise DamagedFile("It says no size.")


def _moving(frames: int, width: int, height: int) -> tuple[int, int]:
    if frames == 0:
        raise DamagedFile("It has no picture.")
    if frames > MOST_FRAMES:
        raise TooManyFrames(MOST_FRAMES)
    return width, height


_BOXES = {b"meta": 4, b"iprp": 0, b"ipco": 0}
"""Those that hold what is looked for, and what stands in them before it."""


def _avif(file: BinaryIO) -> tuple[int, int]:
    """The largest that any part of it says: one may be put together of others."""
    file.seek(0, 2)
    sizes = [*_extents(file, 0, file.tell(), iter(range(MOST_BOXES)), 0)]
    if not sizes:
        raise DamagedFile("It says no size.")
    return max(width for width, _ in sizes), max(height for _, height in sizes)


def _extents(file: BinaryIO, start: int, end: int, budget: Iterator[int], depth: int) -> Iterator[tuple[int, int]]:
    at = start
    while at + 8 <= end:
        if next(budget, None) is None or depth > MOST_DEPTH:
            raise DamagedFile("It has too many parts.")
        file.seek(at)
        length, name, inner = int.from_bytes(_exactly(file, 4)), _exactly(file, 4), at + 8
        if length == 1:
            length, inner = int.from_bytes(_exactly(file, 8)), at + 16
        elif length == 0:
            length = end - at
        if length < inner - at or at + length > end:
            raise DamagedFile("A part of it is longer than all of it.")
        if name in _BOXES:
            yield from _extents(file, inner + _BOXES[name], at + length, budget, depth + 1)
        elif name == b"ispe":
            file.seek(inner + 4)
            yield int.from_bytes(_exactly(file, 4)), int.from_bytes(_exactly(file, 4))
        at += length


_SIZES: dict[Kind, Callable[[BinaryIO], tuple[int, int]]] = {
    "png": _png,
    "jpeg": _jpeg,
    "gif": _gif,
    "webp": _webp,
    "avif": _avif,
}


def _pieces() -> Iterator[None]:
    """As many turns as a file may have pieces. Raises `DamagedFile` for more."""
    for _ in range(MOST_PIECES):
        yield
    raise DamagedFile("It has too many parts.")


_ACTS = re.compile(
    rb"/(?:JavaScript|Launch|EmbeddedFile|RichMedia|SubmitForm|ImportData)\b"
    # So short a name stands in compressed pictures by chance: only with what would have to follow it.
    rb"|/JS\s*(?:[(<]|\d+\s+\d+\s+R\b)"
    rb"|/AA\s*(?:<<|\d+\s+\d+\s+R\b)"
    rb"|/XFA\s*(?:\[|\d+\s+\d+\s+R\b)"
    # Most that write documents say so on which page to begin.
    rb"|/OpenAction\s*<<[^>]{0,200}?/S\s*/(?!GoTo[\s/<>])\w+[\s/<>]"
)
_NAME = re.compile(rb"/\w+")
_PIECE = 1 << 20
_OVERLAP = 512


def _check_pdf(file: BinaryIO) -> None:
    """Refuses what says openly that it does something when it is opened. What hides that, in a compressed part or by
    other spellings, is not found: nothing of ours opens it, and it is only ever handed out to be saved."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 1024))
    if b"%%EOF" not in file.read(1024):
        raise DamagedFile("It is cut off.")
    file.seek(0)
    before = b""
    while piece := file.read(_PIECE):
        if found := _ACTS.search(before + piece):
            raise PdfThatActs(_NAME.findall(found[0])[0].decode())
        before = piece[-_OVERLAP:]
