"""The SQL of pictures to be made: what is due, who has claimed it, and what became of it."""

from __future__ import annotations

from typing import NamedTuple

import asyncpg
import msgspec

from stoa.kit.db import Db, Transaction
from stoa.kit.pictures import Picture
from stoa.services.media import file_rows
from stoa.services.media.errors import ThereAgain
from stoa.services.media.file_rows import File


class Work(NamedTuple):
    """A file whose pictures are to be made, for the `attempts`-th time."""

    file: File
    attempts: int


# Of one that was rejected, or that shows another focal point than was asked for last.
RETRY = f"""
    UPDATE files SET
        state = CASE state WHEN 'rejected' THEN 'uploaded' ELSE state END, reason = NULL, version = version + 1,
        due_at = now(), attempts = 0
    WHERE id = $1 AND due_at IS NULL AND (
        state = 'rejected'
        OR ((picture->>'focal_x')::float8, (picture->>'focal_y')::float8) <> (focal_x, focal_y)
    )
    RETURNING {file_rows.COLUMNS}
"""  # noqa: S608


async def retry(tx: Transaction, file_id: str) -> File | None:
    """A locked one, as it is then; None where nothing is left to be tried, or it is being tried. Raises
    `ThereAgain`."""
    try:
        return file_rows.file_in(await tx.fetchrow(RETRY, file_id))
    except asyncpg.UniqueViolationError:
        raise ThereAgain from None


# Left to whoever claims it for a while.
CLAIM = f"""
    WITH due AS (
        SELECT id FROM files WHERE due_at <= now() ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    UPDATE files SET attempts = attempts + 1, due_at = now() + make_interval(secs => $1)
    FROM due WHERE files.id = due.id
    RETURNING {file_rows.COLUMNS}, attempts
"""  # noqa: S608


async def claim(db: Db, seconds: float) -> Work | None:
    """The one that has been due for the longest, not due again for so many seconds."""
    row = await db.fetchrow(CLAIM, seconds)
    if row is None:
        return None
    columns = dict(row)
    attempts = columns.pop("attempts")
    return Work(msgspec.convert(columns, File), attempts)


NEXT_DUE = """
    SELECT extract(epoch FROM due_at - now())::float8 FROM files WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1
"""


async def next_due(db: Db) -> float | None:
    """In how many seconds the next is due, 0 or less for now; None where none is."""
    seconds: float | None = await db.fetchval(NEXT_DUE)
    return seconds


# Of a file whose focal point has moved meanwhile, or that was made ready by somebody else, it says nothing.
NOTE_READY = f"""
    UPDATE files SET
        state = 'ready', picture = $2, picture_bytes = $6, revision = revision + 1, version = version + 1,
        due_at = NULL, attempts = 0
    WHERE id = $1 AND revision = $3 AND (focal_x, focal_y) = ($4, $5) AND state <> 'rejected' AND due_at IS NOT NULL
    RETURNING {file_rows.COLUMNS}
"""  # noqa: S608


async def note_ready(tx: Transaction, file: File, picture: Picture, size: int) -> File | None:
    """As it is then; None where that is not what is wanted any more. `size` is what its pictures have together."""
    plain = msgspec.to_builtins(picture)
    return file_rows.file_in(await tx.fetchrow(NOTE_READY, file.id, plain, file.revision, *file.focal, size))


# One that has pictures keeps them, and who moved its focal point sees that it did not move.
NOTE_REJECTED = """
    UPDATE files SET
        state = CASE WHEN picture IS NULL THEN 'rejected' ELSE state END,
        reason = CASE WHEN picture IS NULL THEN $2 END, version = version + 1, due_at = NULL
    WHERE id = $1 AND due_at IS NOT NULL
"""


async def note_rejected(db: Db, file_id: str, reason: str) -> None:
    await db.execute(NOTE_REJECTED, file_id, reason)


# Not one that is to be made anew by now, as with another focal point.
KEEP = "UPDATE files SET due_at = now() + make_interval(secs => $2) WHERE id = $1 AND due_at > now()"


async def keep(db: Db, file_id: str, seconds: float) -> None:
    """Whoever has claimed it is at work."""
    await db.execute(KEEP, file_id, seconds)


# The try is not counted.
WAIT = """
    UPDATE files SET due_at = now() + make_interval(secs => $2), attempts = attempts - 1
    WHERE id = $1 AND due_at IS NOT NULL AND attempts > 0
"""


async def wait(db: Db, file_id: str, seconds: float) -> None:
    """It was claimed, and could not be tried."""
    await db.execute(WAIT, file_id, seconds)


POSTPONE = "UPDATE files SET due_at = now() + make_interval(secs => $2) WHERE id = $1 AND due_at IS NOT NULL"


async def postpone(db: Db, file_id: str, seconds: float) -> None:
    await db.execute(POSTPONE, file_id, seconds)


WAITING = """
    SELECT count(*) FILTER (WHERE attempts < 2), count(*) FILTER (WHERE attempts >= 2)
    FROM files WHERE due_at IS NOT NULL
"""


async def waiting(db: Db) -> tuple[int, int]:
    """How many have pictures to be made, and for how many that has failed before."""
    row = await db.fetchrow(WAITING)
    assert row is not None
    return row[0], row[1]
