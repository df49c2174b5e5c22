"""The facts that media announces. The subject is the file's id."""

from __future__ import annotations

from typing import Any

import msgspec

from stoa.kit.events import Fact
from stoa.services.media.file_rows import File


class FileReady(Fact, event="file.ready", frozen=True, kw_only=True):
    """The pictures of a file are there, or others are, or its text is another: `picture` says how it is shown from now
    on, and `alt` what it shows. Of two the one whose picture has the greater `revision` is right. It is told again
    where somebody names an older one."""

    file_id: str
    purpose: str
    owner: str
    alt: str
    picture: dict[str, Any]


def ready(file: File) -> FileReady:
    picture = msgspec.to_builtins(file.picture)
    return FileReady(file_id=file.id, purpose=file.purpose, owner=file.owner, alt=file.alt, picture=picture)
