"""The SQL of files. Rows of several files are locked in the order of their ids, here and in what is beside:
`pictures_repository.py` has the work to be done, `uses_repository.py` who names a file, `ends_repository.py` what is
not to be there any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from stoa.kit import ids
from stoa.kit.db import Db, Transaction
from stoa.services.media import file_rows
from stoa.services.media.file_rows import File
from stoa.services.media.recipe import FocalPoint, Purpose


class Owned(NamedTuple):
    """How much somebody has."""

    files: int
    size: int


_FILES = f"SELECT {file_rows.COLUMNS} FROM files "  # noqa: S608 - names of columns

# Only where that content is not there for that use; the row that is in the way is locked, and so is seen.
ADD_FILE = f"""
    INSERT INTO files (
        id, purpose, owner, uploader, kind, size, sha256, alt, focal_x, focal_y, state, link_key, due_at
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, CASE WHEN $11 = 'uploaded' THEN now() END)
    ON CONFLICT (owner, purpose, sha256) WHERE ended_at IS NULL AND state <> 'rejected' DO UPDATE
    SET unused_at = CASE WHEN files.unused_at IS NULL THEN NULL ELSE now() END
    RETURNING {file_rows.COLUMNS}
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
    added = file_rows.file_in(row)
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
    return file_rows.file_in(await db.fetchrow(FIND_FILE, file_id))


LOCK_FILE = FIND_FILE + " FOR UPDATE"


async def lock_file(tx: Transaction, file_id: str) -> File | None:
    return file_rows.file_in(await tx.fetchrow(LOCK_FILE, file_id))


FIND_FILES = _FILES + "WHERE id = ANY($1::uuid[]) AND ended_at IS NULL ORDER BY id"


async def find_files(db: Db, file_ids: Sequence[str]) -> list[File]:
    return [msgspec.convert(dict(row), File) for row in await db.fetch(FIND_FILES, file_ids)]


FILES_OF = _FILES + ("WHERE owner = $1 AND purpose = $2 AND id < $3 AND ended_at IS NULL ORDER BY id DESC LIMIT $4")


async def files_of(db: Db, owner: str, purpose: Purpose, before: str | None, limit: int) -> list[File]:
    """Newest first, from after the file `before`."""
    rows = await db.fetch(FILES_OF, owner, purpose, before or ids.LAST, limit)
    return [msgspec.convert(dict(row), File) for row in rows]


# Its pictures are made anew where another focal point is asked for.
# Another text is another revision of the picture that it stands beside: so whoever shows the old one is told.
DESCRIBE = f"""
    UPDATE files SET
        alt = $2, focal_x = $3, focal_y = $4, version = version + 1,
        revision = revision + (picture IS NOT NULL AND alt <> $2)::int,
        picture = CASE WHEN alt = $2 THEN picture ELSE jsonb_set(picture, '{{revision}}', to_jsonb(revision + 1)) END,
        due_at = CASE WHEN (focal_x, focal_y) = ($3, $4) THEN due_at ELSE now() END,
        attempts = CASE WHEN (focal_x, focal_y) = ($3, $4) THEN attempts ELSE 0 END
    WHERE id = $1
    RETURNING {file_rows.COLUMNS}
"""  # noqa: S608


async def describe(tx: Transaction, file_id: str, alt: str, focal: FocalPoint) -> File:
    """A locked one."""
    described = file_rows.file_in(await tx.fetchrow(DESCRIBE, file_id, alt, *focal))
    assert described is not None
    return described


IS_SHOWN = """
    SELECT EXISTS (SELECT FROM files WHERE id = $1 AND ended_at IS NULL AND state = 'ready' AND picture IS NOT NULL)
"""


async def is_shown(db: Db, file_id: str) -> bool:
    """Whether everybody may see its pictures."""
    return bool(await db.fetchval(IS_SHOWN, file_id))
