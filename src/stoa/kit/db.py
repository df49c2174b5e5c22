"""PostgreSQL: one pool per service, transactions, and the guard that no call leaves while one is open.

The pool is our own because asyncpg's sends a RESET on every release, which costs two fifths of the
read rate (docs/adr). Nothing here changes session state, so there is nothing to reset; a connection
that broke, or was cut off between two states, is discarded.

    async with db.transaction() as tx:          committed when the block ends, rolled back when it raises
        await tx.execute(...)
        after_commit(callback)                  runs once the COMMIT has succeeded, and only then

    with before_commit(db, mark):               every transaction that this task opens on `db` ends with
        ...                                     `await mark(tx)`: it commits with the rest

Ids come and go as strings, json and jsonb as plain values, timestamptz as aware datetimes.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

import asyncpg
import msgspec

from stoa.kit import problems
from stoa.kit.known_types import Connection

CONNECT_SECONDS = 10
IDLE_SECONDS = 30.0
"""A connection that nobody has needed for so long is closed: each costs the server some five megabytes."""
SLOT_SECONDS = 10
"""How long a statement waits for a connection before its caller is told to come back later."""

BY_INDEX: Mapping[str, str] = {
    f"enable_{way}": "off" for way in ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin")
}
"""Settings for the statements of a queue. Its table is empty when PostgreSQL plans them, long when it
matters, and the plan is kept: left to choose, it reads the whole queue for each row. By index is always right.
"""


class DatabaseUnavailable(problems.Unavailable):
    """No connection in time, or the one in use was lost: what was not yet committed is not done."""

    slug = "database-unavailable"


class CallInsideTransaction(Exception):
    """A call left a service while its transaction was open: a lock would be held across the network."""


class Db(Protocol):
    """What a repository function takes: a pool (each statement commits itself) or an open transaction."""

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]: ...
    async def fetchrow(self, sql: str, *arguments: Any) -> asyncpg.Record | None: ...
    async def fetchval(self, sql: str, *arguments: Any) -> Any: ...
    async def execute(self, sql: str, *arguments: Any) -> str: ...


class Transaction(Db, Protocol):
    """An open transaction. A function that must not commit on its own takes this and not `Db`."""

    def is_in_transaction(self) -> bool: ...


@dataclass(slots=True)
class OpenTransaction:
    """A transaction under way. A task started inside it sees it too, and sees when it has ended."""

    service: str
    ended: bool = False
    after_commit: list[Callable[[], None]] = field(default_factory=list)


_open_transaction: ContextVar[OpenTransaction | None] = ContextVar("stoa_open_transaction", default=None)
_before_commit: ContextVar[tuple[Database, Callable[[Transaction], Awaitable[None]]] | None] = ContextVar(
    "stoa_before_commit", default=None
)


def _open_here() -> OpenTransaction | None:
    here = _open_transaction.get()
    return None if here is None or here.ended else here


def refuse_inside_transaction(what: str) -> None:
    """Raise where a transaction is open in this task; `what` names the call for the message."""
    here = _open_here()
    if here is not None:
        raise CallInsideTransaction(f"{what} while a transaction of {here.service} is open")


def after_commit(callback: Callable[[], None]) -> None:
    """Have `callback` run when the transaction that is open in this task has committed; it must not raise."""
    here = _open_here()
    if here is None:
        raise RuntimeError("no transaction is open in this task")
    here.after_commit.append(callback)


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


class Database:
    """A pool of at most `size` connections to one service's database, opened when first needed.

    `settings` are PostgreSQL's, for each of its sessions.

    Every method raises `DatabaseUnavailable` when there is no connection in time or it is lost on the
    way. Then a statement that was running may or may not have committed.
    """

    def __init__(self, service: str, dsn: str, size: int = 8, settings: Mapping[str, str] | None = None) -> None:
        self.service = service
        self.dsn = dsn
        self.size = size
        self.session = f"stoa_{service}/{os.urandom(8).hex()}"
        """What PostgreSQL calls this pool: while a connection of it is listed, its process is alive."""
        self._settings = {"application_name": self.session, **(settings or {})}
        self._idle: list[tuple[asyncpg.Connection, float]] = []
        self._slots = asyncio.Semaphore(size)
        self._closed = False

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        async with self._lent() as connection:
            return await connection.fetch(sql, *arguments)

    async def fetchrow(self, sql: str, *arguments: Any) -> asyncpg.Record | None:
        async with self._lent() as connection:
            return await connection.fetchrow(sql, *arguments)

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        async with self._lent() as connection:
            return await connection.fetchval(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> str:
        async with self._lent() as connection:
            return await connection.execute(sql, *arguments)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One transaction: committed when the block ends, rolled back when it raises. Never nested."""
        refuse_inside_transaction(f"a second transaction of {self.service}")
        async with self._lent() as connection:
            here = OpenTransaction(self.service)
            token = _open_transaction.set(here)
            try:
                await _boundary(connection, "BEGIN")
                try:
                    yield connection
                    hook = _before_commit.get()
                    if hook is not None and hook[0] is self:
                        await hook[1](connection)
                except BaseException:
                    if not connection.is_closed():
                        await _boundary(connection, "ROLLBACK")
                    raise
                await _boundary(connection, "COMMIT")
            finally:
                here.ended = True
                _open_transaction.reset(token)
        for callback in here.after_commit:
            callback()

    @asynccontextmanager
    async def dedicated(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection beside the pool for what needs a session (advisory locks, LISTEN), closed after the block."""
        connection = await self._connect()
        try:
            yield connection
        except _LOSS as error:
            self._explain(error, connection)
            raise
        finally:
            connection.terminate()

    async def close(self, within_seconds: float = 5.0) -> None:
        """Close every connection, waiting for those in use."""
        if self._closed:
            return
        self._closed = True
        give_up = time.monotonic() + within_seconds
        for _ in range(self.size):
            try:
                await asyncio.wait_for(self._slots.acquire(), max(0.0, give_up - time.monotonic()))
            except TimeoutError:
                break
        for connection, _ in self._idle:
            connection.terminate()
        self._idle.clear()

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[asyncpg.Connection]:
        await self._slot()
        try:
            connection = await self._take()
            try:
                yield connection
            except _LOSS as error:
                self._explain(error, connection)
                raise
            finally:
                self._give_back(connection)
        finally:
            self._slots.release()

    async def _slot(self) -> None:
        if self._closed:
            raise DatabaseUnavailable(f"The database of {self.service} is closed.")
        if not self._slots.locked():
            await self._slots.acquire()
            return
        try:
            async with asyncio.timeout(SLOT_SECONDS):
                await self._slots.acquire()
        except TimeoutError:
            raise DatabaseUnavailable(f"Every connection to the database of {self.service} is busy.") from None

    async def _take(self) -> asyncpg.Connection:
        while self._idle:
            connection, _ = self._idle.pop()
            if not connection.is_closed():
                return connection
        return await self._connect()

    async def _connect(self) -> asyncpg.Connection:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                connection = await asyncpg.connect(
                    self.dsn, server_settings=self._settings, connection_class=Connection
                )
                try:
                    await _teach_types(connection)
                except BaseException:
                    connection.terminate()
                    raise
        except _LOSS as error:
            raise DatabaseUnavailable(f"The database of {self.service} does not answer.") from error
        return connection

    def _give_back(self, connection: asyncpg.Connection) -> None:
        if connection.is_closed():
            return
        if self._closed or connection.is_in_transaction():
            connection.terminate()
            return
        now = time.monotonic()
        self._idle.append((connection, now))
        # The last one given back is the next one lent, so what a rush left behind grows old at the front.
        if now - self._idle[0][1] > IDLE_SECONDS:
            self._idle.pop(0)[0].terminate()

    def _explain(self, error: Exception, connection: asyncpg.Connection) -> None:
        """Raise `DatabaseUnavailable` if what the error says is that the connection is gone."""
        if isinstance(error, _ENDED) or connection.is_closed():
            connection.terminate()
            raise DatabaseUnavailable(f"The database of {self.service} does not answer.") from error


_ENDED = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    # The server's goodbye came while nobody was asking anything, its FIN has not come yet.
    asyncpg.InternalClientError,
)
_LOSS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What a lost connection may show itself as. Most PostgreSQL errors are none: they leave it open."""


async def _boundary(connection: asyncpg.Connection, command: str) -> None:
    """BEGIN, COMMIT or ROLLBACK. Cut off half way it leaves a session in an unknown state: never lent again."""
    try:
        await connection.execute(command)
    except asyncio.CancelledError:
        connection.terminate()
        raise


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


__all__ = [
    "BY_INDEX",
    "CallInsideTransaction",
    "Database",
    "DatabaseUnavailable",
    "Db",
    "Transaction",
    "affected",
    "after_commit",
    "before_commit",
    "refuse_inside_transaction",
]
