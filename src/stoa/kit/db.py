"""PostgreSQL: one pool per service, what its errors mean to a caller, and its types as ours.

When a connection comes back nothing is sent: nothing here changes session state, so there is nothing to
reset. A connection that broke, or was cut off between two states, is discarded; one that nobody needs is
closed after a while (`stoa.kit.pool`).

What is asked in a transaction stands in `stoa.kit.transaction`. Its names are imported from here, where packages find
them too, and from nowhere else.

Ids come and go as strings, json and jsonb as plain values, timestamptz as aware datetimes.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import asyncpg
import msgspec

from stoa.kit import problems
from stoa.kit.back_off import back_off
from stoa.kit.connection import Connection
from stoa.kit.pool import Closed, Pool
from stoa.kit.transaction import (
    Ask,
    CallInsideTransaction,
    Db,
    OpenTransaction,
    Transaction,
    after_commit,
    before_commit,
    later,
    lock_wait,
    refuse_inside_transaction,
)

T = TypeVar("T")

CONNECT_SECONDS = 5
MOST_TRIES = 4
"""How often a transaction is begun that meets others. Each time PostgreSQL lets one of those that meet go on."""

LOCK_SECONDS = 1.5
"""How long a session waits for a lock. A row is held for milliseconds: who holds one for seconds hangs, and must not
make everybody hang. Longer than PostgreSQL takes to find a deadlock, which is another thing."""

TIME_OUTS: Mapping[str, str] = {
    "lock_timeout": f"{LOCK_SECONDS * 1000:.0f}ms",
    # Longer than any request waits. What reads whole tables, as the audit does, says so when it opens its pool.
    "statement_timeout": "20s",
    "idle_in_transaction_session_timeout": "20s",
}
"""PostgreSQL's settings for each session, so that nothing waits for ever."""

PLANNED_ONCE: Mapping[str, str] = {
    "plan_cache_mode": "force_generic_plan",
    # A plan that is kept outlives the day on which its table was a page long.
    "enable_seqscan": "off",
    # Before PostgreSQL 18 a scan that there is no way round counts as very dear, and would be compiled.
    "jit": "off",
}
"""Settings for statements that are asked again and again: the plan of the first time serves every time, whatever the
arguments. Left to choose, PostgreSQL plans those that take arrays anew each time, which is a third of its work.
"""

