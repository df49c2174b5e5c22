"""PostgreSQL: one pool per service, transactions, and the guard that no call leaves while one is open.

The pool is asyncpg's, told to send nothing when a connection comes back: nothing here changes session
state, so there is nothing to reset. A connection that broke, or was cut off between two states, is
discarded; one that nobody needs is closed after a while.

    async with db.transaction() as tx:          committed when the block ends, rolled back when it raises
        await tx.execute(...)
        after_commit(callback)                  runs once the COMMIT has succeeded, and only then

    with before_commit(db, mark):               every transaction that this task opens on `db` ends with
        ...                                     `await mark(tx)`: it commits with the rest

Ids come and go as strings, json and jsonb as plain values, timestamptz as aware datetimes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from stoa.kit import problems
from stoa.kit.back_off import back_off
from stoa.kit.known_types import Connection

T = TypeVar("T")

CONNECT_SECONDS = 5
IDLE_SECONDS = 30.0
"""A connection that nobody has needed for so long is closed: each costs the server some five megabytes."""
SLOT_SECONDS = 10
"""How long a statement waits for a connection before its caller is told to come back later."""
MOST_TRIES = 4
"""How often a transaction is begun that meets others. Each time PostgreSQL lets one of those that meet go on."""
RELEASE_SECONDS = 5
"""How long a statement that was cut off may take to end before its connection is thrown away."""

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

BY_INDEX: Mapping[str, str] = {
    f"enable_{way}": "off" for way in ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin")
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
_lock_wait: ContextVar[float | None] = ContextVar("stoa_lock_wait", default=None)


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


@contextmanager
def lock_wait(seconds: float) -> Iterator[None]:
    """Within the block, every transaction that this task opens waits so long for each lock and then is `Locked`."""
    token = _lock_wait.set(seconds)
    try:
        yield
    finally:
        _lock_wait.reset(token)


class Database:
    """A pool of at most `size` connections to one service's database, opened when first needed.

    `settings` are PostgreSQL's for each of its sessions, over `TIME_OUTS`.

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
        self._settings = {**TIME_OUTS, "application_name": self.session, **(settings or {})}
        self._pool: asyncpg.Pool | None = None
        self._lent_now = 0
        """How many connections are lent or waited for: while there are enough nobody needs a time limit."""
        self._closed = False
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
                await _boundary(connection, _begin())
                try:
                    yield connection
                    hook = _before_commit.get()
                    if hook is not None and hook[0] is self:
                        await hook[1](connection)
                except BaseException:
                    if not _is_gone(connection):
                        await _boundary(connection, "ROLLBACK")
                    raise
                await _boundary(connection, "COMMIT")
            finally:
                here.ended = True
                _open_transaction.reset(token)
        for callback in here.after_commit:
            callback()

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
        if self._closed:
            return
        self._closed = True
        if self._pool is not None:
            with contextlib.suppress(TimeoutError):
                # Cut off, it ends those that are still in use.
                await asyncio.wait_for(self._pool.close(), within_seconds)

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[PoolConnectionProxy]:
        pool = await self._open_pool()
        connection = await self._acquire(pool)
        patience = None
        try:
            yield connection
        except _LOSS as error:
            if (meaning := self._meaning(error, connection)) is None:
                raise
            raise meaning from error
        except asyncio.CancelledError:
            patience = RELEASE_SECONDS
            raise
        finally:
            self._lent_now -= 1
            with contextlib.suppress(*_LOSS):  # it is thrown away then
                await pool.release(connection, timeout=patience)

    async def _open_pool(self) -> asyncpg.Pool:
        if self._closed:
            raise DatabaseUnavailable(f"The database of {self.service} is closed.")
        if self._pool is None:
            # With no connection to open it does not wait, so nobody comes in between.
            self._pool = await asyncpg.create_pool(
                min_size=0,
                max_size=self.size,
                max_inactive_connection_lifetime=IDLE_SECONDS,
                connect=self._connect,
                reset=_nothing_to_reset,
                connection_class=Connection,
            )
        return self._pool

    async def _acquire(self, pool: asyncpg.Pool) -> PoolConnectionProxy:
        self._lent_now += 1
        try:
            if self._lent_now <= self.size:  # there is one, or one may be opened
                return await pool.acquire()
            async with asyncio.timeout(SLOT_SECONDS):
                return await pool.acquire()
        except BaseException as error:
            self._lent_now -= 1
            if isinstance(error, TimeoutError):
                raise DatabaseUnavailable(f"Every connection to the database of {self.service} is busy.") from None
            if isinstance(error, asyncpg.InterfaceError):  # it was closed meanwhile
                raise DatabaseUnavailable(f"The database of {self.service} is closed.") from error
            raise

    async def _connect(self, *_: object, **__: object) -> asyncpg.Connection:
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

    def _meaning(
        self, error: Exception, connection: asyncpg.Connection | PoolConnectionProxy
    ) -> problems.Unavailable | None:
        """What the error means to a caller; None where what it says is about the statement.

        It leaves without its details, which are values of rows: whoever logs or keeps it need not think of that.
        """
        if isinstance(error, asyncpg.PostgresError):
            error.detail = None
        gone = _is_gone(connection)
        if gone or isinstance(error, _ENDED):
            if not gone:
                connection.terminate()
            return DatabaseUnavailable(f"The database of {self.service} does not answer.", retry_after_seconds=1)
        return self._said(error)

    def _said(self, error: Exception) -> problems.Unavailable | None:
        """What the server means by it that is not about the statement."""
        if isinstance(error, asyncpg.DiskFullError):
            self._full = True
        for said, meaning, detail, seconds in _MEANINGS:
            if isinstance(error, said):
                return meaning(f"The database of {self.service} {detail}.", retry_after_seconds=seconds)
        return None


async def _nothing_to_reset(connection: asyncpg.Connection) -> None:
    """For the pool, which would send a RESET: no session state was changed."""


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


def _is_gone(connection: asyncpg.Connection | PoolConnectionProxy) -> bool:
    """The pool takes back what was lost at once, and then the connection in hand answers no question."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True


def _begin() -> str:
    seconds = _lock_wait.get()
    # In one message: it costs no round trip.
    return "BEGIN" if seconds is None else f"BEGIN; SET LOCAL lock_timeout = '{seconds * 1000:.0f}ms'"


async def _boundary(connection: PoolConnectionProxy, command: str) -> None:
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
    "lock_wait",
    "refuse_inside_transaction",
    "says_disk_full",
]
