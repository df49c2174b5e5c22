"""How an uploaded picture is shown: made by media, kept by whoever names the file."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stoa.contracts.media.v1 import media_pb2 as pb


class Rendition(msgspec.Struct, frozen=True):
    """The same in two formats, each at an address that never shows anything else."""

    width: int
    height: int
    avif: str
    webp: str


class Picture(msgspec.Struct, frozen=True):
    """`width` and `height` are its own, as it is to be seen; `sizes` are the whole of it, the smallest first; `squares`
    what is around its focal point. `color` is what it is on the whole, as #rrggbb, `placeholder` a data: address to
    show until the picture is there. `revision` counts how often it was made, or got another text: of two of a file the
    greater is right."""

    width: int
    height: int
    sizes: Sequence[Rendition]
    squares: Sequence[Rendition]
    color: str
    placeholder: str
    focal_x: float
    focal_y: float
    revision: int

    @property
    def url(self) -> str:
        """For whoever wants one address."""
        return (self.sizes or self.squares)[-1].webp


def picture_in(file: pb.File) -> Picture | None:
    """The one of a file as media tells of it, if it is made."""
    if not file.HasField("picture"):
        return None
    told = file.picture
    return Picture(
        width=told.width,
        height=told.height,
        sizes=_renditions(told.sizes),
        squares=_renditions(told.squares),
        color=told.color,
        placeholder=told.placeholder,
        focal_x=told.focal_x,
        focal_y=told.focal_y,
        revision=told.revision,
    )


def _renditions(told: Sequence[pb.Rendition]) -> list[Rendition]:
    return [Rendition(one.width, one.height, one.avif, one.webp) for one in told]


class FileReady(msgspec.Struct, frozen=True):
    """`file.ready`, as whoever names files hears it. `owner` is `shop`, or `seller` or `user` with the id behind a
    space. `alt` is missing where a media of a release announced it that did not tell it."""

    file_id: str
    purpose: str
    owner: str
    picture: Picture
    alt: str | None = None