BY_INDEX: Mapping[str, str] = {
    "plan_cache_mode": "auto",
    **{f"enable_{way}": "off" for way in ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin")},
}
"""Settings for the statements of a queue. Its table is empty when PostgreSQL plans them, long when it
matters, and the plan is kept: left to choose, it reads the whole queue for each row. By index is always right.
"""


WRITE_SOMETHING = "CREATE TEMPORARY TABLE room ON COMMIT DROP AS SELECT FROM generate_series(1, 40000)"
"""A megabyte. What is written to a table that is there may fit into pages that are there too."""


class DatabaseUnavailable(problems.Unavailable):
    """No connection in time, or the one in use was lost: what was not yet committed is not done."""

    slug = "database-unavailable"


class Locked(problems.Unavailable):
    """Somebody else holds a row that this needs, for longer than a session waits. Nothing was done."""

    title = "Somebody else is at it"
    slug = "locked"


class WritesMet(problems.Unavailable):
    """PostgreSQL ended one of two transactions that could not both go on: this one. Nothing was done."""

    title = "Two writes met"
    slug = "writes-met"


class TooSlow(problems.Unavailable):
    """A statement took longer than a session may. Nothing was done."""

    title = "The database takes too long"
    slug = "database-too-slow"


class DiskFull(problems.Unavailable):
    """The database has no room for what this would write. Nothing was done."""

    title = "The disk is full"
    slug = "disk-full"


class Database:
    """A pool of at most `size` connections to one service's database, opened when first needed.

    `settings` are PostgreSQL's for each of its sessions, over `TIME_OUTS` and `PLANNED_ONCE`.

    Every method raises `DatabaseUnavailable` when there is no connection in time or it is lost on the
    way. Then a statement that was running may or may not have committed. And `Locked`, `WritesMet`, `TooSlow`
    or `DiskFull`: then it has not.
    """

    def __init__(self, service: str, dsn: str, size: int, settings: Mapping[str, str] | None = None) -> None:
        self.service = service
        self.dsn = dsn
        self.size = size
        self.session = f"stoa_{service}/{os.urandom(8).hex()}"
        """What PostgreSQL calls this pool: while a connection of it is listed, its process is alive."""
        self._settings = {**TIME_OUTS, **PLANNED_ONCE, "application_name": self.session, **(settings or {})}
        self._pool = Pool(self._connect, size)
        self._full = False
        """Whether the disk was full when something was last written."""

    async def check(self) -> None:
        """Whether the database answers and, once its disk was full, takes writes again. Raises what its methods do."""
        if not self._full:
            await self.execute("SELECT 1")
            return
        async with self.transaction() as tx:
            await tx.execute(WRITE_SOMETHING)
        self._full = False

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        return await self._alone(Connection.fetch, sql, arguments)

    async def fetchrow(self, sql: str, *arguments: Any) -> asyncpg.Record | None:
        return await self._alone(Connection.fetchrow, sql, arguments)

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        return await self._alone(Connection.fetchval, sql, arguments)

    async def execute(self, sql: str, *arguments: Any) -> str:
        return await self._alone(Connection.execute, sql, arguments)

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """One transaction: committed when the block ends, rolled back when it raises. Never nested."""
        return OpenTransaction(self, self._lend, self._take_back)

    async def transact(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """What `work` answers, in a transaction of its own; run again where PostgreSQL ended it for another's sake.

        For acts that may meet in an order of locks that cannot be foreseen. Nothing has left when one is
        run again: nothing may leave a transaction. Raises `WritesMet` when it has met others `MOST_TRIES` times.
        """
        for met in range(1, MOST_TRIES):
            try:
                async with self.transaction() as tx:
                    return await work(tx)
            except WritesMet:
                await asyncio.sleep(back_off(met, most_seconds=1))
        async with self.transaction() as tx:
            return await work(tx)

    @asynccontextmanager
    async def dedicated(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection beside the pool for what needs a session (advisory locks, LISTEN), closed after the block."""
        connection = await self._connect()
        try:
            yield connection
        except _LOSS as error:
            if (meaning := self._meaning(error, connection)) is None:
                raise
            raise meaning from error
        finally:
            connection.terminate()

    async def close(self, within_seconds: float = 5.0) -> None:
        """Close every connection, waiting for those in use."""
        await self._pool.close(within_seconds)

    async def _alone(self, ask: Ask[T], sql: str, arguments: tuple[Any, ...]) -> T:
        """A statement that commits itself."""
        connection = await self._lend()
        error: BaseException | None = None
        try:
            return await ask(connection, sql, *arguments)
        except asyncio.CancelledError:
            await self._pool.settle(connection)
            raise
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._take_back(connection, error)

    async def _lend(self) -> Connection:
        try:
            return await self._pool.take()
        except TimeoutError:
            raise DatabaseUnavailable(f"Every connection to the database of {self.service} is busy.") from None
        except Closed:
            raise DatabaseUnavailable(f"The database of {self.service} is closed.") from None

    def _take_back(self, connection: Connection, error: BaseException | None) -> None:
        """After its use, raising what the `error` that ended that means to a caller, where it means another thing."""
        meaning = self._meaning(error, connection) if isinstance(error, _LOSS) else None
        self._pool.give_back(connection)
        if meaning is not None:
            raise meaning from error

    async def _connect(self) -> Connection:
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
            meaning = self._said(error)
            raise meaning or DatabaseUnavailable(f"The database of {self.service} does not answer.") from error
        return connection

    def _meaning(self, error: BaseException, connection: asyncpg.Connection) -> problems.Unavailable | None:
        """What the error means to a caller; None where what it says is about the statement.

        It leaves without its details, which are values of rows: whoever logs or keeps it need not think of that.
        """
        if isinstance(error, asyncpg.PostgresError):
            error.detail = None
        if isinstance(error, asyncpg.InvalidCachedStatementError):
            # A table is not what it was: the others have prepared for the old one too.
            self._pool.end_free()
        if connection.is_closed() or isinstance(error, _ENDED):
            connection.terminate()
            return DatabaseUnavailable(f"The database of {self.service} does not answer.", retry_after_seconds=1)
        return self._said(error)

    def _said(self, error: BaseException) -> problems.Unavailable | None:
        """What the server means by it that is not about the statement."""
        if isinstance(error, asyncpg.DiskFullError):
            self._full = True
        for said, meaning, detail, seconds in _MEANINGS:
            if isinstance(error, said):
                return meaning(f"The database of {self.service} {detail}.", retry_after_seconds=seconds)
        return None


_ENDED = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    # The server's goodbye came while nobody was asking anything, its FIN has not come yet.
    asyncpg.InternalClientError,
)
_MEANINGS: tuple[tuple[type[asyncpg.PostgresError], type[problems.Unavailable], str, int], ...] = (
    (asyncpg.LockNotAvailableError, Locked, "keeps what this needs for somebody else", 1),
    (asyncpg.TransactionRollbackError, WritesMet, "let another write go first", 1),
    (asyncpg.QueryCanceledError, TooSlow, "takes too long", 5),
    (asyncpg.DiskFullError, DiskFull, "has no room left", 30),
    (asyncpg.InsufficientResourcesError, DatabaseUnavailable, "has too much to do", 5),
)
"""What PostgreSQL says that is not about the statement, what it means to a caller, and after how many seconds to ask
again. The first that fits: a full disk is one of the insufficient resources."""
_LOSS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What a lost connection may show itself as. Most PostgreSQL errors are none: they leave it open."""


def says_disk_full(error: BaseException | None) -> bool:
    """Whether the server means by this error, or meant as it hung up, that its disk is full."""
    return isinstance(error, asyncpg.DiskFullError) or (
        isinstance(error, asyncpg.ConnectionDoesNotExistError) and isinstance(error.__cause__, asyncpg.DiskFullError)
    )


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
    "LOCK_SECONDS",
    "CallInsideTransaction",
    "Database",
    "DatabaseUnavailable",
    "Db",
    "DiskFull",
    "Locked",
    "TooSlow",
    "Transaction",
    "WritesMet",
    "affected",
    "after_commit",
    "before_commit",
    "later",
    "lock_wait",
    "refuse_inside_transaction",
    "says_disk_full",
]
