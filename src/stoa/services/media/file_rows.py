"""A file as its row has it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import asyncpg
import msgspec

from stoa.kit.pictures import Picture
from stoa.services.media.content import Kind
from stoa.services.media.recipe import FocalPoint, Purpose

State = Literal["uploaded", "ready", "rejected"]
"""Of its pictures: they are to be made, they are there, or none can be made."""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """`owner` is `shop`, or `seller` or `user` with the id behind a space. `revision` counts how often its pictures
    were made, or got another text; `version` all that is told of it."""

    id: str
    purpose: Purpose
    owner: str
    uploader: str | None
    kind: Kind
    size: int
    sha256: bytes
    alt: str
    focal_x: float = 0.5
    focal_y: float = 0.5
    state: State
    reason: str | None = None
    revision: int = 0
    picture: Picture | None = None
    link_key: bytes
    version: int = 1
    created_at: datetime
    in_use: bool = False

    @property
    def focal(self) -> FocalPoint:
        return FocalPoint(self.focal_x, self.focal_y)


COLUMNS = """
    files.id, purpose, owner, uploader, kind, size, sha256, alt, focal_x, focal_y, state, reason, revision, picture,
    link_key, version, created_at, unused_at IS NULL AS in_use
"""


def file_in(row: asyncpg.Record | None) -> File | None:
    if row is None:
        return None
    return msgspec.convert(dict(row), File)
