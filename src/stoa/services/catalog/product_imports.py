"""Files of products that somebody brings: begun, filled piece by piece, called off, and forgotten in the end."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping
from datetime import timedelta
from typing import NamedTuple

from stoa.kit import clock
from stoa.kit.context import Principal
from stoa.kit.db import affected
from stoa.kit.ids import first_uuid7, uuid7
from stoa.services.catalog import product_imports_repository as repository
from stoa.services.catalog.import_errors import ImportEnded, NoSuchImport
from stoa.services.catalog.product_files.reading import Format, Source
from stoa.services.catalog.product_imports_repository import OPEN, ProductImport
from stoa.services.catalog.service import Catalog

PIECE_BYTES = 1 << 20
UPLOAD_DAYS = 1
"""What has not come whole by then does not come any more."""
FORGET_AT_ONCE = 100


class NewImport(NamedTuple):
    """`columns` are ours by those of the file, where they have other names."""

    file_name: str
    format: Format
    source: Source
    columns: Mapping[str, str]
    dry_run: bool


async def begin_import(catalog: Catalog, new: NewImport, by: Principal) -> str:
    """Its id. The file comes next, in pieces."""
    import_id = uuid7()
    how = (new.format, new.source, dict(new.columns), new.dry_run)
    await repository.add(catalog.db, import_id, new.file_name, how, by)
    return import_id


async def upload(catalog: Catalog, import_id: str, content: AsyncIterable[bytes]) -> ProductImport:
    """The whole file: from here on it is worked off. What breaks off before is never begun."""
    at = 0
    gathered = bytearray()
    async for piece in content:
        gathered += piece
        if len(gathered) >= PIECE_BYTES:
            await repository.add_piece(catalog.db, import_id, at, bytes(gathered))
            at += 1
            gathered.clear()
    await repository.add_piece(catalog.db, import_id, at, bytes(gathered))
    return await uploaded(catalog, import_id)


async def uploaded(catalog: Catalog, import_id: str) -> ProductImport:
    async with catalog.db.transaction() as tx:
        await repository.uploaded(tx, import_id)
        found = await repository.by_id(tx, import_id)
    if found is None:
        raise NoSuchImport
    return found


async def find_import(catalog: Catalog, import_id: str, by: Principal) -> ProductImport:
    """Who may edit all products sees everybody's. Raises `NoSuchImport`."""
    found = await repository.by_id(catalog.db, import_id)
    if found is None or not (by.may("catalog.products.edit") or found.user_id == by.user_id):
        raise NoSuchImport
    return found


async def cancel_import(catalog: Catalog, import_id: str, by: Principal) -> None:
    """What it did stays. Raises `NoSuchImport`, `ImportEnded`."""
    found = await find_import(catalog, import_id, by)
    async with catalog.db.transaction() as tx:
        canceled = await repository.end(tx, import_id, "canceled")
    if not canceled:
        raise ImportEnded("canceled" if found.state in OPEN else found.state)


async def forget_imports(catalog: Catalog) -> None:
    """Those that ended `import_days` ago, with what was refused, and those that never came whole."""
    now = clock.now()
    ended = first_uuid7(now - timedelta(days=catalog.settings.import_days))
    never_whole = first_uuid7(now - timedelta(days=UPLOAD_DAYS))
    while True:
        async with catalog.db.transaction() as tx:
            if affected(await repository.forget(tx, ended, never_whole, FORGET_AT_ONCE)) < FORGET_AT_ONCE:
                return
