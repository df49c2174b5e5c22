"""One moment of several databases: what a power cut at that moment would have left in all of them.

A snapshot of PostgreSQL's is of one database. So that those of several are of one moment, the tables of all are locked
against writing (SHARE): that is had when no transaction that has written is open anywhere, and until it is let go
nobody commits. In between each database exports a snapshot. Reading goes on; who writes waits for some milliseconds.

Who writes to several tables may hold one that we wait for, and wait for one that we hold. So we wait shortly, let go of
everything, and try again: PostgreSQL ends nobody's transaction for it. Now and then we wait longer, because a vacuum
gives way only to those who have waited for its `deadlock_timeout`: then for one table after the other, holding none,
and not so long that a service would give up.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import asyncpg

from stoa.kit import clock
from stoa.kit.problems import first_line
from stoa.runtime.failure import Failure
from stoa.runtime.provision import connect

_WAITS = (0.02, 0.04, 0.08) * 5
_FOR_A_VACUUM = 1.2
_GIVE_UP_SECONDS = 60.0

# A command that is stopped (Ctrl-Z) while it holds the locks must not hold up the shop.
_LET_GO_SECONDS = 3

_TABLES = """
    SELECT coalesce(array_agg(format('%I.%I', nspname, relname) ORDER BY nspname, relname), '{}')
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND NOT relispartition
      AND nspname !~ '^pg_' AND nspname <> 'information_schema'
"""
# The snapshot is taken by the first statement of the transaction, not by its beginning.
_BEGIN = """
    SET idle_in_transaction_session_timeout = 0;
    SET statement_timeout = 0;
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY
"""
_EXPORT = "SELECT pg_export_snapshot()"

T = TypeVar("T")


@dataclass(frozen=True)
class Moment:
    """When it was, for how long writers were held up at most, and the snapshot in each database, by its key."""

    at: datetime
    held_seconds: float
    snapshots: Mapping[str, str]


@contextlib.asynccontextmanager
async def one_moment(dsns: Mapping[str, str]) -> AsyncIterator[Moment]:
    """Snapshots of one moment, for `pg_dump --snapshot`; they can be read for as long as the block lasts.

    `dsns` are of roles that own the tables. Raises `Failure` where no such moment could be had.
    """
    async with contextlib.AsyncExitStack() as closing:
        readers = await _connect_all(dsns, closing)
        try:
            async with contextlib.AsyncExitStack() as closing_first:
                moment = await _find(readers, await _connect_all(dsns, closing_first))
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            # One that hung up had its locks no more: what was seen then is of no moment.
            raise Failure(f"no moment of all databases was had: {first_line(error).rstrip('.')}", "try again") from None
        yield moment


async def _connect_all(dsns: Mapping[str, str], closing: contextlib.AsyncExitStack) -> dict[str, asyncpg.Connection]:
    connections = {}
    for key, dsn in dsns.items():
        connections[key] = await connect(dsn)
        closing.push_async_callback(connections[key].close)
    return connections


async def _find(readers: Mapping[str, asyncpg.Connection], lockers: Mapping[str, asyncpg.Connection]) -> Moment:
    tables = {key: await locker.fetchval(_TABLES) for key, locker in lockers.items()}
    give_up = time.monotonic() + _GIVE_UP_SECONDS
    for wait in itertools.cycle((*_WAITS, _FOR_A_VACUUM)):
        started = time.monotonic()
        if started > give_up:
            break
        if wait == _FOR_A_VACUUM:
            await _of_each({key: _have_had_each(locker, tables[key]) for key, locker in lockers.items()})
            continue
        try:
            await _of_each({key: _lock(locker, tables[key], wait) for key, locker in lockers.items()})
            snapshots = await _of_each({key: _export(reader) for key, reader in readers.items()})
            at = clock.now()
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            await _let_go(lockers)
        else:
            # That it can be told so also proves that each had its locks until now.
            await _let_go(lockers)
            return Moment(at, time.monotonic() - started, snapshots)
        await asyncio.sleep(wait)
    raise Failure(
        "there was no moment at which nobody was writing: a transaction is open for long",
        "see in pg_stat_activity whose it is, and try again when it has ended",
    )


async def _let_go(lockers: Mapping[str, asyncpg.Connection]) -> None:
    await _of_each({key: locker.execute("ROLLBACK") for key, locker in lockers.items()})


async def _lock(locker: asyncpg.Connection, tables: Sequence[str], wait: float) -> None:
    await locker.execute(
        f"BEGIN; SET LOCAL lock_timeout = '{wait * 1000:.0f}ms';"
        f"SET LOCAL idle_in_transaction_session_timeout = '{_LET_GO_SECONDS}s'"
    )
    if tables:
        await locker.execute(f"LOCK TABLE {', '.join(tables)} IN SHARE MODE")


async def _have_had_each(locker: asyncpg.Connection, tables: Sequence[str]) -> None:
    """Each table alone for an instant: who holds nothing is in nobody's way for longer than he waits."""
    for table in tables:
        with contextlib.suppress(asyncpg.LockNotAvailableError):
            await _lock(locker, [table], _FOR_A_VACUUM)
        await locker.execute("ROLLBACK")


async def _export(reader: asyncpg.Connection) -> str:
    await reader.execute(_BEGIN)
    snapshot: str = await reader.fetchval(_EXPORT)
    return snapshot


async def _of_each(asked: Mapping[str, Awaitable[T]]) -> dict[str, T]:
    """What each answers, when all have. Raises what the first has raised."""
    told = [asyncio.ensure_future(each) for each in asked.values()]
    await asyncio.wait(told)
    for failed in [each.exception() for each in told]:
        if failed is not None:
            raise failed
    return {key: each.result() for key, each in zip(asked, told, strict=True)}
