"""The SQL of uses: which product, user or other subject names which files."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Literal

import msgspec

from stoa.kit.db import Db, Transaction
from stoa.services.media import file_rows
from stoa.services.media.file_rows import File

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
    RETURNING {file_rows.COLUMNS}, ended_at IS NOT NULL AS has_ended
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


# An address may name what is no id of ours.
NOTE_SHOWN = """
    UPDATE files SET unused_at = now() WHERE id::text = ANY($1::text[]) AND unused_at < $2 AND ended_at IS NULL
"""


async def note_shown(db: Db, file_ids: Collection[str], before: datetime) -> None:
    """Those of them that nobody has named since then are unused since now: who shows them announces nothing."""
    await db.execute(NOTE_SHOWN, list(file_ids), before)
