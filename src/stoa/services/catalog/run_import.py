"""Work a file of products off, some of them in a transaction, which also notes how far it is.

So whoever dies on the way has done what is noted and nothing else, and the next goes on there; a file is read again
from its beginning and what is done is passed by. One at a time works on a file, whichever process it is in.

What goes wrong with a product is told of it, and the others go on. Where anything else goes wrong the file is left for
a while, and those behind it have their turn. The last try goes product by product, so that it gets as far as can be.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, get_args

from stoa.contracts.common.v1.common_pb2 import Line
from stoa.contracts.inventory.v1.inventory_pb2 import ImportStockRequest
from stoa.kit import context, problems
from stoa.kit.context import Principal
from stoa.kit.db import Transaction
from stoa.services.catalog import product_imports_repository as repository
from stoa.services.catalog.import_batch import Imported, import_batch, read_batch
from stoa.services.catalog.product_files.entry import Entry
from stoa.services.catalog.product_files.reading import ProductFile, read_products
from stoa.services.catalog.product_files.remarks import gathered
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


log = logging.getLogger(__name__)

MOST_LOOKED_AT = 10
MOST_TOLD = 500
"""SKUs of which stock is opened at once: their rows are held together."""
MOST_ATTEMPTS = 8
"""With the pauses between them two minutes: what the shop needs is back by then, or the file is to blame."""


async def import_next(catalog: Catalog) -> bool:
    """Work off the oldest that is due and nobody else is at; whether there was one."""
    for import_id in await repository.due(catalog.db, MOST_LOOKED_AT):
        if await work_off(catalog, import_id):
            return True
    return False


async def work_off(catalog: Catalog, import_id: str) -> bool:
    """To its end, or until it is left for later. False where somebody else is at it, or it is not due."""
    async with catalog.db.dedicated() as session:
        if not await session.fetchval(repository.TURN, import_id):
            return False
        taken_up = await repository.take_up(catalog.db, import_id)
        found = await repository.by_id(catalog.db, import_id)
        if taken_up is None or found is None:
            return False
        attempts, by = taken_up
        with tempfile.TemporaryFile() as file, context.using(context.fresh(principal=by)):
            await _Run(catalog, found, by, file, attempts).to_its_end()
    return True


class _Run:
    def __init__(self, catalog: Catalog, found: ProductImport, by: Principal, file: BinaryIO, attempts: int) -> None:
        self._catalog = catalog
        self._import = found
        self._by = by
        self._file = file
        self._attempts = attempts
        self._done = found.entries_done
        self._place = "its first line"

    async def to_its_end(self) -> None:
        if self._attempts > MOST_ATTEMPTS:
            said = "what worked on it died, and left no word."
            await self._end("failed", _given_up(f"behind the first {self._done} products", said))
            return
        try:
            await self._import_all()
            await self._end("done")
        except UnreadableFile as unreadable:
            await self._end("failed", str(unreadable))
        except _Canceled:
            return
        except Exception as error:
            log.error("an import was left", extra={"import": self._import.id, "at": self._place}, exc_info=error)
            if self._attempts >= MOST_ATTEMPTS:
                # An error of ours says nothing to who brought the file.
                ours = "an error of the shop's own, which its log tells."
                said = error.detail if isinstance(error, problems.Problem) else ours
                await self._end("failed", _given_up(f"at {self._place}", said))

    async def _import_all(self) -> None:
        async for piece in repository.pieces(self._catalog.db, self._import.id):
            self._file.write(piece)
        self._file.seek(0)
        read = self._read()
        await repository.say_columns(self._catalog.db, self._import.id, read.header, read.dialect, read.left_out)
        await self._open_stock(read.stock)
        most = 1 if self._attempts == MOST_ATTEMPTS else ONE_BATCH
        for entries in _batches(itertools.islice(read.entries, self._done, None), most):
            self._done += len(entries)
            self._place = f"the product in line {entries[0].line}"
            await self._import_batch(entries)
            self._attempts = 0
            await self._open_stock(read.stock)
            # A large file is many rounds, and others have their turn between them.
            await asyncio.sleep(0)

    def _read(self) -> ProductFile:
        one, settings = self._import, self._catalog.settings
        others = settings.locales[1:]
        return read_products(self._file, one.format, one.source, one.columns, settings.currency, locales=others)

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
            Refusal(one.entry.line, _kept(one.entry.raw), _kept(one.problem.document()))
            for one in imported
            if one.problem is not None
        ]
        if refused:
            await repository.refuse(tx, self._import.id, refused)
        told = [one for one in imported if one.problem is None]
        if said := [each for one in told for each in (*one.entry.remarks, *one.remarks)]:
            before = await repository.remarks(tx, self._import.id)
            await repository.remark(tx, self._import.id, gathered(before, said))
        stock = {sku: quantity for one in imported for sku, quantity in one.stock.items()}
        if stock and not self._import.dry_run:
            await repository.keep_stock(tx, self._import.id, stock)

    async def _open_stock(self, columns: Sequence[str]) -> None:
        """Have inventory open what these columns say of SKUs that have no stock yet; what somebody counted here stays.
        Kept with the products and told once they are there: a repeat opens nothing twice."""
        while stock := await repository.kept_stock(self._catalog.db, self._import.id, MOST_TOLD):
            lines = [Line(sku=sku, quantity=quantity) for sku, quantity in stock.items()]
            try:
                told = await self._catalog.inventory.ImportStock(ImportStockRequest(lines=lines))
            except problems.Forbidden:
                await repository.leave_stock_out(self._catalog.db, self._import.id, columns)
                return
            await repository.told_stock(self._catalog.db, self._import.id, list(stock), told.added, told.already_there)

    async def _end(self, state: repository.State, failure: str | None = None) -> None:
        async with self._catalog.db.transaction() as tx:
            await repository.end(tx, self._import.id, state, failure)


def _kept(said: Any) -> Any:
    """As PostgreSQL can keep it: it has no NUL."""
    if isinstance(said, str):
        return said.replace("\0", "\ufffd")
    if isinstance(said, Mapping):
        return {_kept(name): _kept(value) for name, value in said.items()}
    return [_kept(one) for one in said] if isinstance(said, Sequence) else said


def _given_up(where: str, said: str) -> str:
    return f"It was given up after {MOST_ATTEMPTS} tries, {where}: {said} What was done before stays."


def _batches(entries: Iterator[Entry], most: int) -> Iterator[list[Entry]]:
    """Each product stands once in each: what a file says of it in two places happens in their order. Raises
    `UnreadableFile` behind what could be read."""
    batch: list[Entry] = []
    names: set[str] = set()
    try:
        for entry in entries:
            # As a text: a line of JSON may say anything there.
            name = str(entry.item.get("id") or entry.item.get("slug") or "")
            if name in names:
                yield batch
                batch, names = [], set()
            batch.append(entry)
            if name:
                names.add(name)
            if len(batch) == most:
                yield batch
                batch, names = [], set()
    except UnreadableFile:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
