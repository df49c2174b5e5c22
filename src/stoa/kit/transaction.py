"""A transaction while it is open: what is asked in it, what goes out together, and what it keeps from leaving.

    async with db.transaction() as tx:          committed when the block ends, rolled back when it raises
        await tx.execute(...)
        await later(tx, ...)                    asked together with what is asked next
        after_commit(callback)                  runs once the COMMIT has succeeded, and only then

    with before_commit(db, mark):               every transaction that this task opens on `db` ends with
        ...                                     `await mark(tx)`: it commits with the rest

BEGIN goes out with a transaction's first statement: it costs no round trip, and a block without statements none at all.
What nobody reads the answer of goes out with what comes next, COMMIT at the latest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import asyncpg

from stoa.kit.connection import Connection, bare

if TYPE_CHECKING:
    from stoa.kit.db import Database

T = TypeVar("T")
Ask = Callable[..., Coroutine[Any, Any, T]]


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


async def later(tx: Db, sql: str, *arguments: Any) -> None:
    """Have a statement asked together with the next one of a transaction, or with COMMIT: at no round trip of its own.

    Its answer is not read, so it may give no rows; what goes wrong with it is raised by what it is asked with. Its
    arguments are words, numbers, times and lists of those.
    """
    if isinstance(tx, OpenTransaction):
        await tx.later(sql, arguments)
    else:
        await tx.execute(sql, *arguments)


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


class OpenTransaction:
    """The block of `Database.transaction`, and what its statements are asked of. A task started inside it sees it too,
    and sees when it has ended."""

    __slots__ = (
        "_connection",
        "_database",
        "_later",
        "_lend",
        "_opening",
        "_take_back",
        "_token",
        "after_commit",
        "ended",
    )

    def __init__(
        self,
        database: Database,
        lend: Callable[[], Awaitable[Connection]],
        take_back: Callable[[Connection, BaseException | None], None],
    ) -> None:
        self._database = database
        self._lend = lend
        self._take_back = take_back
        self._later: list[bytes] = []
        """What goes out with the next statement."""
        self.ended = False
        self.after_commit: list[Callable[[], None]] = []

    @property
    def service(self) -> str:
        return self._database.service

    def fetch(self, sql: str, *arguments: Any) -> Coroutine[Any, Any, list[asyncpg.Record]]:
        return self._ask(Connection.fetch, sql, arguments)

    def fetchrow(self, sql: str, *arguments: Any) -> Coroutine[Any, Any, asyncpg.Record | None]:
        return self._ask(Connection.fetchrow, sql, arguments)

    def fetchval(self, sql: str, *arguments: Any) -> Coroutine[Any, Any, Any]:
        return self._ask(Connection.fetchval, sql, arguments)

    def execute(self, sql: str, *arguments: Any) -> Coroutine[Any, Any, str]:
        return self._ask(Connection.execute, sql, arguments) if arguments else self._execute_simply(sql)

    def is_in_transaction(self) -> bool:
        return not self.ended

    async def __aenter__(self) -> Transaction:
        refuse_inside_transaction(f"a second transaction of {self.service}")
        self._connection = await self._lend()
        self._opening = _opening()
        self._token = _open_transaction.set(self)
        return self

    async def __aexit__(self, _: object, raised: BaseException | None, __: object) -> None:
        error = raised
        try:
            if raised is None:
                await self._commit()
            else:
                await self._roll_back()
        except BaseException as instead:
            error = instead
        finally:
            self.ended = True
            _open_transaction.reset(self._token)
        self._take_back(self._connection, error)
        if error is None:
            for callback in self.after_commit:
                callback()
        elif error is not raised:
            raise error

    async def later(self, sql: str, arguments: tuple[Any, ...]) -> None:
        self._refuse_ended()
        self._later.append(await self._connection.unread(sql, *arguments))

    def _ask(self, ask: Ask[T], sql: str, arguments: tuple[Any, ...]) -> Coroutine[Any, Any, T]:
        self._refuse_ended()
        together = self._opening or self._later
        return self._ask_together(ask, sql, arguments) if together else ask(self._connection, sql, *arguments)

    async def _ask_together(self, ask: Ask[T], sql: str, arguments: tuple[Any, ...]) -> T:
        """A statement, in one message with what opens the transaction and what has waited for it."""
        connection = self._connection
        before = [*map(bare, self._opening), *self._later]
        self._opening, self._later = (), []
        connection.before_next(before)
        try:
            return await ask(connection, sql, *arguments)
        except Exception as error:
            if getattr(error, "severity", None) is None and not connection.is_closed():
                # It is not the server's: an argument of another type, so the statement never left. Have what went
                # before it answered.
                await connection.fetch("SELECT 1")
            raise

    async def _execute_simply(self, sql: str) -> str:
        """Commands without arguments, of which there may be several, in PostgreSQL's simple protocol. It does not go in
        one message with the other, behind whose failure it would wait for ever: so what has waited goes before.
        """
        self._refuse_ended()
        if self._later:
            await self._ask_together(Connection.fetch, "SELECT 1", ())
        opening, self._opening = self._opening, ()
        return await self._connection.execute("; ".join((*opening, sql)))

    async def _commit(self) -> None:
        hook = _before_commit.get()
        try:
            if hook is not None and hook[0] is self._database:
                await hook[1](self)
            said = await self._end("COMMIT")
        except BaseException:
            await self._roll_back()
            raise
        if said == "ROLLBACK":
            # So PostgreSQL answers where a statement had failed before, and the block went on after that.
            raise asyncpg.InFailedSQLTransactionError("a statement had failed: the transaction is rolled back")

    async def _roll_back(self) -> None:
        self._later = []
        if not self._connection.is_closed():
            await self._end("ROLLBACK")

    async def _end(self, command: str) -> str:
        """What PostgreSQL says it did."""
        if self._later:
            await self._ask_together(Connection.fetch, command, ())
            return command
        if self._opening:
            return command  # nothing was asked, so there is no transaction
        try:
            return await self._connection.execute(command)
        except asyncio.CancelledError:
            # Cut off half way it leaves a session in an unknown state: never lent again.
            self._connection.terminate()
            raise

    def _refuse_ended(self) -> None:
        if self.ended:
            raise asyncpg.InterfaceError("the transaction has ended")


def _opening() -> tuple[str, ...]:
    seconds = _lock_wait.get()
    return ("BEGIN",) if seconds is None else ("BEGIN", f"SET LOCAL lock_timeout = '{seconds * 1000:.0f}ms'")
