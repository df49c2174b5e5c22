"""Take a file in: its bytes first, and the row that names them when they are kept.

What comes is written to the process's own folder, counted and hashed on the way, and looked at when it is whole. Then
it is kept, then it is a row: whoever dies between leaves bytes that nobody names, and they are swept (`jobs`).
The same content of the same owner for the same use is one file: so a repeat of an upload adds nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

from stoa.kit import clock, staff_acts
from stoa.kit.http.refusals import BodyTooLarge
from stoa.kit.ids import uuid7
from stoa.services.media import repository
from stoa.services.media.content import Content, examine
from stoa.services.media.errors import EmptyFile, QuotaFull, TooManyUploads, WrongKind, unwritable
from stoa.services.media.file_rows import File
from stoa.services.media.owners import SHOP
from stoa.services.media.recipe import FocalPoint, Purpose, original_key
from stoa.services.media.repository import Owned
from stoa.services.media.service import Media

MOST_BYTES = 20 * 1024 * 1024
"""Of a file. What a phone's camera writes has a fifth."""
MOST_AVATAR_BYTES = 5 * 1024 * 1024


class New(NamedTuple):
    """What is said of a file with it. `uploader` is None where it comes with an import."""

    purpose: Purpose
    owner: str
    uploader: str | None
    alt: str = ""
    focal: FocalPoint = FocalPoint()


class Written(NamedTuple):
    size: int
    sha256: bytes


async def upload(media: Media, new: New, pieces: AsyncIterator[bytes]) -> tuple[File, bool]:
    """The file, and whether it is new. Raises what is wrong with its content, `QuotaFull`, `TooManyUploads`,
    `BodyTooLarge`, `StorageUnavailable`."""
    await _check_before(media, new)
    most = MOST_AVATAR_BYTES if new.purpose == "avatar" else MOST_BYTES
    async with media.folder() as folder:
        place = folder / "content"
        written = await _write(place, pieces, most)
        content = await asyncio.to_thread(_examine, place)
        _check_kind(new.purpose, content)
        file = _file(new, content, written)
        await media.put(original_key(file.id), place)
    media.reach("media:kept")
    added = await _add(media, file)
    if added.id != file.id:
        await media.remove([original_key(file.id)])
    return added, added.id == file.id


async def _check_before(media: Media, new: New) -> None:
    """What would be refused whatever the content is, before it comes."""
    if new.uploader is not None:
        avatar = new.purpose == "avatar"
        most = media.settings.avatars_per_hour if avatar else media.settings.uploads_per_hour
        if most and await repository.uploads_of(media.db, new.uploader, new.purpose, most) >= most:
            raise TooManyUploads(most)
    has = await repository.owned(media.db, new.owner)
    _check_quota(media, new.owner, Owned(has.files + 1, has.size))


def _check_quota(media: Media, owner: str, has: Owned) -> None:
    """`has` with the new one."""
    if owner == SHOP:
        return
    seller = owner.startswith("seller ")
    most_files = media.settings.seller_files if seller else media.settings.user_files
    most_bytes = media.settings.seller_megabytes * 1_000_000 if seller else 0
    if (most_files and has.files > most_files) or (most_bytes and has.size > most_bytes):
        raise QuotaFull(files=has.files - 1, size=has.size, most_files=most_files, most_bytes=most_bytes)


async def _write(place: Path, pieces: AsyncIterator[bytes], most: int) -> Written:
    size, digest = 0, hashlib.sha256()
    try:
        with place.open("xb") as out:
            async for piece in pieces:
                size += len(piece)
                if size > most:
                    raise BodyTooLarge(f"Such a file may have {most} bytes.", limit=most)
                digest.update(piece)
                out.write(piece)
    except OSError as error:
        raise unwritable(error) from error
    if not size:
        raise EmptyFile
    return Written(size, digest.digest())


def _examine(place: Path) -> Content:
    with place.open("rb") as file:
        return examine(file)


def _check_kind(purpose: Purpose, content: Content) -> None:
    if purpose == "document" and content.kind != "pdf":
        raise WrongKind("A document is a PDF.")
    if purpose != "document" and content.kind == "pdf":
        raise WrongKind("A PDF is a document: say purpose=document.")


def _file(new: New, content: Content, written: Written) -> File:
    return File(
        id=uuid7(),
        purpose=new.purpose,
        owner=new.owner,
        uploader=new.uploader,
        kind=content.kind,
        size=written.size,
        sha256=written.sha256,
        alt=new.alt,
        focal_x=new.focal.x,
        focal_y=new.focal.y,
        state="ready" if new.purpose == "document" else "uploaded",
        link_key=secrets.token_bytes(32),
        created_at=clock.now(),
    )


async def _add(media: Media, file: File) -> File:
    async with media.db.transaction() as tx:
        added = await repository.add_file(tx, file)
        if added.id == file.id:
            _check_quota(media, file.owner, await repository.count_in(tx, file.owner, file.size))
            after = {"purpose": file.purpose, "kind": file.kind, "bytes": file.size}
            await staff_acts.record(tx, act="file.uploaded", subject=file.id, after=after)
        return added
