"""Say something else about a file, have its pictures tried again, or end it."""

from __future__ import annotations

from stoa.contracts.catalog.v1 import catalog_pb2
from stoa.contracts.user.v1 import user_pb2
from stoa.kit import staff_acts
from stoa.kit.context import Principal
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import IfMatch
from stoa.services.media import ends_repository, pictures_repository, repository, uses_repository
from stoa.services.media.errors import FileInUse, NoSuchFile, NothingToPoint
from stoa.services.media.events import ready
from stoa.services.media.file_rows import File
from stoa.services.media.owners import may_see, user_of
from stoa.services.media.recipe import FocalPoint
from stoa.services.media.service import Media


async def file_for(media: Media, file_id: str, by: Principal) -> File:
    """Raises `NoSuchFile`, also for what is not his to see."""
    file = await repository.find_file(media.db, file_id)
    return _seen(file, by)


def _seen(file: File | None, by: Principal) -> File:
    if file is None or not may_see(by, file.owner):
        raise NoSuchFile
    return file


async def _locked(tx: Transaction, file_id: str, by: Principal) -> File:
    return _seen(await repository.lock_file(tx, file_id), by)


async def describe_file(
    media: Media, file_id: str, by: Principal, if_match: IfMatch, *, alt: str | None, focal: FocalPoint | None
) -> File:
    """What is None stays. With another focal point its pictures are made anew, and until then the old ones are shown;
    another text goes to whoever shows it at once.

    Raises `NothingToPoint` where nothing is cut.
    """
    async with media.db.transaction() as tx:
        before = await _locked(tx, file_id, by)
        if_match.check(before.version)
        if focal is not None and (before.purpose != "product" or before.state == "rejected"):
            raise NothingToPoint
        wanted, pointed = before.alt if alt is None else alt, focal or before.focal
        if (wanted, pointed) == (before.alt, before.focal):
            return before
        after = await repository.describe(tx, file_id, wanted, pointed)
        await staff_acts.record(
            tx,
            act="file.described",
            subject=file_id,
            before={"focal_point": list(before.focal)},
            after={"focal_point": list(pointed)},
        )
        if after.revision > before.revision:
            await media.outbox.announce(tx, subject=file_id, version=after.version, fact=ready(after))
        return after


async def retry_pictures(media: Media, file_id: str, by: Principal) -> File:
    """What could not be made is tried again from the first; what is there, or under way, stays as it is.

    Raises `ThereAgain` where somebody has uploaded the same content since.
    """
    async with media.db.transaction() as tx:
        before = await _locked(tx, file_id, by)
        after = await pictures_repository.retry(tx, file_id)
        if after is None:
            return before
        told = {"state": before.state, "reason": before.reason}
        await staff_acts.record(tx, act="file.retried", subject=file_id, before=told, after={"state": after.state})
        return after


async def end_file(media: Media, file_id: str, by: Principal, if_match: IfMatch) -> None:
    """Nobody gets it from now on. Raises `FileInUse`.

    Who may show it is asked: what they announce takes its time, and a file that a product shows is not said to be gone.
    """
    file = await file_for(media, file_id, by)
    if_match.check(file.version)
    if await _is_shown(media, file):
        raise FileInUse
    async with media.db.transaction() as tx:
        before = await _locked(tx, file_id, by)
        if_match.check(before.version)
        if await uses_repository.is_used(tx, file_id):
            raise FileInUse
        await ends_repository.end_file(tx, file_id)
        told = {"purpose": before.purpose, "kind": before.kind, "bytes": before.size}
        await staff_acts.record(tx, act="file.ended", subject=file_id, before=told)


async def _is_shown(media: Media, file: File) -> bool:
    """A document is named by nobody."""
    if file.purpose == "product":
        return (await media.catalog.ShowsFile(catalog_pb2.ShowsFileRequest(file_id=file.id))).shows
    if file.purpose == "avatar":
        asked = user_pb2.ShowsFileRequest(user_id=user_of(file.owner), file_id=file.id)
        return (await media.user.ShowsFile(asked)).shows
    return False
