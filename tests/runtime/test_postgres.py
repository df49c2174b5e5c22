"""The embedded server: whole after a crash of its parent, and gone with it."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from stoa.kit.db import Database
from stoa.kit.problems import Unavailable
from stoa.runtime import postgres as module
from stoa.runtime.failure import Failure
from stoa.runtime.postgres import MOST_LOOK_SECONDS, NOT_DURABLE, Postgres, cluster_of, dsn_of_running, port_of_running
from stoa.runtime.watch import watching

PARENT = """
import asyncio, sys
from pathlib import Path
from stoa.runtime.postgres import Postgres

async def main():
    server = Postgres(Path(sys.argv[1]), "secret")
    await server.start()
    print(server.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def until(condition: object, seconds: float = 20.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < give_up, "it did not come true in time"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def value(server: Postgres, sql: str) -> object:
    connection = await asyncpg.connect(server.dsn())
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_it_speaks_unicode_in_an_order_that_no_machine_changes(postgres: Postgres) -> None:
    assert await value(postgres, "SELECT lower('ÄÖÜ')") == "äöü"
    assert await value(postgres, "SELECT datlocale FROM pg_database WHERE datname = 'postgres'") == "C.UTF-8"


async def test_it_runs_as_an_ordinary_user_on_loopback_only(postgres: Postgres) -> None:
    assert postgres.pid is not None
    process = psutil.Process(postgres.pid)
    assert process.uids().effective != 0
    assert {each.laddr.ip for each in process.net_connections() if each.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


async def test_a_password_is_asked_for_on_the_socket_and_by_tcp(postgres: Postgres) -> None:
    for host in ("127.0.0.1", cluster_of(postgres.home)):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(
                host=str(host), port=postgres.port, user="postgres", password="guess", database="postgres"
            )


BY_SOCKET = "SELECT inet_client_addr() IS NULL"


async def test_it_is_reached_by_its_socket_which_lies_where_nobody_else_may_look(postgres: Postgres) -> None:
    assert await value(postgres, BY_SOCKET) is True
    assert stat.S_IMODE(cluster_of(postgres.home).stat().st_mode) == 0o700


async def test_a_process_that_did_not_start_it_finds_the_socket_too(postgres: Postgres, monkeypatch) -> None:
    monkeypatch.chdir(postgres.home.parent)
    dsn = dsn_of_running(Path(postgres.home.name), postgres.dsn().split(":")[2].partition("@")[0])
    assert dsn == postgres.dsn()


async def test_where_the_path_is_too_long_for_a_socket_it_is_reached_by_tcp(tmp_path: Path) -> None:
    server = Postgres(tmp_path / ("d" * 100) / "pg", "secret", settings=NOT_DURABLE)
    await server.start()
    assert await value(server, BY_SOCKET) is False
    await server.stop()


async def test_it_keeps_data_and_port_from_start_to_start(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "pg", "secret")
    await server.start()
    port = server.port
    await value(server, "SELECT 1 FROM pg_create_physical_replication_slot('kept')")
    await server.stop()
    await server.start()
    assert server.port == port
    assert await value(server, "SELECT slot_name FROM pg_replication_slots") == "kept"
    await server.stop()


async def test_a_folder_that_others_may_not_enter_is_no_obstacle(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = Postgres(closed / "pg", "secret", settings=NOT_DURABLE)
    await server.start()
    assert await value(server, "SELECT 1") == 1
    await server.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent died")
async def test_kill_9_of_the_parent_ends_the_server(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, tmp_path / "pg"], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    until(lambda: gone(pid))


async def test_a_server_that_outlived_its_parent_is_stopped_by_the_next_start(tmp_path: Path) -> None:
    first = Postgres(tmp_path / "pg", "secret")
    await first.start()
    assert first.pid is not None
    second = Postgres(tmp_path / "pg", "secret")
    await second.start()
    assert gone(first.pid)
    await first.stop()
    assert await value(second, "SELECT 1") == 1
    await second.stop()


async def test_a_pid_file_that_names_a_stranger_is_ignored(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "pg", "secret")
    await server.start()
    lines = (cluster_of(server.home) / "postmaster.pid").read_text().splitlines()
    await server.stop()
    stale = "\n".join([str(os.getpid()), *lines[1:]]) + "\n"
    for name in ("postmaster.pid", f".s.PGSQL.{server.port}.lock"):
        (cluster_of(server.home) / name).write_text(stale)
    assert port_of_running(server.home) is None
    await server.start()
    assert await value(server, "SELECT 1") == 1
    await server.stop()


@pytest.mark.parametrize("left", [b"", b"\xff\xfe\x00"])
async def test_a_pid_file_without_a_pid_is_no_obstacle_and_hides_no_server(tmp_path: Path, left: bytes) -> None:
    first = Postgres(tmp_path / "pg", "secret")
    await first.start()
    assert first.pid is not None
    # Two servers over one cluster would be the end of it: the one that lives is found and stopped all the same.
    (cluster_of(first.home) / "postmaster.pid").write_bytes(left)
    assert port_of_running(first.home) is None
    second = Postgres(tmp_path / "pg", "secret")
    await second.start()
    assert gone(first.pid)
    await first.stop()
    await second.stop()
    (cluster_of(first.home) / "postmaster.pid").write_bytes(left)
    await second.start()
    assert await value(second, "SELECT 1") == 1
    await second.stop()


@pytest.mark.parametrize("left", [b"", b"\xff\xfe\x00", b"99999999\n", b"-1\n"])
async def test_a_port_that_cannot_be_read_is_another_port(
    tmp_path: Path, left: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    home = tmp_path / "pg"
    home.mkdir()
    (home / "port").write_bytes(left)
    server = Postgres(home, "secret", settings=NOT_DURABLE)
    await server.start()
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "the port that the database had is not in its file; it takes another"
    ]
    assert (home / "port").read_text() == f"{server.port}\n"
    assert server.port > 0
    await server.stop()


async def test_half_a_cluster_is_thrown_away(tmp_path: Path) -> None:
    half = tmp_path / "pg" / "initializing-abc"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = Postgres(tmp_path / "pg", "secret", settings=NOT_DURABLE)
    await server.start()
    assert not half.exists()
    await server.stop()


async def test_a_cluster_of_another_major_is_refused_in_one_line(tmp_path: Path) -> None:
    cluster = cluster_of(tmp_path / "pg")
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("17\n")
    with pytest.raises(Failure, match=r"was written by PostgreSQL 17 and this is 18; use"):
        await Postgres(tmp_path / "pg", "secret").start()
    assert [path.name for path in cluster.iterdir()] == ["PG_VERSION"]


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Postgres]:
    """A server that is looked after as `stoa up` does."""
    server = Postgres(tmp_path / "pg", "secret")
    await server.start()
    try:
        async with watching("the server", server.look, every_seconds=0.02, most_seconds=MOST_LOOK_SECONDS):
            yield server
    finally:
        await server.stop()
        assert port_of_running(server.home) is None


async def back(server: Postgres, pid: int | None) -> None:
    """Wait until another process than `pid` is the server, and ready."""
    async with asyncio.timeout(30):
        while server.pid == pid or port_of_running(server.home) is None:
            await asyncio.sleep(0.02)


async def test_a_server_that_dies_comes_back_on_the_same_port(watched: Postgres) -> None:
    pid, port = watched.pid, watched.port
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await back(watched, pid)
    assert (watched.port, await value(watched, "SELECT 1")) == (port, 1)


async def test_a_server_that_somebody_else_stops_comes_back_though_its_clients_stay(watched: Postgres) -> None:
    """SIGTERM is the smart shutdown: on its own it would wait for these two for ever, and let nobody else in."""
    pid, port = watched.pid, watched.port
    assert pid is not None
    pool = Database("catalog", watched.dsn(), 2)
    stays = await asyncpg.connect(watched.dsn())
    assert await pool.fetchval("SELECT 1") == 1
    os.kill(pid, signal.SIGTERM)
    await back(watched, pid)
    assert watched.port == port
    until_there = time.monotonic() + 10
    while True:
        try:
            assert await pool.fetchval("SELECT 2") == 2
            break
        except Unavailable:
            # The pool finds its old connections dead one by one.
            assert time.monotonic() < until_there
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await stays.fetchval("SELECT 1")
    stays.terminate()
    await pool.close()


async def test_what_goes_wrong_with_one_look_is_not_the_last_of_them(
    watched: Postgres, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The machine has no process left for a moment: fork fails, and a while later it does not."""
    pid, port = watched.pid, watched.port
    assert pid is not None
    real, refusals = module.children.spawn, 0

    def spawn(*command: Any, **options: Any) -> subprocess.Popen[bytes]:
        nonlocal refusals
        if not refusals:
            refusals += 1
            raise BlockingIOError("no process left")
        return real(*command, **options)

    monkeypatch.setattr(module.children, "spawn", spawn)
    os.kill(pid, signal.SIGKILL)
    await back(watched, pid)
    assert (watched.port, await value(watched, "SELECT 1")) == (port, 1)
    assert refusals == 1
    assert "no process left" in caplog.text
