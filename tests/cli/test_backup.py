"""`stoa backup` and `stoa restore` on a server of one's own: all of it or nothing, and never over a shop."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from stoa.app import SERVICES
from stoa.runtime.postgres import Postgres
from stoa.testing import processes

SECRET = "a secret of this test, long enough"
DATABASES = "SELECT datname FROM pg_database WHERE datname ~ '^(first|second|third)_' ORDER BY datname"

Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
async def server(postgres_server) -> Postgres:
    return await postgres_server(durable=False)


@pytest.fixture(scope="module")
def run(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """`run("audit", "--name", "first")` against the server: the exit status, and what it said."""
    logs = tmp_path_factory.mktemp("logs")

    def said(*words: str | Path) -> tuple[int, str]:
        log = logs / "log"
        log.unlink(missing_ok=True)
        process = processes.start([*words, "--database-url", server.dsn()], log)
        return process.wait(60), log.read_text()

    return said


@pytest.fixture(scope="module")
def backup(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the demo shop named `first`."""
    folder = tmp_path_factory.mktemp("backups")
    assert run("seed", "--name", "first", "--data-dir", folder / "data")[0] == 0
    status, said = run("backup", folder / "backup", "--data-dir", folder / "data")
    assert status == 0, said
    return folder / "backup"


@pytest.fixture
def copy(backup: Path, tmp_path: Path) -> Path:
    """Of the backup, to be harmed."""
    return Path(shutil.copytree(backup, tmp_path / "copy"))


@pytest.fixture
def databases(server: Postgres) -> Iterator[Callable]:
    async def names() -> list[str]:
        connection = await asyncpg.connect(server.dsn())
        try:
            return [row["datname"] for row in await connection.fetch(DATABASES)]
        finally:
            await connection.close()

    return names


OF_THE_BACKUP = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'first_order' AND datname = 'first_order')"
FIRST = sorted(f"first_{name}" for name in SERVICES)


def test_only_we_may_read_it(backup: Path):
    assert backup.stat().st_mode & 0o777 == 0o700
    assert {file.name for file in backup.iterdir()} == {
        "backup.json",
        "secrets.json",
        *(f"{name}.dump" for name in SERVICES),
        "files",
    }
    assert {file.stat().st_mode & 0o777 for file in backup.rglob("*") if file.is_file()} == {0o600}


async def test_what_a_service_left_that_is_gone_is_not_in_it(server: Postgres, run: Run, backup: Path, tmp_path: Path):
    connection = await asyncpg.connect(server.dsn())
    try:
        await connection.execute("CREATE ROLE first_giftwrap")
        await connection.execute("CREATE DATABASE first_giftwrap OWNER first_giftwrap")
        status, said = run("backup", tmp_path / "without", "--data-dir", backup.parent / "data")
        assert (status, said.splitlines()[-1]) == (0, "Not in it: first_giftwrap, which nothing installed uses.")
    finally:
        await connection.execute("DROP DATABASE IF EXISTS first_giftwrap")
        await connection.execute("DROP ROLE IF EXISTS first_giftwrap")
        await connection.close()


async def rows(server: Postgres, database: str) -> dict[str, list[int]]:
    """What a service has announced, owes and has heard, by the ids."""
    connection = await asyncpg.connect(server.dsn(database))
    try:
        return {
            table: [row["id"] for row in await connection.fetch(f"SELECT {key} AS id FROM {table} ORDER BY 1")]
            for table, key in (("event_log", "id"), ("outbox", "id"), ("inbox", "seq"))
        }
    finally:
        await connection.close()


async def next_number(server: Postgres, database: str) -> int:
    connection = await asyncpg.connect(server.dsn(database))
    try:
        return await connection.fetchval("SELECT nextval('order_numbers')")
    finally:
        await connection.close()


async def test_under_another_name(server: Postgres, run: Run, backup: Path, tmp_path: Path, databases: Callable):
    there = tmp_path / "data"
    status, said = run("restore", backup, "--name", "second", "--data-dir", there)
    assert status == 0, said
    assert await databases() == FIRST + sorted(f"second_{name}" for name in SERVICES)
    assert (there / "name").read_text() == "second\n"
    assert (there / "seeded").exists()
    assert (there / "secrets.json").read_text() == (backup / "secrets.json").read_text()
    kept, back = (
        {file.relative_to(each).as_posix(): file.read_bytes() for file in each.rglob("*") if file.is_file()}
        for each in (backup.parent / "data" / "files", there / "files")
    )
    assert len(back) == len(kept) >= 20
    assert back == kept
    # What was announced and not delivered yet is owed there, too.
    for service in SERVICES:
        assert await rows(server, f"first_{service}") == await rows(server, f"second_{service}")
    assert sum((await rows(server, "second_catalog"))["outbox"]) > 0
    # An order of the first shop, after that moment, has a number that none of the second will have.
    after = datetime.now(UTC) - datetime.fromisoformat(json.loads((backup / "backup.json").read_text())["at"])
    assert await next_number(server, "first_order") == 100_001
    assert 100_001 + 1000 < await next_number(server, "second_order") <= 100_002 + after / timedelta(milliseconds=1)
    status, said = run("acts", "--data-dir", there)
    assert "operator  user.imported" in said
    status, said = run("restore", backup, "--data-dir", there)
    assert status == 1
    assert "has a shop second (second_auth, second_user," in said.splitlines()[-1]


