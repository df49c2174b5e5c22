"""Which pictures are made of a file, and how they are called. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec

from stoa.kit.pictures import Picture, Rendition

Purpose = Literal["product", "avatar", "document"]
Format = Literal["avif", "webp"]

FORMATS: Sequence[Format] = ("avif", "webp")
WIDTHS = (160, 320, 640, 1280)
"""Of the whole picture: a card on a phone, the same on a sharp screen, a page of a product, the same large."""
SQUARES = (160, 480)
"""Sides of what is around the focal point: a line of a cart, a tile."""
EDITION = 1
"""Counts the changes of how pictures are made: it is part of their names."""

_PICTURE = re.compile(r"([0-9a-f]{16})-(?:square-)?[0-9]{1,4}\.(?:avif|webp)")
PREFIX = "/api/v1/media"


class FocalPoint(NamedTuple):
    """What matters most, from 0 to 1 each."""

    x: float = 0.5
    y: float = 0.5


class Order(NamedTuple):
    """What is to be made: widths of the whole, sides of squares, each no larger than the picture is."""

    tag: str
    widths: Sequence[int]
    squares: Sequence[int]


def order_for(purpose: Purpose, sha256: bytes, focal: FocalPoint) -> Order:
    """Somebody's avatar is only ever shown as a square."""
    widths = () if purpose == "avatar" else WIDTHS
    return Order(_tag(sha256, focal), widths, SQUARES)


def _tag(sha256: bytes, focal: FocalPoint) -> str:
    """What their addresses begin with: another for another focal point, so that nobody has to forget the old ones."""
    said = b"%d %b %.4f %.4f" % (EDITION, sha256, *focal)
    return hashlib.sha256(said).hexdigest()[:16]


class Made(msgspec.Struct, frozen=True):
    """What `draw` says that it has made: `sizes` as width and height."""

    width: int
    height: int
    sizes: Sequence[tuple[int, int]]
    squares: Sequence[int]
    color: str
    placeholder: str


def picture_of(file_id: str, tag: str, made: Made, focal: FocalPoint, revision: int) -> Picture:
    return Picture(
        width=made.width,
        height=made.height,
        sizes=[_rendition(file_id, tag, str(width), width, height) for width, height in made.sizes],
        squares=[_rendition(file_id, tag, f"square-{side}", side, side) for side in made.squares],
        color=made.color,
        placeholder=made.placeholder,
        focal_x=focal.x,
        focal_y=focal.y,
        revision=revision,
    )


def _rendition(file_id: str, tag: str, name: str, width: int, height: int) -> Rendition:
    avif, webp = (f"{PREFIX}/{file_id}/{tag}-{name}.{each}" for each in FORMATS)
    return Rendition(width, height, avif, webp)


def names_of(picture: Picture) -> Iterator[str]:
    """What its files are called."""
    for each in (*picture.sizes, *picture.squares):
        for url in (each.avif, each.webp):
            yield url.rpartition("/")[2]


def is_picture(name: str) -> bool:
    """Whether a picture of ours could be called so."""
    return _PICTURE.fullmatch(name) is not None


def original_key(file_id: str) -> str:
    """Where the bytes are that were uploaded, which nobody gets but whoever may have a document."""
    return f"originals/{file_id[-2:]}/{file_id}"


def picture_key(file_id: str, name: str) -> str:
    return f"pictures/{file_id[-2:]}/{file_id}/{name}"


_KEY = re.compile(r"(?:originals/[0-9a-f]{2}|pictures/[0-9a-f]{2})/([0-9a-f-]{36})(?:/([^/]+))?")


def whose(key: str) -> tuple[str, str | None] | None:
    """The file of whose bytes a key is, and of a picture its name; None for what is none of ours."""
    found = _KEY.match(key)
    return None if found is None else (found[1], found[2])
