"""Files that nobody should send, each made here: cut off, damaged, pretending, or asking for more than there is.

What becomes of each: `refused` at the door with a problem, `rejected` when it is drawn, or `disarmed`: it is shown, and
nothing is left of what it brought along.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from media.pictures import image, jpeg, written
from PIL.Image import Image

PAYLOAD = b"<script>alert(document.domain)</script>"


class Hostile(NamedTuple):
    name: str
    content: bytes
    ends: tuple[str, ...]
    """How it may end: a problem's type, `rejected` or `disarmed`."""
    purpose: str = "product"


def small() -> Image:
    return image(96, 72)


def small_jpeg(**options: Any) -> bytes:
    return jpeg(96, 72, **options)


def corpus() -> Iterator[Hostile]:
    yield Hostile("nothing", b"", ("file-empty",))
    yield from _cut_off()
    yield from _flipped()
    yield from _foreign()
    yield from _bombs()
    yield from _nonsense()
    yield from _polyglots()
    yield from _documents()


def _cut_off() -> Iterator[Hostile]:
    whole = {
        "jpeg": small_jpeg(),
        "png": written(small(), "PNG"),
        "gif": written(small().convert("P"), "GIF"),
        "webp": written(small(), "WEBP"),
        "avif": written(small(), "AVIF"),
    }
    for kind, content in whole.items():
        for at in (5, 16, 31, len(content) // 3, len(content) // 2):
            ends = ("file-not-taken", "file-damaged", "rejected")
            yield Hostile(f"{kind} cut off at {at}", content[:at], ends)


def _flipped() -> Iterator[Hostile]:
    """Some bits may change nothing that matters."""
    dice = random.Random(82)
    for kind in ("JPEG", "PNG", "WEBP", "AVIF"):
        for number in range(2):
            content = bytearray(written(small(), kind))
            for _ in range(20):
                content[dice.randrange(12, len(content))] ^= 1 << dice.randrange(8)
            ends = ("file-damaged", "file-not-taken", "too-many-pixels", "rejected", "disarmed")
            yield Hostile(f"{kind.lower()} with flipped bits {number}", bytes(content), ends)


def _foreign() -> Iterator[Hostile]:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
    entities = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><svg>&b;</svg>'
    foreign = {
        "svg": svg,
        "svg behind a byte order mark": b"\xef\xbb\xbf" + svg,
        "svg behind blanks": b"\n  " + svg,
        "xml entities": entities,
        "html": b"<!doctype html>" + PAYLOAD,
        "script": b"alert(1)",
        "php": b"<?php system($_GET['c']); ?>",
        "zip": b"PK\x03\x04" + bytes(60),
        "gzip": b"\x1f\x8b\x08" + bytes(60),
        "elf": b"\x7fELF" + bytes(60),
        "windows program": b"MZ" + bytes(60),
        "bmp": written(small(), "BMP"),
        "tiff": written(small(), "TIFF"),
        "icon": written(image(16, 16), "ICO"),
        "jpeg 2000": written(small(), "JPEG2000"),
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n" + bytes(60),
        "photoshop": b"8BPS\0\x01" + bytes(60),
        "film": struct.pack(">I", 24) + b"ftypisom" + bytes(60),
        "film of avif": struct.pack(">I", 24) + b"ftypavis" + bytes(60),
        "sound in riff": b"RIFF" + struct.pack("<I", 60) + b"WAVE" + bytes(60),
        "png whose first byte is another": b"\x88" + written(small(), "PNG")[1:],
        "jpeg behind a blank": b" " + small_jpeg(),
        "text in utf-16": "\ufeff<svg/>".encode("utf-16"),
    }
    for name, content in foreign.items():
        yield Hostile(name, content, ("file-not-taken",))


def _bombs() -> Iterator[Hostile]:
    many = ("too-many-pixels",)
    yield Hostile("png of 50,000 × 50,000", png(50_000, 50_000), many)
    yield Hostile("png of the largest number", png(2**31 - 1, 2**31 - 1), many)
    yield Hostile("png of one line", png(2_000_000, 1), many)
    yield Hostile("gif of 50,000 × 50,000", gif(50_000, 50_000), many)
    yield Hostile("gif whose frame is larger than its screen", gif(1, 1, frame=(60_000, 60_000)), many)
    yield Hostile("png that is a pixel too high to be shown", png(1, 16_384), many)
    yield Hostile("png as high as is shown", png(1, 16_383, pixels=bytes(4 * 16_383)), ("disarmed",))
    yield Hostile("jpeg of 65,500 × 65,500", _jpeg_of(65_500, 65_500), many)
    yield Hostile("webp of 16,384 × 16,384", _webp(16_384, 16_384), many)
    yield Hostile("webp without loss, of 16,384 × 16,384", _webp_lossless(16_384, 16_384), many)
    yield Hostile("avif of 65,536 × 65,536", avif(65_536, 65_536), many)
    yield Hostile("gif of 10,000 frames", gif(2, 2, frames=10_000), ("too-many-frames",))
    yield Hostile("webp of 10,000 frames", _webp(2, 2, frames=10_000), ("too-many-frames",))
    zeros = zlib.compress(bytes(100_000_000), 9)
    text, profile = chunk(b"zTXt", b"Comment\0\0" + zeros), chunk(b"iCCP", b"icc\0\0" + zeros)
    yield Hostile("png with 100 MB of text", png(10, 10, text), ("rejected", "disarmed"))
    yield Hostile("png with a profile of 100 MB", png(10, 10, profile), ("rejected", "disarmed"))
    yield Hostile("png with more pixels than it says", png(10, 10, pixels=bytes(100_000_000)), ("rejected", "disarmed"))
    yield Hostile("png of as much as is taken", png(6_000, 6_600, pixels=bytes(6_600 * 18_001)), ("disarmed",))
    yield Hostile("jpeg behind 10 MB about itself", _with_segments(small_jpeg(), 160), ("rejected", "disarmed"))


def _nonsense() -> Iterator[Hostile]:
    damaged = ("file-damaged",)
    yield Hostile("png without width", png(0, 10), damaged)
    yield Hostile("png that begins with its end", png(10, 10).replace(b"IHDR", b"IEND", 1), damaged)
    yield Hostile("gif without size", gif(0, 0, frame=(0, 0)), damaged)
    yield Hostile("gif without frames", gif(10, 10, frames=0), damaged)
    yield Hostile("gif of blocks without end", gif(1, 1, frames=0, tail=b"!\xfe" + b"\x01a" * 300_000), damaged)
    yield Hostile("jpeg without height", _jpeg_of(10, 0), damaged)
    yield Hostile("jpeg of markers without end", b"\xff\xd8" + b"\xff\xd0" * 300_000, damaged)
    yield Hostile("jpeg whose segment has no length", b"\xff\xd8\xff\xe0\x00\x01" + bytes(60), damaged)
    yield Hostile("webp that says no size", b"RIFF\x20\0\0\0WEBPABCD" + bytes(60), damaged)
    yield Hostile("webp of chunks without end", _webp(2, 2, tail=b"ABCD\0\0\0\0" * 300_000), damaged)
    yield Hostile("webp whose chunk is longer than it", _webp(9, 9, tail=b"ANMF\xff\xff\xff\x7f"), ("rejected",))
    yield Hostile("avif of boxes in boxes", _deep(500), damaged)
    yield Hostile("avif of many boxes", _brand() + box(b"free", b"") * 100_000, damaged)
    yield Hostile("avif whose box is longer than it", _brand() + b"\xff\xff\xff\xffmeta", damaged)
    yield Hostile("avif whose box has no length", _brand() + b"\0\0\0\x01meta\0\0\0\0\0\0\0\0", damaged)
    yield Hostile("avif that says no size", _brand() + box(b"mdat", bytes(60)), damaged)
    yield Hostile("avif with nothing behind its size", avif(10, 10), ("rejected",))
    yield Hostile("png without pixels", png(10, 10, pixels=b""), ("rejected",))


def _polyglots() -> Iterator[Hostile]:
    shown = ("disarmed",)
    archive = b"PK\x03\x04" + PAYLOAD + b"PK\x05\x06" + bytes(18)
    yield Hostile("gif that is a script", gif(0x2A2F, 1) + b"*/=1;" + PAYLOAD, ("rejected", "disarmed"))
    yield Hostile("gif with a page behind it", written(small().convert("P"), "GIF") + PAYLOAD, shown)
    yield Hostile("gif with a script in its comment", written(small().convert("P"), "GIF", comment=PAYLOAD), shown)
    yield Hostile("jpeg with an archive behind it", small_jpeg() + archive, shown)
    yield Hostile("jpeg with a page in its comment", small_jpeg(comment=PAYLOAD), shown)
    yield Hostile("jpeg with a script in what it says about itself", small_jpeg(exif=_exif()), shown)
    yield Hostile("png with a script in its text", png(10, 10, chunk(b"tEXt", b"Comment\0" + PAYLOAD)), shown)
    yield Hostile("png with a page behind it", written(small(), "PNG") + PAYLOAD, shown)
    yield Hostile("png with a broken profile", png(10, 10, chunk(b"iCCP", b"icc\0\0" + zlib.compress(PAYLOAD))), shown)
    yield Hostile("webp with a script about itself", written(small(), "WEBP", xmp=PAYLOAD), shown)
    yield Hostile("avif with a script about itself", written(small(), "AVIF", xmp=PAYLOAD), shown)


def _documents() -> Iterator[Hostile]:
    pdf = b"%PDF-1.7\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n"
    acts = pdf.replace(b"/Catalog", b"/Catalog /OpenAction <</S /JavaScript /JS (app.alert(1))>>")
    far = pdf.replace(b"endobj", b" " * (1 << 20) + b"/JavaScript endobj")
    yield Hostile("pdf as a picture", pdf, ("file-of-wrong-kind",))
    yield Hostile("picture as a document", small_jpeg(), ("file-of-wrong-kind",), "document")
    yield Hostile("pdf that acts", acts, ("pdf-that-acts",), "document")
    yield Hostile("pdf that acts, a megabyte on", far, ("pdf-that-acts",), "document")
    yield Hostile("pdf that is cut off", pdf[:40], ("file-damaged",), "document")
    yield Hostile("pdf behind a page", PAYLOAD + pdf, ("file-not-taken",), "document")
    yield Hostile("svg as an avatar", b"<svg/>", ("file-not-taken",), "avatar")


# ------------------------------------------------------------------------------------------------ how they are made


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, *more: bytes, pixels: bytes | None = None) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    drawn = zlib.compress(bytes(min(height, 10) * (1 + 3 * min(width, 10))) if pixels is None else pixels, 9)
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + chunk(b"IDAT", drawn) + chunk(b"IEND", b"")


