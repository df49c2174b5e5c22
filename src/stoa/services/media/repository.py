"""All SQL of media. Rows of several files are locked in the order of their ids."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import asyncpg
import msgspec

from stoa.kit import ids
from stoa.kit.db import Db, Transaction
from stoa.kit.pictures import Picture
from stoa.services.media.content import Kind
from stoa.services.media.errors import ThereAgain
from stoa.services.media.recipe import FocalPoint, Purpose

State = Literal["uploaded", "ready", "rejected"]
"""Of its pictures: they are to be made, they are there, or none can be made."""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """`owner` is `shop`, or `seller` or `user` with the id behind a space. `revision` counts how often its pictures
    were made; `version` all that is told of it."""

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


class Owned(NamedTuple):
    """How much somebody has."""

    files: int
    size: int


class Work(NamedTuple):
    """A file whose pictures are to be made, for the `attempts`-th time."""

    file: File
    attempts: int


_COLUMNS = """
    id, purpose, owner, uploader, kind, size, sha256, alt, focal_x, focal_y, state, reason, revision, picture, link_key,
    version, created_at, unused_at IS NULL AS in_use
"""
_FILES = f"SELECT {_COLUMNS} FROM files "  # noqa: S608 - names of columns


def _file(row: asyncpg.Record | None) -> File | None:
    if row is None:
        return None
    return msgspec.convert(dict(row), File)


# Only where that content is not there for that use; the row that is in the way is locked, and so is seen.
ADD_FILE = f"""
    INSERT INTO files (
        id, purpose, owner, uploader, kind, size, sha256, alt, focal_x, focal_y, state, link_key, due_at
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, CASE WHEN $11 = 'uploaded' THEN now() END)
    ON CONFLICT (owner, purpose, sha256) WHERE ended_at IS NULL AND state <> 'rejected' DO UPDATE
    SET unused_at = CASE WHEN files.unused_at IS NULL THEN NULL ELSE now() END
    RETURNING {_COLUMNS}
"""  # noqa: S608 - names of columns


async def add_file(tx: Transaction, new: File) -> File:
    """It, or the same content that was there."""
    row = await tx.fetchrow(
        ADD_FILE,
        new.id,
        new.purpose,
        new.owner,
        new.uploader,
        new.kind,
        new.size,
        new.sha256,
        new.alt,
        new.focal_x,
        new.focal_y,
        new.state,
        new.link_key,
    )
    added = _file(row)
    assert added is not None
    return added


COUNT_IN = """
    INSERT INTO owners (owner, files, size) VALUES ($1, 1, $2)
    ON CONFLICT (owner) DO UPDATE SET files = owners.files + 1, size = owners.size + $2
    RETURNING files, size
"""


async def count_in(tx: Transaction, owner: str, size: int) -> Owned:
    """With one more; the row stays locked."""
    row = await tx.fetchrow(COUNT_IN, owner, size)
    assert row is not None
    return Owned(*row)


OWNED = "SELECT files, size FROM owners WHERE owner = $1"


async def owned(db: Db, owner: str) -> Owned:
    row = await db.fetchrow(OWNED, owner)
    return Owned(0, 0) if row is None else Owned(*row)


# Of those who upload much no more is counted than matters.
UPLOADS_OF = """
    SELECT count(*) FROM (
        SELECT FROM files WHERE (uploader, purpose) = ($1, $2) AND created_at > now() - interval '1 hour' LIMIT $3
    ) AS recent
"""


async def uploads_of(db: Db, uploader: str, purpose: Purpose, most: int) -> int:
    """In the last hour; at most `most`."""
    return int(await db.fetchval(UPLOADS_OF, uploader, purpose, most))


FIND_FILE = _FILES + "WHERE id = $1 AND ended_at IS NULL"


async def find_file(db: Db, file_id: str) -> File | None:
    return _file(await db.fetchrow(FIND_FILE, file_id))


LOCK_FILE = FIND_FILE + " FOR UPDATE"


async def lock_file(tx: Transaction, file_id: str) -> File | None:
    return _file(await tx.fetchrow(LOCK_FILE, file_id))


FIND_FILES = _FILES + "WHERE id = ANY($1::uuid[]) AND ended_at IS NULL ORDER BY id"


async def find_files(db: Db, file_ids: Sequence[str]) -> list[File]:
    return [msgspec.convert(dict(row), File) for row in await db.fetch(FIND_FILES, file_ids)]


FILES_OF = _FILES + ("WHERE owner = $1 AND purpose = $2 AND id < $3 AND ended_at IS NULL ORDER BY id DESC LIMIT $4")


async def files_of(db: Db, owner: str, purpose: Purpose, before: str | None, limit: int) -> list[File]:
    """Newest first, from after the file `before`."""
    rows = await db.fetch(FILES_OF, owner, purpose, before or ids.LAST, limit)
    return [msgspec.convert(dict(row), File) for row in rows]


# Its pictures are made anew where another focal point is asked for.
DESCRIBE = f"""
    UPDATE files SET
        alt = $2, focal_x = $3, focal_y = $4, version = version + 1,
        due_at = CASE WHEN (focal_x, focal_y) = ($3, $4) THEN due_at ELSE now() END,
        attempts = CASE WHEN (focal_x, focal_y) = ($3, $4) THEN attempts ELSE 0 END
    WHERE id = $1
    RETURNING {_COLUMNS}
