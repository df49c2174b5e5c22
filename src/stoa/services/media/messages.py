"""Media's things as messages between services."""

from __future__ import annotations

from stoa.contracts.media.v1 import media_pb2 as pb
from stoa.kit.pictures import Picture, Rendition
from stoa.services.media.file_rows import File


def file_message(file: File) -> pb.File:
    return pb.File(
        id=file.id,
        purpose=file.purpose,
        owner=file.owner,
        state=file.state,
        alt=file.alt,
        picture=None if file.picture is None else _picture(file.picture),
    )


def _picture(picture: Picture) -> pb.Picture:
    return pb.Picture(
        width=picture.width,
        height=picture.height,
        sizes=[_rendition(each) for each in picture.sizes],
        squares=[_rendition(each) for each in picture.squares],
        color=picture.color,
        placeholder=picture.placeholder,
        focal_x=picture.focal_x,
        focal_y=picture.focal_y,
        revision=picture.revision,
    )


def _rendition(one: Rendition) -> pb.Rendition:
    return pb.Rendition(width=one.width, height=one.height, avif=one.avif, webp=one.webp)
