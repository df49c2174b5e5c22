"""What media does on a timer: end what nobody names, and remove the bytes of what has ended or never became a file."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial

from stoa.contracts.catalog.v1 import catalog_pb2
from stoa.kit import clock
from stoa.kit.rounds import in_rounds
from stoa.kit.service import Job
from stoa.ports.media import Kept
from stoa.services.media import ends_repository, uses_repository
from stoa.services.media.make_pictures import Making
from stoa.services.media.recipe import names_of, original_key, picture_key, whose
from stoa.services.media.service import Media

log = logging.getLogger(__name__)

END_EVERY_SECONDS = 3600.0
SWEEP_EVERY_SECONDS = 86_400.0
ONE_PIECE = 500
"""Keys that are looked up at once."""


def jobs(media: Media) -> list[Job]:
    return [
        Job("make_pictures", Making(media).round),
        Job("end_files", partial(end_files, media), every_seconds=END_EVERY_SECONDS),
        Job("sweep", partial(sweep, media), every_seconds=SWEEP_EVERY_SECONDS),
    ]


async def end_files(media: Media) -> None:
    """What nobody has named for long ends, but for what categories and collections show, who announce nothing. What
    ended long ago is removed: the row first, so that a file that comes back has its bytes; who dies then leaves them to
    be swept."""
    now = clock.now()
    unused = now - timedelta(days=media.settings.unused_days)
    shown = await media.catalog.ListFilesOfPages(catalog_pb2.ListFilesOfPagesRequest())
    await uses_repository.note_shown(media.db, shown.file_ids, unused)
    await in_rounds(partial(ends_repository.end_unused, media.db, unused))
    await in_rounds(partial(_remove, media))


async def _remove(media: Media, most: int) -> int:
    before = clock.now() - timedelta(days=media.settings.grace_days)
    gone = await ends_repository.remove_ended(media.db, before, most)
    for file_id, picture in gone.items():
        names = names_of(picture) if picture else ()
        await media.remove([*(picture_key(file_id, name) for name in names), original_key(file_id)])
    return len(gone)


async def sweep(media: Media) -> int:
    """Remove the bytes that no row names, once they are so old that none will: of uploads that were cut off, of
    pictures of another focal point. How many."""
    before = clock.now() - timedelta(days=media.settings.grace_days)
    removed = 0
    for folder in ("originals", "pictures"):
        piece: list[Kept] = []
        async for kept in media.store.list(folder):
            if kept.at < before:
                piece.append(kept)
            if len(piece) == ONE_PIECE:
                removed += await _sweep(media, piece)
                piece = []
        removed += await _sweep(media, piece)
    if removed:
        log.info("bytes of no file were removed", extra={"objects": removed})
    return removed


async def _sweep(media: Media, piece: list[Kept]) -> int:
    keys = {each.key: named for each in piece if (named := whose(each.key)) is not None}
    known = await ends_repository.known(media.db, {file_id for file_id, _ in keys.values()}) if keys else {}
    orphans = []
    for key, (file_id, name) in keys.items():
        picture = known.get(file_id)
        shown = set(names_of(picture)) if picture else set()
        if file_id not in known or (name is not None and name not in shown) or "#" in key:
            orphans.append(key)
    await media.remove(orphans)
    return len(orphans)