"""  # noqa: S608


async def describe(tx: Transaction, file_id: str, alt: str, focal: FocalPoint) -> File:
    """A locked one."""
    described = _file(await tx.fetchrow(DESCRIBE, file_id, alt, *focal))
    assert described is not None
    return described


# ----------------------------------------------------------------------------------------------------- pictures

# Of one that was rejected, or that shows another focal point than was asked for last.
RETRY = f"""
    UPDATE files SET
        state = CASE state WHEN 'rejected' THEN 'uploaded' ELSE state END, reason = NULL, version = version + 1,
        due_at = now(), attempts = 0
    WHERE id = $1 AND due_at IS NULL AND (
        state = 'rejected'
        OR ((picture->>'focal_x')::float8, (picture->>'focal_y')::float8) <> (focal_x, focal_y)
    )
    RETURNING {_COLUMNS}
"""  # noqa: S608


async def retry(tx: Transaction, file_id: str) -> File | None:
    """A locked one, as it is then; None where nothing is left to be tried, or it is being tried. Raises
    `ThereAgain`."""
    try:
        return _file(await tx.fetchrow(RETRY, file_id))
    except asyncpg.UniqueViolationError:
        raise ThereAgain from None


# Left to whoever claims it for a while.
CLAIM = f"""
    WITH due AS (
        SELECT id FROM files WHERE due_at <= now() ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    UPDATE files SET attempts = attempts + 1, due_at = now() + make_interval(secs => $1)
    FROM due WHERE files.id = due.id
    RETURNING {_COLUMNS.replace(" id,", " files.id,", 1)}, attempts
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
    RETURNING {_COLUMNS}
"""  # noqa: S608


async def note_ready(tx: Transaction, file: File, picture: Picture, size: int) -> File | None:
    """As it is then; None where that is not what is wanted any more. `size` is what its pictures have together."""
    plain = msgspec.to_builtins(picture)
    return _file(await tx.fetchrow(NOTE_READY, file.id, plain, file.revision, *file.focal, size))


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


# ----------------------------------------------------------------------------------------------------- uses

UseKind = Literal["product", "user"]

LEARN_USE = """
    WITH before AS (
        SELECT version, files FROM uses WHERE (kind, subject) = ($1, $2) FOR UPDATE
    ), written AS (
        INSERT INTO uses (kind, subject, version, files)
        SELECT $1, $2, $3, $4::uuid[]
        WHERE cardinality($4::uuid[]) > 0 OR EXISTS (SELECT FROM before)
        ON CONFLICT (kind, subject) DO UPDATE SET version = excluded.version, files = excluded.files
        WHERE uses.version < excluded.version
        RETURNING version
    )
    SELECT coalesce((SELECT files FROM before), '{}') AS files, EXISTS (SELECT FROM written) AS written
"""


async def learn_use(
    tx: Transaction, kind: UseKind, subject: str, version: int, files: Collection[str]
) -> Collection[str] | None:
    """What was named before; None where this is nothing new."""
    row = await tx.fetchrow(LEARN_USE, kind, subject, version, list(files))
    assert row is not None
    return row["files"] if row["written"] else None


WHICH_NAMED_SOME = "SELECT subject FROM uses WHERE kind IN ('product', 'user') AND subject = ANY($1::uuid[])"


async def which_named_some(tx: Transaction, subjects: Collection[str]) -> set[str]:
    """Products and users that name files, or have named some."""
    return {row["subject"] for row in await tx.fetch(WHICH_NAMED_SOME, list(subjects))}


NOTE_USED = f"""
    WITH named AS (
        SELECT id FROM files WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE
    )
    UPDATE files SET unused_at = NULL FROM named WHERE files.id = named.id
    RETURNING {_COLUMNS.replace(" id,", " files.id,", 1)}, ended_at IS NOT NULL AS has_ended
"""  # noqa: S608

# As long as the row is there, so are the bytes. Not where the same content has come again meanwhile.
BRING_BACK = """
    WITH back AS (
        UPDATE files SET ended_at = NULL, due_at = CASE WHEN state = 'uploaded' THEN now() END
        WHERE id = ANY($1::uuid[]) AND ended_at IS NOT NULL AND (
            SELECT twin.id FROM files AS twin
            WHERE (twin.owner, twin.purpose, twin.sha256) = (files.owner, files.purpose, files.sha256)
              AND twin.ended_at IS NULL AND twin.state <> 'rejected'
            LIMIT 1
        ) IS NULL
        RETURNING owner, size
    )
    INSERT INTO owners (owner, files, size) SELECT owner, count(*), sum(size) FROM back GROUP BY owner ORDER BY owner
    ON CONFLICT (owner) DO UPDATE SET files = owners.files + excluded.files, size = owners.size + excluded.size
"""


async def note_used(tx: Transaction, file_ids: Collection[str]) -> list[File]:
    """Somebody names them; as they are. What has just ended comes back."""
    rows = [dict(row) for row in await tx.fetch(NOTE_USED, list(file_ids))]
    if ended := [row["id"] for row in rows if row.pop("has_ended")]:
        await tx.execute(BRING_BACK, ended)
    return [msgspec.convert(row, File) for row in rows]


NOTE_UNUSED = """
    WITH free AS (
        SELECT id FROM files
        WHERE id = ANY($1::uuid[]) AND unused_at IS NULL
          AND NOT EXISTS (SELECT FROM uses WHERE uses.files @> ARRAY[files.id])
        ORDER BY id FOR UPDATE
    )
    UPDATE files SET unused_at = now() FROM free WHERE files.id = free.id
"""


async def note_unused(tx: Transaction, file_ids: Collection[str]) -> None:
    """Those of them that nobody names any more."""
    await tx.execute(NOTE_UNUSED, list(file_ids))


FORGET_USE = "DELETE FROM uses WHERE (kind, subject) = ($1, $2)"


async def forget_use(tx: Transaction, kind: UseKind, subject: str) -> None:
    await tx.execute(FORGET_USE, kind, subject)


IS_USED = "SELECT EXISTS (SELECT FROM uses WHERE files @> ARRAY[$1::uuid])"


async def is_used(tx: Transaction, file_id: str) -> bool:
    return bool(await tx.fetchval(IS_USED, file_id))


# ----------------------------------------------------------------------------------------------------- ends

# Ends those that it picks, which stay locked, and counts them out.
_END = """
    WITH going AS ({picked}), ended AS (
        UPDATE files SET ended_at = now(), due_at = NULL, unused_at = coalesce(unused_at, now()), version = version + 1
        FROM going WHERE files.id = going.id
        RETURNING owner, size
    ), less AS (
        SELECT owner, count(*) AS files, sum(size) AS size FROM ended GROUP BY owner ORDER BY owner
    ), counted AS (
        UPDATE owners SET files = owners.files - less.files, size = owners.size - less.size
        FROM less WHERE owners.owner = less.owner
    )
    SELECT count(*) FROM ended
"""

END_FILE = _END.format(picked="SELECT id FROM files WHERE id = $1 AND ended_at IS NULL FOR UPDATE")


async def end_file(tx: Transaction, file_id: str) -> None:
    await tx.fetchval(END_FILE, file_id)


END_FILES_OF = _END.format(picked="SELECT id FROM files WHERE owner = $1 AND ended_at IS NULL ORDER BY id FOR UPDATE")


async def end_files_of(tx: Transaction, owner: str) -> int:
    return int(await tx.fetchval(END_FILES_OF, owner))


# A file that is named at this moment is locked by who hears of that, and is none of them then.
END_UNUSED = _END.format(
    picked="""
        SELECT id FROM files WHERE unused_at < $1 AND ended_at IS NULL
        ORDER BY unused_at LIMIT $2 FOR UPDATE SKIP LOCKED
    """
)


async def end_unused(db: Db, before: datetime, most: int) -> int:
    """So many of those that nobody has named for the longest; how many."""
    return int(await db.fetchval(END_UNUSED, before, most))


REMOVE_ENDED = """
    DELETE FROM files
    WHERE id = ANY (ARRAY(
        SELECT id FROM files WHERE ended_at < $1 ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ))
    RETURNING id, picture
"""


async def remove_ended(db: Db, before: datetime, most: int) -> dict[str, Picture | None]:
    """The rows of so many that ended first; which they were, with the pictures that they had."""
    rows = await db.fetch(REMOVE_ENDED, before, most)
    return {row["id"]: row["picture"] and msgspec.convert(row["picture"], Picture) for row in rows}


KNOWN = "SELECT id, picture FROM files WHERE id = ANY($1::uuid[])"


async def known(db: Db, file_ids: Collection[str]) -> dict[str, Picture | None]:
    """Those of the ids of which there is a row, with the picture that it shows now."""
    rows = await db.fetch(KNOWN, list(file_ids))
    return {row["id"]: row["picture"] and msgspec.convert(row["picture"], Picture) for row in rows}


WAITING = """
    SELECT count(*) FILTER (WHERE attempts < 2), count(*) FILTER (WHERE attempts >= 2)
    FROM files WHERE due_at IS NOT NULL
"""


async def waiting(db: Db) -> tuple[int, int]:
    """How many have pictures to be made, and for how many that has failed before."""
    row = await db.fetchrow(WAITING)
    assert row is not None
    return row[0], row[1]


IS_SHOWN = """
    SELECT EXISTS (SELECT FROM files WHERE id = $1 AND ended_at IS NULL AND state = 'ready' AND picture IS NOT NULL)
"""


async def is_shown(db: Db, file_id: str) -> bool:
    """Whether everybody may see its pictures."""
    return bool(await db.fetchval(IS_SHOWN, file_id))
