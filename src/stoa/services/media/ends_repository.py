"""The SQL of ends: a file that has ended is found no more, and its row goes later, with its bytes."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import msgspec

from stoa.kit.db import Db, Transaction
from stoa.kit.pictures import Picture

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
