"""What the doctor looks at in search: the index of each process that has run here."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from stoa.app import SERVICES
from stoa.cli.databases import every_database
from stoa.cli.installation import Installation, settings_of_service
from stoa.runtime.access import Access
from stoa.runtime.data_dir import CACHE
from stoa.runtime.failure import Failure

HEAD = """
    SELECT revision, (SELECT oid::bigint FROM pg_database WHERE datname = current_database()) AS database,
           (SELECT count(*) FROM stale) AS stale
    FROM feed
"""


class _Checkpoint(msgspec.Struct):
    database: int
    revision: int


async def search_index(here: Installation, access: Access) -> str:
    """The index of each process that has run here: whether it can be read, how large it is, how far behind."""
    settings = settings_of_service(here, "search")
    if settings.index != "tantivy":
        return f"kept by {settings.index}"
    indexes = {process: await _index(process, folder, settings.locales) for process, folder in _indexes(here)}
    # After them: what is written meanwhile is not of another database.
    async with every_database(access) as databases:
        head = await databases["search"].fetchrow(HEAD)
    assert head is not None
    said = [_told(process, index, head) for process, index in indexes.items()]
    waiting = f"; {head['stale']} products wait to be looked at" if head["stale"] else ""
    return (", ".join(said) or "made when a process that has search starts") + waiting


def _indexes(here: Installation) -> Iterator[tuple[str, Path]]:
    """By the name of the process whose it is."""
    for folder in sorted((here.data_dir.path / CACHE).glob("*/search/index")):
        yield folder.parts[-3], folder


async def _index(process: str, folder: Path, locales: Sequence[str]) -> Any:
    """As `seen.Seen` tells of it."""
    seen = importlib.import_module(f"{SERVICES['search'].package}.index.seen")
    try:
        return await asyncio.to_thread(seen.see, folder, locales)
    except seen.Unusable as why:
        raise Failure(
            f"the index of {process} cannot be used. {why}".rstrip("."),
            f"restart {process}, which builds it anew; where it runs, `stoa reindex` does",
        ) from None


def _told(process: str, index: Any, head: asyncpg.Record) -> str:
    at = msgspec.json.decode(index.checkpoint or b'{"database": 0, "revision": 0}', type=_Checkpoint)
    size = f"{index.documents} products in {index.bytes / 1e6:.1f} MB"
    if at.database != head["database"] or at.revision > head["revision"]:
        return f"{process} has {size} of another database, and builds it anew when it starts"
    return f"{process} has {size}, behind by {head['revision'] - at.revision} changes"