async def test_over_another_installation(run: Run, backup: Path, tmp_path: Path, databases: Callable):
    before = await databases()
    status, said = run("restore", backup, "--data-dir", tmp_path / "data")
    assert status == 1
    assert "has a shop first (first_auth, first_user," in said.splitlines()[-1]
    assert "a backup is not restored over one" in said.splitlines()[-1]
    assert await databases() == before


async def test_what_was_harmed(run: Run, copy: Path, tmp_path: Path, databases: Callable):
    before = await databases()
    with (copy / "order.dump").open("r+b") as dump:
        dump.seek(1000)
        dump.write(b"\0")
    status, said = run("restore", copy, "--name", "third", "--data-dir", tmp_path / "data")
    assert status == 1
    assert f"{copy / 'order.dump'} is not as it was written; copy it again" in said.splitlines()[-1]
    assert await databases() == before
    assert not (tmp_path / "data").exists()


def test_files_that_were_harmed(run: Run, copy: Path, tmp_path: Path):
    file = next(each for each in (copy / "files").rglob("*") if each.is_file())
    for harm in (lambda: file.write_bytes(file.read_bytes()[:-1]), file.unlink):
        harm()
        status, said = run("restore", copy, "--name", "third", "--data-dir", tmp_path / "data")
        assert status == 1
        assert f"{copy / 'files'} is not as it was written; copy it again" in said.splitlines()[-1]
        assert not (tmp_path / "data").exists()


def test_a_secret_that_was_harmed(run: Run, copy: Path, tmp_path: Path):
    (copy / "secrets.json").write_text('{"secret": "tru')
    status, said = run("restore", copy, "--name", "third", "--data-dir", tmp_path / "data")
    assert status == 1
    assert f"{copy / 'secrets.json'} is not as it was written; copy it again, or remove it" in said.splitlines()[-1]
    assert not (tmp_path / "data").exists()


async def test_one_that_cannot_be_filled_leaves_none(run: Run, copy: Path, tmp_path: Path, databases: Callable):
    """As if `pg_restore` failed in the middle: nothing is left, and the same command succeeds later."""
    before = await databases()
    good = (copy / "backup.json").read_text()
    shutil.copy(copy / "order.dump", tmp_path / "kept")
    page = json.loads(good)
    page["dumps"]["order"] = {"bytes": 0, "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
    (copy / "backup.json").write_text(json.dumps(page))
    (copy / "order.dump").write_bytes(b"")
    words = ("restore", copy, "--name", "third", "--data-dir", tmp_path / "data")
    status, said = run(*words)
    assert status == 1
    assert "pg_restore of third_order_restoring did not succeed: input file is too short" in said.splitlines()[-1]
    assert await databases() == before

    (copy / "backup.json").write_text(good)
    shutil.copy(tmp_path / "kept", copy / "order.dump")
    status, said = run(*words)
    assert status == 0, said
    assert await databases() == before + sorted(f"third_{name}" for name in SERVICES)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"format": 2}, "was written by a newer version of Stoa; upgrade Stoa"),
        ({"dumps": {"giftwrap": {"bytes": 0, "sha256": ""}}}, "has the databases of giftwrap, and this Stoa has no"),
        ({"at": "yesterday"}, "is damaged: Invalid RFC3339 encoded datetime - at `$.at`"),
    ],
)
def test_a_page_that_says_something_else(run: Run, copy: Path, tmp_path: Path, change: dict, why: str):
    page = json.loads((copy / "backup.json").read_text()) | change
    (copy / "backup.json").write_text(json.dumps(page))
    status, said = run("restore", copy, "--data-dir", tmp_path / "data")
    assert status == 1
    assert why in said.splitlines()[-1]
    assert not (tmp_path / "data").exists()


def test_what_is_no_backup(run: Run, tmp_path: Path):
    status, said = run("restore", tmp_path, "--data-dir", tmp_path / "data")
    assert status == 1
    assert f"{tmp_path} is no backup: it has no backup.json" in said


def test_nothing_is_written_over(run: Run, backup: Path):
    status, said = run("backup", backup, "--data-dir", backup.parent / "data")
    assert status == 1
    assert f"{backup} is there already; choose a new folder" in said


def test_one_that_is_cut_short_leaves_none(run: Run, tmp_path: Path):
    status, _ = run("backup", tmp_path / "new", "--name", "fourth", "--data-dir", tmp_path / "data")
    assert status == 1
    assert not list(tmp_path.glob("new*"))


async def test_one_that_was_told_to_stop_has_not_succeeded(server: Postgres, run: Run, backup: Path, tmp_path: Path):
    """Whoever removes the last backup when this one is made may not take it for made."""
    connection = await asyncpg.connect(server.dsn(), database="first_order")
    looking = await asyncpg.connect(server.dsn())
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE orders IN ROW EXCLUSIVE MODE")
            words = ["backup", tmp_path / "new", "--data-dir", backup.parent / "data", "--database-url", server.dsn()]
            process = processes.start(words, tmp_path / "log")
            while not await looking.fetchval(OF_THE_BACKUP):
                assert process.poll() is None, (tmp_path / "log").read_text()
                await asyncio.sleep(0.02)
            assert processes.stop(process) == 128 + signal.SIGTERM
    finally:
        await connection.close()
        await looking.close()
    assert not list(tmp_path.glob("new*"))
    assert "Traceback" not in (tmp_path / "log").read_text()
