"""How the audit reads: each database as of one moment, a piece at a time, so that a large shop needs no more memory.

    async with looking(databases, since) as look:
        orders = look.rows("order", ORDERS, look.since)           # ORDER BY the column called `key`
        payments = look.rows("payment", PAYMENTS, look.since)
        async for order_id, (placed, paid) in side_by_side(orders, payments):
            ...

Databases cannot be joined, so what is to be compared comes from each in the order of a common `key`. Such a
key is a UUIDv7, which begins with its time: all of a day or a month is one range of it, in every table.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from stoa.kit.db import Database
from stoa.kit.problems import Unavailable, with_type
from stoa.ports.media import Absent, Kept
from stoa.runtime.kept_files import KeptFiles

PIECE = 1000
"""Rows that are read ahead of each statement."""
EVER = "00000000-0000-0000-0000-000000000000"
"""Before every id."""

# Reading a million rows takes longer than any request may.
UNHURRIED = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"

Rows = AsyncIterator[asyncpg.Record]


@dataclass(frozen=True)
class Look:
    """One look at all databases. `since` is the id from which on things are compared; `files` is where the bytes are
    of which media's rows tell, None where only databases are looked at."""

    since: str
    _connections: Mapping[str, asyncpg.Connection]
    files: KeptFiles | None = None

    async def rows(self, service: str, sql: str, *arguments: object) -> Rows:
        """The rows of a statement, at most `PIECE` of them in memory."""
        async for row in self._connections[service].cursor(sql, *arguments, prefetch=PIECE):
            yield row

    async def find(self, service: str, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """The same all at once, for a statement that is asked for a bounded number."""
        return await self._connections[service].fetch(sql, *arguments)

    async def kept(self, folder: str) -> list[Kept]:
        """What is kept in a folder of media's, which has a small part of all."""
        assert self.files is not None
        with _reading():
            return [each async for each in self.files.store.list(folder)]

    async def digest(self, key: str) -> bytes | None:
        """The SHA-256 of what is kept under the key; None where that has gone."""
        assert self.files is not None
        digest = hashlib.sha256()
        with _reading():
            try:
                opened = await self.files.store.open(key)
            except Absent:
                return None
            async for piece in opened.pieces:
                digest.update(piece)
        return digest.digest()


@contextlib.contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise Unavailable(f"where files are kept cannot be read: {with_type(error)}") from error


@contextlib.asynccontextmanager
async def looking(
    databases: Mapping[str, Database], since: str = EVER, files: KeptFiles | None = None
) -> AsyncIterator[Look]:
    """Read-only, each database as of its first statement in the block."""
    async with contextlib.AsyncExitStack() as stack:
        connections: dict[str, asyncpg.Connection] = {}
        for name, database in databases.items():
            connection = await stack.enter_async_context(database.dedicated())
            await stack.enter_async_context(connection.transaction(isolation="repeatable_read", readonly=True))
            await connection.execute(UNHURRIED)
            connections[name] = connection
        yield Look(since, connections, files)


async def side_by_side(*sides: Rows) -> AsyncIterator[tuple[str, Sequence[Sequence[asyncpg.Record]]]]:
    """Each key that any side has, in order, with the rows of it on each side. The sides are ordered by `key`."""
    heads = [await anext(side, None) for side in sides]
    while keys := [head["key"] for head in heads if head is not None]:
        key = min(keys)
        found: list[list[asyncpg.Record]] = []
        for number, side in enumerate(sides):
            rows = []
            while (head := heads[number]) is not None and head["key"] == key:
                rows.append(head)
                heads[number] = await anext(side, None)
            found.append(rows)
        yield key, found


async def pieces(rows: Rows) -> AsyncIterator[list[asyncpg.Record]]:
    """The rows in lists of at most `PIECE`: to look something up for many of them at once."""
    piece: list[asyncpg.Record] = []
    async for row in rows:
        piece.append(row)
        if len(piece) == PIECE:
            yield piece
            piece = []
    if piece:
        yield piece
