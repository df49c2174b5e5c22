"""A database server whose processes hear nothing: it is ended all the same, and nothing of it stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from stoa.runtime import postmaster
from stoa.runtime.postgres import MOST_STOP_SECONDS, Postgres, cluster_of, port_of_running
from stoa.runtime.watch import watching

PTRACE_ATTACH = 16
ALSO_OTHERS_CHILDREN = 0x40000000  # __WALL, for waitpid


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Postgres]:
    """A server with a session that stays, which the test stops."""
    server = Postgres(tmp_path / "pg", "secret")
    await server.start()
    stays = await asyncpg.connect(server.dsn())
    await stays.execute("CREATE TABLE kept AS SELECT 1 AS one")
    family = family_of(server)
    try:
        yield server
    finally:
        stays.terminate()
        for each in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()


def family_of(server: Postgres) -> list[psutil.Process]:
    """The server and all of its helpers, itself first."""
    parent = psutil.Process(server.pid)
    return [parent, *parent.children()]


def session_of(server: Postgres) -> psutil.Process:
    """The helper that serves the session that stays."""
    return next(each for each in family_of(server) if "idle" in each.cmdline()[0])


def living(family: list[psutil.Process]) -> list[psutil.Process]:
    return [each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def shared_memory(server: Postgres) -> str:
    """The number that the system gave to the server's piece of it."""
    return (cluster_of(server.home) / "postmaster.pid").read_text().splitlines()[6].split()[1]


def is_there(memory: str) -> bool:
    """Whether the system still has it, used by somebody or not."""
    return any(line.split()[1] == memory for line in Path("/proc/sysvipc/shm").read_text().splitlines())


@contextlib.asynccontextmanager
async def traced(process: psutil.Process) -> AsyncIterator[None]:
    """Under a debugger for the block, in which it ends: only SIGKILL reaches it."""
    library = ctypes.CDLL(None, use_errno=True)
    library.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if library.ptrace(PTRACE_ATTACH, process.pid, None, None):
        pytest.skip(f"this machine lets nobody be traced: {os.strerror(ctypes.get_errno())}")
    os.waitpid(process.pid, ALSO_OTHERS_CHILDREN)
    # A debugger hears of the end first, and until then the server waits for what is left of it.
    end = asyncio.create_task(asyncio.to_thread(os.waitpid, process.pid, ALSO_OTHERS_CHILDREN))
    yield
    await asyncio.wait_for(end, 5)


async def must_be_whole(server: Postgres) -> None:
    """It starts at once, and has what was committed."""
    started = time.monotonic()
    await server.start()
    assert time.monotonic() - started < 10
    connection = await asyncpg.connect(server.dsn())
    assert await connection.fetchval("SELECT one FROM kept") == 1
    await connection.close()
    await server.stop()


async def test_a_server_that_was_frozen_whole_is_stopped(server: Postgres) -> None:
    family = family_of(server)
    for each in family:
        each.suspend()
    started = time.monotonic()
    await server.stop()
    assert time.monotonic() - started < MOST_STOP_SECONDS
    assert living(family) == []
    await must_be_whole(server)


async def test_a_frozen_session_is_no_obstacle_to_a_clean_stop(server: Postgres) -> None:
    family = family_of(server)
    session_of(server).suspend()
    await server.stop()
    assert living(family) == []
    assert not (cluster_of(server.home) / "postmaster.pid").exists()
    assert "recovery" not in (server.home / "log").read_text()
    await must_be_whole(server)


@pytest.mark.skipif(sys.platform != "linux", reason="ptrace has other numbers elsewhere")
async def test_what_no_signal_but_the_last_reaches_is_killed_in_time(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postmaster, "FAST_SECONDS", 1.0)
    memory = shared_memory(server)
    family = family_of(server)
    started = time.monotonic()
    async with traced(session_of(server)):
        await server.stop()
    assert time.monotonic() - started < 5
    assert living(family) == []
    assert not is_there(memory)
    await must_be_whole(server)


async def test_what_a_dead_server_left_is_told_and_ended_by_the_next_start(
    server: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    """Its helpers end with it, but for one that hears nothing: that keeps the memory, and the next from starting."""
    memory = shared_memory(server)
    family, frozen = family_of(server), session_of(server)
    frozen.suspend()
    os.kill(family[0].pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        while living(family) != [frozen]:
            await asyncio.sleep(0.01)
    await must_be_whole(Postgres(server.home, "secret"))
    assert living([frozen]) == []
    assert "ending what a database server left behind" in caplog.text
    assert not is_there(memory)
    await server.stop()


async def test_a_server_that_dies_beside_a_frozen_session_comes_back(server: Postgres) -> None:
    family, frozen = family_of(server), session_of(server)
    async with watching("the server", server.look, every_seconds=0.02, most_seconds=60):
        frozen.suspend()
        os.kill(family[0].pid, signal.SIGKILL)
        async with asyncio.timeout(20):
            while server.pid == family[0].pid or port_of_running(server.home) is None:
                await asyncio.sleep(0.02)
    connection = await asyncpg.connect(server.dsn())
    assert await connection.fetchval("SELECT one FROM kept") == 1
    await connection.close()
    await server.stop()
    assert living(family) == []
