"""A service's schema: numbered plain SQL files, each applied once, in order (`stoa.kit.migration` says how one reads).

The files of the kit come first (`migrations/` beside this module), then the service's. Several processes
may start at once: an advisory lock lets one work and the others find it done. A file that was applied is
never edited, its hash is kept; what changes is a new file.

What each file is compatible with is kept beside its hash: so code of yesterday, which does not have the file,
knows whether it runs on this database, and a rollout can be rolled back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from stoa.kit.migration import BadMark, Migration, read
from stoa.kit.problems import first_line

KIT_FOLDER = Path(__file__).parent / "migrations"

CONNECT_SECONDS = 10
TURN_SECONDS = 120
"""How long to wait while another process migrates the same database."""
LOCK_SECONDS = 5
"""How long a migration waits for a table: whoever queues behind it waits as long."""
CONCURRENTLY_SECONDS = 600
"""How long one outside a transaction waits for transactions that began before it: nobody queues behind it."""

_TURN = "SELECT pg_try_advisory_lock(5704193)"
_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name            text PRIMARY KEY,
    sha256          text NOT NULL,
    applied_at      timestamptz NOT NULL DEFAULT now(),
    compatible_with text
)
"""
_EXISTS = "SELECT to_regclass('schema_migrations') IS NOT NULL"
# By way of JSON, because a table from before there were marks has no such column.
_APPLIED = """
SELECT name, sha256, to_jsonb(applied) ->> 'compatible_with' AS compatible_with FROM schema_migrations AS applied
"""
_HAS_MARKS = """
SELECT EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = to_regclass('schema_migrations') AND attname = 'compatible_with'
)
"""
_ADD_MARKS = "ALTER TABLE schema_migrations ADD COLUMN compatible_with text"
_RECORD = "INSERT INTO schema_migrations (name, sha256, compatible_with) VALUES ($1, $2, $3)"
_HALF_MADE = "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid)"


class MigrationError(Exception):
    """The schema cannot be brought up to date; the message is one line and says what to do."""


class NoAnswer(MigrationError):
    """The database lets nobody in, or not us; the cause is what it said."""


class NewerSchema(MigrationError):
    """The database has a migration that this code lacks, and that is not compatible with it: upgrade."""


class ChangedMigration(MigrationError):
    """A file that was applied has been edited since."""


def service_folders(package: Path) -> list[Path]:
    """The folders of a service, given the folder of its package: the kit's, then its own if it has one."""
    own = package / "migrations"
    return [KIT_FOLDER, own] if own.is_dir() else [KIT_FOLDER]


async def migrate(dsn: str, service: str, folders: Sequence[Path]) -> list[str]:
    """Apply what is missing; the names of what was applied (`inventory/0002_backorders.sql`), none on a repeat.

    Raises `MigrationError`; the migrations before the failed one stay applied.
    """
    known = _read(service, folders)
    connection = await _connect(dsn, service)
    try:
        await _take_turn(connection, service)
        await connection.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
        await connection.execute(_TABLE)
        if not await connection.fetchval(_HAS_MARKS):
            await connection.execute(_ADD_MARKS)
        missing = await _missing(connection, service, known)
        for migration in missing:
            await _apply(connection, service, migration)
        return [migration.name for migration in missing]
    except asyncpg.PostgresError as error:
        raise MigrationError(
            f"{service}: the database does not let itself be migrated ({first_line(error)}): mend that, and try again"
        ) from error
    finally:
        await connection.close(timeout=CONNECT_SECONDS)


async def pending(dsn: str, service: str, folders: Sequence[Path]) -> list[str]:
    """The names of what `migrate` would apply. Raises `MigrationError` where it would; changes nothing."""
    known = _read(service, folders)
    connection = await _connect(dsn, service)
    try:
        if not await connection.fetchval(_EXISTS):
            return [migration.name for migration in known]
        return [migration.name for migration in await _missing(connection, service, known)]
    finally:
        await connection.close(timeout=CONNECT_SECONDS)


def _read(service: str, folders: Sequence[Path]) -> list[Migration]:
    try:
        return read(folders)
    except BadMark as bad:
        raise MigrationError(f"{service}: {bad}: write it as the files beside it") from None


async def _connect(dsn: str, service: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(dsn, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise NoAnswer(f"{service}: the database does not answer ({first_line(error)}): see that it runs") from error


async def _take_turn(connection: asyncpg.Connection, service: str) -> None:
    """Asks again and again rather than waiting inside a statement: an index that is made concurrently waits for every
    statement that began before it, and so would wait for whoever waits for its own turn."""
    give_up = time.monotonic() + TURN_SECONDS
    while not await connection.fetchval(_TURN):
        if time.monotonic() > give_up:
            raise MigrationError(f"{service}: another process has been migrating it for {TURN_SECONDS} s: try again")
        await asyncio.sleep(0.05)


async def _missing(connection: asyncpg.Connection, service: str, known: Sequence[Migration]) -> list[Migration]:
    applied = {row["name"]: row for row in await connection.fetch(_APPLIED)}
    names = {migration.name for migration in known}
    for name in sorted(applied.keys() - names, reverse=True):
        if applied[name]["compatible_with"] not in names:
            raise NewerSchema(f"{service}: the database has {name}, which this version lacks: upgrade Stoa")
    for migration in known:
        if migration.name in applied and applied[migration.name]["sha256"] != migration.sha256:
            raise ChangedMigration(f"{service}: {migration.name} was edited after it was applied: write a new file")
    return [migration for migration in known if migration.name not in applied]


async def _apply(connection: asyncpg.Connection, service: str, migration: Migration) -> None:
    record = (_RECORD, migration.name, migration.sha256, migration.compatible_with)
    try:
        if migration.index is None:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(*record)
        else:
            await _apply_concurrently(connection, migration, migration.index)
            await connection.execute(*record)
    except asyncpg.LockNotAvailableError as error:
        raise MigrationError(
            f"{service}: {migration.name} did not get its lock in time: try again when it is calmer"
        ) from error
    except asyncpg.PostgresError as error:
        raise MigrationError(
            f"{service}: {migration.name} failed ({first_line(error)}): mend that, and try again"
        ) from error


async def _apply_concurrently(connection: asyncpg.Connection, migration: Migration, index: str) -> None:
    """An attempt that was cut short leaves an index that no query uses and every write pays for: it goes first."""
    await connection.execute(f"SET lock_timeout = '{CONCURRENTLY_SECONDS}s'")
    if await connection.fetchval(_HALF_MADE, index):
        await connection.execute(f"DROP INDEX CONCURRENTLY {index}")
    await connection.execute(migration.sql)
    await connection.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
