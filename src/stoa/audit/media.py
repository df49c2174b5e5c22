"""Invariant 8: the bytes of every file are there, whole and nobody else's, and what is shown is a file that is kept."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

import asyncpg

from stoa.audit.finding import Finding, Findings, Invariant
from stoa.audit.look import Look, Rows, side_by_side
from stoa.kit import clock
from stoa.ports.media import Kept

# In the order of the folders that the bytes are in, so that no more is in memory than what is in one of them: they are
# named by the last two digits of the id, which are drawn by lot.
FILES = """
    SELECT right(id::text, 2) AS key, id, size, sha256, picture_bytes,
           ARRAY(
               SELECT 'pictures/' || right(id::text, 2) || '/' || id || '/' || split_part(url #>> '{}', '/', -1)
               FROM jsonb_path_query(picture, '$.*[*].* ? (@ starts with "/")') AS url
           ) AS pictures
    FROM files WHERE id >= $1 ORDER BY right(id::text, 2), id
"""

UNDRAWN = """
    SELECT id FROM files WHERE id >= $1 AND state = 'uploaded' AND due_at IS NULL AND ended_at IS NULL
"""

OWNERS = """
    SELECT owner, coalesce(owners.files, 0) AS counted_files, coalesce(owners.size, 0) AS counted_size,
           coalesce(there.files, 0) AS files, coalesce(there.size, 0)::bigint AS size
    FROM owners
    FULL JOIN (
        SELECT owner, count(*) AS files, sum(size) AS size FROM files WHERE ended_at IS NULL GROUP BY owner
    ) AS there USING (owner)
    WHERE (coalesce(owners.files, 0), coalesce(owners.size, 0)) <> (coalesce(there.files, 0), coalesce(there.size, 0))
"""

# What may be shown, and as of which revision.
SHOWN = """
    SELECT id AS key, revision, unused_at IS NULL AS in_use FROM files WHERE id >= $1 AND ended_at IS NULL ORDER BY id
"""

OF_PRODUCTS = """
    SELECT (image ->> 'file_id')::uuid AS key, id AS subject,
           coalesce((image #>> '{picture,revision}')::bigint, 0) AS revision
    FROM products, jsonb_array_elements(images) AS image
    WHERE (image ->> 'file_id')::uuid >= $1 ORDER BY key
"""

OF_USERS = """
    SELECT (avatar ->> 'file_id')::uuid AS key, user_id AS subject,
           coalesce((avatar #>> '{picture,revision}')::bigint, 0) AS revision
    FROM user_profiles WHERE (avatar ->> 'file_id')::uuid >= $1 ORDER BY key
"""

USES = """
    SELECT file AS key, subject FROM uses, unnest(files) AS file WHERE file >= $1 ORDER BY file
"""


async def check(look: Look) -> Findings:
    async for row in look.rows("media", UNDRAWN, look.since):
        yield Finding(row["id"], "waits for its pictures, and nobody is to make them")
    async for row in look.rows("media", OWNERS):
        yield Finding(
            row["owner"],
            f"is counted with {row['counted_files']} files of {row['counted_size']} bytes, "
            f"and has {row['files']} of {row['size']}",
        )
    async for finding in _named(look):
        yield finding
    if look.files is not None:
        async for finding in _kept(look):
            yield finding


async def _named(look: Look) -> Findings:
    """What products and users show, beside what media knows of that."""
    sides = (
        look.rows("media", SHOWN, look.since),
        look.rows("media", USES, look.since),
        look.rows("catalog", OF_PRODUCTS, look.since),
        look.rows("user", OF_USERS, look.since),
    )
    async for file_id, (found, uses, products, users) in side_by_side(*sides):
        named = {row["subject"]: row["revision"] for row in (*products, *users)}
        known = {row["subject"] for row in uses}
        for subject, revision in sorted(named.items()):
            if not found:
                yield Finding(subject, f"shows the file {file_id}, which is not there")
            elif subject not in known or not found[0]["in_use"]:
                yield Finding(subject, f"shows the file {file_id}, and media does not know")
            elif revision != found[0]["revision"]:
                yield Finding(
                    subject, f"shows the file {file_id} as of revision {revision}, not {found[0]['revision']}"
                )
        for subject in sorted(known - named.keys()):
            yield Finding(file_id, f"is kept for {subject}, which does not show it")


async def _kept(look: Look) -> Findings:
    """What is in the storage, beside the rows: a folder at a time."""
    assert look.files is not None
    rows = look.rows("media", FILES, look.since)
    before = clock.now() - look.files.strays_for
    async with contextlib.aclosing(_by_folder(rows)) as folders:
        async for folder, files in folders:
            there = {
                each.key: each
                for kind in ("originals", "pictures")
                for each in await look.kept(f"{kind}/{folder}")
                if _id_in(each.key) >= look.since
            }
            for row in files:
                async for finding in _whole(look, row, there):
                    yield finding
            for each in there.values():
                if each.at < before:
                    yield Finding(each.key, f"has been kept since {each.at:%Y-%m-%d %H:%M} UTC, and no row names it")


async def _by_folder(rows: Rows) -> AsyncGenerator[tuple[str, list[asyncpg.Record]], None]:
    """Every folder that there may be, with the rows whose bytes it has."""
    row = await anext(rows, None)
    for number in range(256):
        folder, found = f"{number:02x}", []
        while row is not None and row["key"] == folder:
            found.append(row)
            row = await anext(rows, None)
        yield folder, found


def _id_in(key: str) -> str:
    """The file's, of whose bytes it is a key."""
    return [*key.split("/"), "", ""][2]


async def _whole(look: Look, row: asyncpg.Record, there: dict[str, Kept]) -> Findings:
    """Whether what the row says is there; takes what is the row's out of what is there."""
    original = f"originals/{row['key']}/{row['id']}"
    kept = there.pop(original, None)
    if kept is None:
        yield Finding(row["id"], "has no bytes: what was uploaded is gone")
    elif kept.size != row["size"]:
        yield Finding(row["id"], f"has {kept.size} bytes, and {row['size']} were uploaded")
    elif await look.digest(original) != row["sha256"]:
        yield Finding(row["id"], "has other bytes than were uploaded")
    pictures = [there.pop(key, None) for key in row["pictures"]]
    if gone := [key for key, picture in zip(row["pictures"], pictures, strict=True) if picture is None]:
        yield Finding(row["id"], f"has lost {len(gone)} of {len(pictures)} pictures, among them {gone[0]}")
    elif row["picture_bytes"] is not None:
        size = sum(picture.size for picture in pictures if picture is not None)
        if size != row["picture_bytes"]:
            yield Finding(row["id"], f"has pictures of {size} bytes, and {row['picture_bytes']} were made")


MEDIA = Invariant(
    8, "the bytes of every file are there, whole and nobody else's; what shows a file shows it as it is", check
)