def gif(width: int, height: int, *, frames: int = 1, frame: tuple[int, int] | None = None, tail: bytes = b";") -> bytes:
    wide, high = frame or (min(width, 2), min(height, 2))
    one = b"," + struct.pack("<HHHHB", 0, 0, wide, high, 0) + b"\x02\x02\x4c\x01\x00"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + one * frames + tail


def _jpeg_of(width: int, height: int) -> bytes:
    content = jpeg(16, 16)
    at = content.index(b"\xff\xc0") + 5
    return content[:at] + struct.pack(">HH", height, width) + content[at + 4 :]


def _with_segments(content: bytes, many: int) -> bytes:
    segment = b"\xff\xe1" + struct.pack(">H", 65_535) + b"Exif\0\0" + bytes(65_527)
    return content[:2] + segment * many + content[2:]


def _webp(width: int, height: int, *, frames: int = 0, tail: bytes = b"") -> bytes:
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    chunks = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + size
    chunks += (b"ANMF" + struct.pack("<I", 16) + bytes(16)) * frames + tail
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def _webp_lossless(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    chunks = b"VP8L" + struct.pack("<I", 10) + b"\x2f" + struct.pack("<I", bits) + bytes(5)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def _brand() -> bytes:
    return box(b"ftyp", b"avif\0\0\0\0avifmif1")


def avif(width: int, height: int) -> bytes:
    extent = box(b"ispe", struct.pack(">III", 0, width, height))
    return _brand() + box(b"meta", bytes(4) + box(b"iprp", box(b"ipco", extent)))


def _deep(many: int) -> bytes:
    content = b""
    for _ in range(many):
        content = box(b"iprp", content)
    return _brand() + box(b"meta", bytes(4) + content)


def _exif() -> bytes:
    """A description in a directory of one entry."""
    entry = struct.pack(">HHII", 0x010E, 2, len(PAYLOAD), 26)
    return b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + entry + bytes(4) + PAYLOAD
