"""Migrations: once, in order, each whole or not at all, and never by an older version than the database."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from pathlib import Path

import asyncpg
import pytest

import stoa.services
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
    assert str(failed.value) == ("shelf: shelf/0002_more.sql failed (division by zero): mend that, and try again")
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
        with pytest.raises(MigrationError, match=r"shelf/0003_drop.sql did not get its lock in time"):
            await migrate(dsn, "shelf", service_folders(package))
    assert await migrate(dsn, "shelf", service_folders(package)) == ["shelf/0003_drop.sql"]
    await reader.close()


async def test_no_database_is_said_in_one_line(package) -> None:
    with pytest.raises(MigrationError) as refused:
        await migrate("postgresql://stoa@127.0.0.1:1/stoa_shelf", "shelf", service_folders(package))
    assert str(refused.value).startswith("shelf: the database does not answer (")
    assert "\n" not in str(refused.value)


INDEX = "CREATE INDEX CONCURRENTLY IF NOT EXISTS shelf_by_name ON shelf (name)"
STATE = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('shelf_by_name')"


@pytest.fixture
def release(tmp_path: Path):
    """`release("older", "inventory")`: the folders of a release, with the real files of that service to begin with."""

    def copied(name: str, service: str) -> list[Path]:
        real = service_folders(Path(str(stoa.services.__file__)).parent / service)
        folders = [tmp_path / name / folder.parent.name / "migrations" for folder in real]
        for source, copy in zip(real, folders, strict=True):
            shutil.copytree(source, copy)
        return folders

    return copied


async def test_a_rollout_is_rolled_back_over_what_older_code_runs_with(dsn, release) -> None:
    older, newer = release("older", "inventory"), release("newer", "inventory")
    last = max(file.name for file in older[1].glob("*.sql"))
    number = last.partition("_")[0]
    (newer[1] / "7001_wide.sql").write_text(
        f"--! compatible with {number}\n-- Why.\nALTER TABLE items ADD COLUMN wide int"
    )
    (newer[0] / "7002_kit.sql").write_text("--! compatible with 0001\nCREATE TABLE notes (id int)")
    await migrate(dsn, "inventory", older)
    assert await migrate(dsn, "inventory", newer) == ["kit/7002_kit.sql", "inventory/7001_wide.sql"]
    # Back to yesterday's code, which finds nothing to do, and forth again.
    for folders in (older, newer):
        assert await pending(dsn, "inventory", folders) == []
        assert await migrate(dsn, "inventory", folders) == []
    recorded = "SELECT compatible_with FROM schema_migrations WHERE name = 'inventory/7001_wide.sql'"
    assert await ask(dsn, recorded) == f"inventory/{last}"
    # What has no mark ends the way back.
    (newer[1] / "7003_narrow.sql").write_text("ALTER TABLE items DROP COLUMN wide")
    await migrate(dsn, "inventory", newer)
    with pytest.raises(NewerSchema) as refused:
        await pending(dsn, "inventory", older)
    assert str(refused.value) == (
        "inventory: the database has inventory/7003_narrow.sql, which this version lacks: upgrade Stoa"
    )


async def test_code_is_old_enough_to_be_refused(dsn, package) -> None:
    """Code that knows 0002 runs on 0003; code from before it does not, whatever 0002 itself says."""
    write(package, "0002_more.sql", "--! compatible with 0001\nALTER TABLE shelf ADD COLUMN name text")
    write(package, "0003_less.sql", "--! compatible with 0002\nALTER TABLE shelf DROP COLUMN id")
    await migrate(dsn, "shelf", service_folders(package))
    (package / "migrations" / "0003_less.sql").unlink()
    assert await pending(dsn, "shelf", service_folders(package)) == []
    (package / "migrations" / "0002_more.sql").unlink()
    with pytest.raises(NewerSchema, match=r"has shelf/0003_less\.sql, which this version lacks"):
        await pending(dsn, "shelf", service_folders(package))


async def test_a_database_from_before_there_were_marks_is_read_and_taken_along(dsn, package) -> None:
    await migrate(dsn, "shelf", service_folders(package))
    await ask(dsn, "ALTER TABLE schema_migrations DROP COLUMN compatible_with")
    assert await pending(dsn, "shelf", service_folders(package)) == []
    write(package, "0003_index.sql", "--! compatible with 0002\nCREATE INDEX shelf_by_name ON shelf (name)")
    assert await pending(dsn, "shelf", service_folders(package)) == ["shelf/0003_index.sql"]
    assert await migrate(dsn, "shelf", service_folders(package)) == ["shelf/0003_index.sql"]
    rows = "SELECT string_agg(name, ',') FROM schema_migrations WHERE compatible_with IS NOT NULL"
    assert "shelf/0003_index.sql" in await ask(dsn, rows)


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("--! compatibel with 0001\nSELECT 1", "`--! compatibel with 0001` is no mark"),
        ("--! compatible with 0009\nSELECT 1", "there is no 0009 before it"),
        ("--! compatible with 0003\nSELECT 1", "there is no 0003 before it"),
        (f"--! concurrently\n{INDEX}; SELECT 1", "has one statement"),
        ("--! concurrently\nCREATE INDEX CONCURRENTLY shelf_by_name ON shelf (name)", "IF NOT EXISTS"),
        ("--! concurrently\nCREATE TABLE x (id int)", "CREATE INDEX CONCURRENTLY IF NOT EXISTS"),
    ],
)
async def test_a_mark_that_says_nothing_is_refused_before_anything_is_done(dsn, package, sql, why) -> None:
    write(package, "0003_marked.sql", sql)
    for attempt in (migrate, pending):
        with pytest.raises(MigrationError) as refused:
            await attempt(dsn, "shelf", service_folders(package))
        assert str(refused.value).startswith("shelf: shelf/0003_marked.sql ")
        assert why in str(refused.value)
    assert await ask(dsn, "SELECT to_regclass('schema_migrations')") is None


async def test_an_index_is_made_while_the_shop_sells(dsn, package) -> None:
    """A writer in the middle of its transaction is waited for and not in the way, and so are processes that start."""
    await migrate(dsn, "shelf", service_folders(package))
    write(package, "0003_index.sql", f"--! compatible with 0002\n--! concurrently\n-- Why.\n{INDEX};\n")
    writer = await asyncpg.connect(dsn)
    selling = writer.transaction()
    await selling.start()
    await writer.execute("INSERT INTO shelf VALUES (2, 'two')")
    work = asyncio.gather(*(migrate(dsn, "shelf", service_folders(package)) for _ in range(3)))
    waits = """SELECT count(*) FROM pg_stat_activity
               WHERE query LIKE '%CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'"""
    async with asyncio.timeout(20):
        while not await ask(dsn, waits):
            await asyncio.sleep(0.01)
    await ask(dsn, "INSERT INTO shelf VALUES (3, 'three')")
    await selling.commit()
    await writer.close()
    assert sorted(map(len, await work)) == [0, 0, 1]
    assert await ask(dsn, STATE) is True


async def test_an_index_that_a_crash_left_half_made_is_made_again(dsn, package) -> None:
    await migrate(dsn, "shelf", service_folders(package))
    await ask(dsn, "INSERT INTO shelf VALUES (1, 'same'), (2, 'same')")
    unique = INDEX.replace("INDEX", "UNIQUE INDEX", 1)
    write(package, "0003_index.sql", f"--! concurrently\n{unique}")
    with pytest.raises(MigrationError, match=r"0003_index\.sql failed \(could not create unique index"):
        await migrate(dsn, "shelf", service_folders(package))
    assert await ask(dsn, STATE) is False
    await ask(dsn, "DELETE FROM shelf WHERE id = 1")
    assert await migrate(dsn, "shelf", service_folders(package)) == ["shelf/0003_index.sql"]
    assert await ask(dsn, STATE) is True
    # A crash between the index and its row: the index is there, and only the row is written.
    await ask(dsn, "DELETE FROM schema_migrations WHERE name = 'shelf/0003_index.sql'")
    node = await ask(dsn, "SELECT relfilenode FROM pg_class WHERE relname = 'shelf_by_name'")
    assert await migrate(dsn, "shelf", service_folders(package)) == ["shelf/0003_index.sql"]
    assert await ask(dsn, "SELECT relfilenode FROM pg_class WHERE relname = 'shelf_by_name'") == node


async def test_an_index_goes_while_the_shop_sells(dsn, package) -> None:
    write(package, "0003_index.sql", "CREATE INDEX shelf_by_name ON shelf (name)")
    write(package, "0004_gone.sql", "--! concurrently\nDROP INDEX CONCURRENTLY IF EXISTS shelf_by_name")
    await migrate(dsn, "shelf", service_folders(package))
    assert await ask(dsn, STATE) is None
