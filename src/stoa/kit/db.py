"""PostgreSQL: one pool per service, transactions, and the guard that no call leaves while one is open.

The pool is our own because asyncpg's sends a RESET on every release, which costs two fifths of the
read rate (docs/adr). Nothing here changes session state, so there is nothing to reset; a connection
that broke is discarded.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import asyncpg
import msgspec

from stoa.kit import problems

_open_transaction: ContextVar[str | None] = ContextVar("stoa_open_transaction", default=None)


_before_commit: ContextVar[tuple[Database, Callable[[Transaction], Awaitable[None]]] | None] = ContextVar(
    "stoa_before_commit", default=None
)


@contextmanager
def before_commit(database: Database, callback: Callable[[Transaction], Awaitable[None]]) -> Iterator[None]:
    """Within the block, every transaction that this task opens on `database` ends with `callback`.

    What it writes commits with the rest; what it raises rolls the rest back.
    """
    token = _before_commit.set((database, callback))
    try:
        yield
    finally:
        _before_commit.reset(token)


class CallInsideTransaction(Exception):
    """A call left a service while its transaction was open: a lock would be held across the network."""


def refuse_inside_transaction(what: str) -> None:
    """Raise where a transaction is open in this task; `what` names the call for the message."""
    service = _open_transaction.get()
    if service is not None:
        raise CallInsideTransaction(f"{what} while a transaction of {service} is open")


class Db(Protocol):
    """What a repository function takes: a pool (each statement commits itself) or an open transaction."""

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]: ...
    async def fetchrow(self, sql: str, *arguments: Any) -> asyncpg.Record | None: ...
    async def fetchval(self, sql: str, *arguments: Any) -> Any: ...
    async def execute(self, sql: str, *arguments: Any) -> str: ...


class Transaction(Protocol):
    """An open transaction. A function that must not commit on its own takes this and not `Db`."""

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]: ...
    async def fetchrow(self, sql: str, *arguments: Any) -> asyncpg.Record | None: ...
    async def fetchval(self, sql: str, *arguments: Any) -> Any: ...
    async def execute(self, sql: str, *arguments: Any) -> str: ...
    def is_in_transaction(self) -> bool: ...


class Database:
    """A pool of at most `size` connections to one service's database, opened when first needed."""

    def __init__(self, service: str, dsn: str, size: int = 8) -> None:
        self.service = service
        self.dsn = dsn
        self.size = size
        self.session = f"stoa_{service}/{os.urandom(8).hex()}"
        """What PostgreSQL calls this pool: while a connection of it is listed, its process is alive."""
        self._idle: list[asyncpg.Connection] = []
        self._slots = asyncio.Semaphore(size)
        self._closed = False

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        async with self.connection() as connection:
            return await connection.fetch(sql, *arguments)

    async def fetchrow(self, sql: str, *arguments: Any) -> asyncpg.Record | None:
        async with self.connection() as connection:
            return await connection.fetchrow(sql, *arguments)

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        async with self.connection() as connection:
            return await connection.fetchval(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> str:
        async with self.connection() as connection:
            return await connection.execute(sql, *arguments)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One transaction: committed when the block ends, rolled back when it raises. Never nested."""
        if _open_transaction.get() is not None:
            raise CallInsideTransaction(f"a second transaction of {self.service}")
        async with self.connection() as connection:
            token = _open_transaction.set(self.service)
            try:
                async with connection.transaction():
                    yield connection
                    hook = _before_commit.get()
                    if hook is not None and hook[0] is self:
                        await hook[1](connection)
            finally:
                _open_transaction.reset(token)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection of one's own for the block, for what needs a session (an advisory lock, LISTEN)."""
        async with self._slots:
            connection = await self._take()
            try:
                yield connection
            except (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError) as error:
                if connection.is_closed():
                    raise DatabaseUnavailable(f"The database of {self.service} does not answer.") from error
                raise
            finally:
                self._give_back(connection)

    async def _take(self) -> asyncpg.Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        try:
            connection = await asyncpg.connect(self.dsn, timeout=10, server_settings={"application_name": self.session})
        except (OSError, asyncpg.PostgresError, TimeoutError) as error:
            raise DatabaseUnavailable(f"The database of {self.service} does not answer.") from error
        await _teach_types(connection)
        return connection

    def _give_back(self, connection: asyncpg.Connection) -> None:
        if connection.is_closed():
            return
        if self._closed or connection.is_in_transaction():
            # Cancelled half way: the session's state is unknown, so it is not lent again.
            connection.terminate()
        else:
            self._idle.append(connection)

    async def close(self, within_seconds: float = 5.0) -> None:
        """Close every connection, waiting for those in use."""
        self._closed = True
        give_up = time.monotonic() + within_seconds
        for _ in range(self.size):
            try:
                await asyncio.wait_for(self._slots.acquire(), max(0.0, give_up - time.monotonic()))
            except TimeoutError:
                break
        for connection in self._idle:
            connection.terminate()
        self._idle.clear()


class DatabaseUnavailable(problems.Unavailable):
    slug = "database-unavailable"


async def _teach_types(connection: asyncpg.Connection) -> None:
    """Ids are strings and documents are plain values on our side."""
    await connection.set_type_codec("uuid", encoder=str, decoder=str, schema="pg_catalog", format="text")
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, encoder=_encode_json, decoder=msgspec.json.decode, schema="pg_catalog", format="text"
        )


def _encode_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def affected(status: str) -> int:
    """The row count of a command tag such as `UPDATE 3`."""
    return int(status.rsplit(" ", 1)[-1])


__all__ = ["CallInsideTransaction", "Database", "DatabaseUnavailable", "Db", "Sequence", "Transaction", "affected"]
