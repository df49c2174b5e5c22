"""Migrations: once, in order, each whole or not at all, and never by an older version than the database."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import asyncpg
import pytest

from stoa.kit import migrate as kit_migrate
from stoa.kit.migrate import (
    KIT_FOLDER,
    ChangedMigration,
    MigrationError,
    NewerSchema,
    migrate,
    pending,
    service_folders,
)

KIT = [f"kit/{file.name}" for file in sorted(KIT_FOLDER.glob("*.sql"))]


@pytest.fixture
async def dsn(templates, postgres):
    """A database without any table, and with nobody in it."""
    admin = await asyncpg.connect(postgres.dsn())
    await admin.execute("CREATE DATABASE migrations_of_a_test")
    yield postgres.dsn("migrations_of_a_test")
    await admin.execute("DROP DATABASE migrations_of_a_test WITH (FORCE)")
    await admin.close()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The folder of a service `shelf` with two migrations."""
    package = tmp_path / "shelf"
    (package / "migrations").mkdir(parents=True)
    write(package, "0001_shelf.sql", "CREATE TABLE shelf (id int); INSERT INTO shelf VALUES (1)")
    write(package, "0002_more.sql", "ALTER TABLE shelf ADD COLUMN name text")
    return package


def write(package: Path, name: str, sql: str) -> None:
    (package / "migrations" / name).write_text(sql)


async def ask(dsn: str, sql: str):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_what_is_missing_is_applied_in_order_and_once(dsn, package) -> None:
    folders = service_folders(package)
    assert folders == [KIT_FOLDER, package / "migrations"]
    everything = [*KIT, "shelf/0001_shelf.sql", "shelf/0002_more.sql"]
    assert await pending(dsn, "shelf", folders) == everything
    assert await ask(dsn, "SELECT to_regclass('schema_migrations')") is None
    assert await migrate(dsn, "shelf", folders) == everything
    assert await pending(dsn, "shelf", folders) == []
    assert await migrate(dsn, "shelf", folders) == []
    write(package, "0003_index.sql", "CREATE INDEX shelf_by_name ON shelf (name)")
    assert await pending(dsn, "shelf", folders) == ["shelf/0003_index.sql"]
    assert await migrate(dsn, "shelf", folders) == ["shelf/0003_index.sql"]
    assert await ask(dsn, "SELECT count(*) FROM shelf") == 1
    assert await ask(dsn, "SELECT sha256 FROM schema_migrations WHERE name = 'shelf/0003_index.sql'") == (
        hashlib.sha256(b"CREATE INDEX shelf_by_name ON shelf (name)").hexdigest()
    )


async def test_a_service_without_migrations_has_the_kits(tmp_path) -> None:
    assert service_folders(tmp_path) == [KIT_FOLDER]


async def test_processes_that_start_together_apply_each_once(dsn, package) -> None:
    results = await asyncio.gather(*(migrate(dsn, "shelf", service_folders(package)) for _ in range(5)))
    assert sorted(len(names) for names in results) == [0, 0, 0, 0, 2 + len(KIT)]
    assert await ask(dsn, "SELECT count(*) FROM shelf") == 1


async def test_one_that_fails_leaves_nothing_of_itself_and_everything_before_it(dsn, package) -> None:
    write(package, "0002_more.sql", "CREATE TABLE half (id int); SELECT 1 / 0")
    with pytest.raises(MigrationError) as failed:
        await migrate(dsn, "shelf", service_folders(package))
    assert str(failed.value) == "shelf: shelf/0002_more.sql failed: division by zero"
    assert await ask(dsn, "SELECT to_regclass('half')") is None
    assert await pending(dsn, "shelf", service_folders(package)) == ["shelf/0002_more.sql"]


async def test_a_file_that_was_edited_after_it_was_applied_is_refused(dsn, package) -> None:
    await migrate(dsn, "shelf", service_folders(package))
    write(package, "0002_more.sql", "ALTER TABLE shelf ADD COLUMN title text")
    write(package, "0003_index.sql", "CREATE INDEX shelf_by_name ON shelf (name)")
    for attempt in (migrate, pending):
        with pytest.raises(ChangedMigration) as refused:
            await attempt(dsn, "shelf", service_folders(package))
        assert str(refused.value) == "shelf: shelf/0002_more.sql was edited after it was applied: write a new file"
    assert await ask(dsn, "SELECT to_regclass('shelf_by_name')") is None


async def test_a_database_of_a_newer_version_is_left_alone(dsn, package) -> None:
    write(package, "0003_later.sql", "CREATE TABLE later (id int)")
    await migrate(dsn, "shelf", service_folders(package))
    (package / "migrations" / "0003_later.sql").unlink()
    for attempt in (migrate, pending):
        with pytest.raises(NewerSchema) as refused:
            await attempt(dsn, "shelf", service_folders(package))
        assert str(refused.value) == (
            "shelf: the database has shelf/0003_later.sql, which this version lacks: upgrade Stoa"
        )


async def test_a_table_in_use_is_not_waited_for_without_end(dsn, package, monkeypatch) -> None:
    await migrate(dsn, "shelf", service_folders(package))
    write(package, "0003_drop.sql", "ALTER TABLE shelf DROP COLUMN name")
    monkeypatch.setattr(kit_migrate, "LOCK_SECONDS", 0.1)
    reader = await asyncpg.connect(dsn)
    async with reader.transaction():
        await reader.execute("SELECT * FROM shelf")
        with pytest.raises(MigrationError, match=r"shelf/0003_drop.sql did not get its lock within"):
            await migrate(dsn, "shelf", service_folders(package))
    assert await migrate(dsn, "shelf", service_folders(package)) == ["shelf/0003_drop.sql"]
    await reader.close()


async def test_no_database_is_said_in_one_line(package) -> None:
    with pytest.raises(MigrationError) as refused:
        await migrate("postgresql://stoa@127.0.0.1:1/stoa_shelf", "shelf", service_folders(package))
    assert str(refused.value).startswith("shelf: the database does not answer: ")
    assert "\n" not in str(refused.value)
