"""Work a file of products off, some of them in a transaction, which also notes how far it is.

So whoever dies on the way has done what is noted and nothing else, and the next goes on there; a file is read again
from its beginning and what is done is passed by. One at a time works on a file, whichever process it is in.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from typing import BinaryIO, get_args

from stoa.kit import context
from stoa.kit.context import Principal
from stoa.kit.db import Transaction
from stoa.services.catalog import product_imports_repository as repository
from stoa.services.catalog.import_batch import Imported, import_batch, read_batch
from stoa.services.catalog.product_files.entry import Entry
from stoa.services.catalog.product_files.reading import ProductFile, read_products
from stoa.services.catalog.product_files.table import UnreadableFile
from stoa.services.catalog.product_imports_repository import ProductImport, Refusal
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.write_products import ONE_BATCH, Outcome, until_nobody_meets


class _Canceled(Exception):
    """Somebody called it off: what this transaction would have done is not done."""


class _Rehearsed(Exception):
    """What a dry run did is taken back."""

    def __init__(self, imported: Sequence[Imported]) -> None:
        super().__init__()
        self.imported = imported


MOST_LOOKED_AT = 10


async def import_next(catalog: Catalog) -> bool:
    """Work off the oldest that nobody else is at; whether there was one."""
    for import_id in await repository.waiting(catalog.db, MOST_LOOKED_AT):
        if await work_off(catalog, import_id):
            return True
    return False


async def work_off(catalog: Catalog, import_id: str) -> bool:
    """To its end. False where somebody else is at it."""
    async with catalog.db.dedicated() as session:
        if not await session.fetchval(repository.TURN, import_id):
            return False
        found = await repository.by_id(catalog.db, import_id)
        if found is not None and found.state in {"waiting", "running"}:
            by = await repository.principal(catalog.db, import_id)
            with tempfile.TemporaryFile() as file, context.using(context.fresh(principal=by)):
                async for piece in repository.pieces(catalog.db, import_id):
                    file.write(piece)
                file.seek(0)
                await _Run(catalog, found, by, file).to_its_end()
    return True


class _Run:
    def __init__(self, catalog: Catalog, found: ProductImport, by: Principal, file: BinaryIO) -> None:
        self._catalog = catalog
        self._import = found
        self._by = by
        self._file = file
        self._done = 0

    async def to_its_end(self) -> None:
        try:
            read = self._read()
            await repository.begin(self._catalog.db, self._import.id, read.header, read.left_out)
            for entries in _batches(read.entries):
                self._done += len(entries)
                if self._done > self._import.entries_done:
                    await self._import_batch(entries)
                # A large file is many rounds, and others have their turn between them.
                await asyncio.sleep(0)
            await self._end("done")
        except UnreadableFile as unreadable:
            await self._end("failed", str(unreadable))
        except _Canceled:
            return

    def _read(self) -> ProductFile:
        one = self._import
        return read_products(self._file, one.format, one.source, one.columns, self._catalog.settings.currency)

    async def _import_batch(self, entries: Sequence[Entry]) -> None:
        batch = await read_batch(self._catalog, entries)

        async def write(tx: Transaction) -> None:
            imported = await import_batch(tx, self._catalog, batch, self._by)
            if self._import.dry_run:
                raise _Rehearsed(imported)
            await self._note(tx, imported)

        try:
            await until_nobody_meets(write, self._catalog)
        except _Rehearsed as rehearsed:
            async with self._catalog.db.transaction() as tx:
                await self._note(tx, rehearsed.imported)

    async def _note(self, tx: Transaction, imported: Sequence[Imported]) -> None:
        counts = [sum(one.outcome == outcome for one in imported) for outcome in get_args(Outcome)]
        if not await repository.advance(tx, self._import.id, self._done, self._file.tell(), *counts):
            raise _Canceled
        refused = [
            Refusal(one.entry.line, one.entry.raw, one.problem.document())
            for one in imported
            if one.problem is not None
        ]
        if refused:
            await repository.refuse(tx, self._import.id, refused)

    async def _end(self, state: repository.State, failure: str | None = None) -> None:
        async with self._catalog.db.transaction() as tx:
            await repository.end(tx, self._import.id, state, failure)


def _batches(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    """Each product stands once in each: what a file says of it in two places happens in their order."""
    batch: list[Entry] = []
    names: set[str] = set()
    for entry in entries:
        # As a text: a line of JSON may say anything there.
        name = str(entry.item.get("id") or entry.item.get("slug") or "")
        if name in names:
            yield batch
            batch, names = [], set()
        batch.append(entry)
        if name:
            names.add(name)
        if len(batch) == ONE_BATCH:
            yield batch
            batch, names = [], set()
    if batch:
        yield batch
