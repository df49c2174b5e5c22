"""Make the pictures of what was uploaded: each file is claimed for a while, drawn by a process of its own, and noted.

What is made is kept before the row says that it is there. A crash between the two has it made again under the same
names. Several processes of the shop take turns at the same rows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from stoa.kit.back_off import back_off
from stoa.kit.problems import with_type
from stoa.ports.media import Absent
from stoa.services.media import pictures_repository, worker
from stoa.services.media.errors import StorageUnavailable
from stoa.services.media.events import ready
from stoa.services.media.file_rows import File
from stoa.services.media.metrics import PICTURES
from stoa.services.media.pictures_repository import Work
from stoa.services.media.recipe import names_of, order_for, original_key, picture_key, picture_of
from stoa.services.media.seldom import Seldom
from stoa.services.media.service import Media
from stoa.services.media.worker import NoRoom, Undrawable, Unfinished

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 5
"""With the pauses between them some minutes: a machine that is out of memory is over that, or the file is to blame."""
FIRST_PAUSE_ATTEMPTS = 7
"""Doublings that the first pause has behind it: it is some seconds, and the last a minute or two."""
LONGEST_PAUSE_SECONDS = 300.0
CLAIM_SECONDS = 30.0
"""A file is somebody's for so long, and he says so again while he is at work: who was killed keeps none for longer."""
STORAGE_PAUSE_SECONDS = 30.0
"""Where the storage does not answer, a disk is full or no process starts, no file is to blame, and none is given up."""
ONE_ROUND = 50
"""Files of one round, so that a process that stops has not to wait for many."""


@dataclass(frozen=True)
class Making:
    media: Media
    failures: Seldom = field(default_factory=partial(Seldom, log))

    async def round(self) -> float | None:
        """Make what is due. In how many seconds the next is; None where nothing is left."""
        settings = self.media.settings
        await asyncio.gather(*(self._some(ONE_ROUND // settings.workers + 1) for _ in range(settings.workers)))
        return await pictures_repository.next_due(self.media.db)

    async def _some(self, most: int) -> None:
        for _ in range(most):
            work = await pictures_repository.claim(self.media.db, CLAIM_SECONDS)
            if work is None:
                return
            async with self._kept(work):
                await self._make(work)

    @asynccontextmanager
    async def _kept(self, work: Work) -> AsyncIterator[None]:
        """Ours until the end of the block. Where the database does not answer it may become somebody else's, who makes
        the same again."""

        async def keep() -> None:
            while True:
                await asyncio.sleep(CLAIM_SECONDS / 3)
                await pictures_repository.keep(self.media.db, work.file.id, CLAIM_SECONDS)

        keeping = asyncio.create_task(keep())
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _make(self, work: Work) -> None:
        file = work.file
        try:
            outcome = await self._made(file)
        except Undrawable as undrawable:
            outcome = "rejected"
            await pictures_repository.note_rejected(self.media.db, file.id, str(undrawable))
        except (StorageUnavailable, NoRoom, OSError) as error:
            outcome = "postponed"
            self.failures.tell(logging.WARNING, "a picture cannot be tried", file=file.id, why=with_type(error))
            await pictures_repository.wait(self.media.db, file.id, STORAGE_PAUSE_SECONDS)
        except (Unfinished, Absent) as error:
            outcome = await self._later(work, error)
        PICTURES.labels(outcome).inc()

    async def _made(self, file: File) -> str:
        media = self.media
        order = order_for(file.purpose, file.sha256, file.focal)
        async with media.folder() as folder:
            source, drawn = folder / "source", folder / "drawn"
            drawn.mkdir()
            await self._fetch(file, source)
            made = await worker.make(file, order, source, drawn, media.settings)
            picture = picture_of(file.id, order.tag, made, file.focal, file.revision + 1)
            size = 0
            for name in names_of(picture):
                size += (drawn / name).stat().st_size
                await media.put(picture_key(file.id, name), drawn / name)
        media.reach("media:drawn")
        async with media.db.transaction() as tx:
            noted = await pictures_repository.note_ready(tx, file, picture, size)
            if noted is None:
                return "outdated"
            await media.outbox.announce(tx, subject=noted.id, version=noted.version, fact=ready(noted))
        return "ready"

    async def _fetch(self, file: File, place: Path) -> None:
        opened = await self.media.open(original_key(file.id))
        with place.open("xb") as out:
            async for piece in opened.pieces:
                out.write(piece)

    async def _later(self, work: Work, error: Exception) -> str:
        why = with_type(error)
        if work.attempts >= MOST_ATTEMPTS:
            self.failures.tell(logging.ERROR, "a picture is given up", file=work.file.id, why=why)
            reason = f"It could not be read in {work.attempts} tries."
            await pictures_repository.note_rejected(self.media.db, work.file.id, reason)
            return "rejected"
        self.failures.tell(logging.WARNING, "a picture waits", file=work.file.id, attempts=work.attempts, why=why)
        pause = back_off(FIRST_PAUSE_ATTEMPTS + work.attempts, LONGEST_PAUSE_SECONDS)
        await pictures_repository.postpone(self.media.db, work.file.id, pause)
        return "postponed"
