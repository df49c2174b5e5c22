"""A service's schema: numbered plain SQL files, each applied once, in order, in a transaction of its own.

The files of the kit come first (`migrations/` beside this module), then the service's. Several processes
may start at once: an advisory lock lets one work and the others find it done. A file that was applied is
never edited, its hash is kept; what changes is a new file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import asyncpg

KIT_FOLDER = Path(__file__).parent / "migrations"

CONNECT_SECONDS = 10
TURN_SECONDS = 120
"""How long to wait while another process migrates the same database."""
LOCK_SECONDS = 5
"""How long a migration waits for a table: whoever queues behind it waits as long."""

_TURN = 0x57_0A_01
_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text PRIMARY KEY,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
_EXISTS = "SELECT to_regclass('schema_migrations') IS NOT NULL"
_APPLIED = "SELECT name, sha256 FROM schema_migrations"
_RECORD = "INSERT INTO schema_migrations (name, sha256) VALUES ($1, $2)"


class MigrationError(Exception):
    """The schema cannot be brought up to date; the message is one line and says what to do."""


class NewerSchema(MigrationError):
    """The database has migrations that this code does not know: it was made by a newer version."""


class ChangedMigration(MigrationError):
    """A file that was applied has been edited since."""


class Migration(NamedTuple):
    name: str
    sha256: str
    sql: str


def service_folders(package: Path) -> list[Path]:
    """The folders of a service, given the folder of its package: the kit's, then its own if it has one."""
    own = package / "migrations"
    return [KIT_FOLDER, own] if own.is_dir() else [KIT_FOLDER]


async def migrate(dsn: str, service: str, folders: Sequence[Path]) -> list[str]:
    """Apply what is missing; the names of what was applied (`inventory/0002_backorders.sql`), none on a repeat.

    Raises `MigrationError`; the migrations before the failed one stay applied.
    """
    known = _read(folders)
    connection = await _connect(dsn, service)
    try:
        await connection.execute(f"SET lock_timeout = '{TURN_SECONDS}s'")
        await connection.execute(f"SELECT pg_advisory_lock({_TURN})")
        await connection.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
        await connection.execute(_TABLE)
        missing = await _missing(connection, service, known)
        for migration in missing:
            await _apply(connection, service, migration)
        return [migration.name for migration in missing]
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{service}: the database does not let itself be migrated: {_line(error)}") from error
    finally:
        await connection.close(timeout=CONNECT_SECONDS)


async def pending(dsn: str, service: str, folders: Sequence[Path]) -> list[str]:
    """The names of what `migrate` would apply. Raises `MigrationError` where it would; changes nothing."""
    known = _read(folders)
    connection = await _connect(dsn, service)
    try:
        if not await connection.fetchval(_EXISTS):
            return [migration.name for migration in known]
        return [migration.name for migration in await _missing(connection, service, known)]
    finally:
        await connection.close(timeout=CONNECT_SECONDS)


def _read(folders: Sequence[Path]) -> list[Migration]:
    result = []
    for folder in folders:
        for file in sorted(folder.glob("[0-9]*.sql")):
            sql = file.read_text(encoding="utf-8")
            sha256 = hashlib.sha256(sql.encode()).hexdigest()
            result.append(Migration(f"{folder.parent.name}/{file.name}", sha256, sql))
    return result


async def _connect(dsn: str, service: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(dsn, timeout=CONNECT_SECONDS)
    except (OSError, asyncpg.PostgresError) as error:
        raise MigrationError(f"{service}: the database does not answer: {_line(error)}") from error


async def _missing(connection: asyncpg.Connection, service: str, known: Sequence[Migration]) -> list[Migration]:
    applied: dict[str, str] = {row["name"]: row["sha256"] for row in await connection.fetch(_APPLIED)}
    unknown = sorted(applied.keys() - {migration.name for migration in known})
    if unknown:
        raise NewerSchema(f"{service}: the database has {unknown[-1]}, which this version lacks: upgrade Stoa")
    for migration in known:
        if applied.get(migration.name, migration.sha256) != migration.sha256:
            raise ChangedMigration(f"{service}: {migration.name} was edited after it was applied: write a new file")
    return [migration for migration in known if migration.name not in applied]


async def _apply(connection: asyncpg.Connection, service: str, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(_RECORD, migration.name, migration.sha256)
    except asyncpg.LockNotAvailableError as error:
        raise MigrationError(
            f"{service}: {migration.name} did not get its lock within {LOCK_SECONDS} s: try again when it is calmer"
        ) from error
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{service}: {migration.name} failed: {_line(error)}") from error


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
