"""Children are kept alive: those that end, those that hang, and those that cannot be started at once."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from stoa.cli.main import run_until_signal
from stoa.runtime import children, supervisor, watch
from stoa.runtime.supervisor import Silence, Supervisor, is_ready
from stoa.runtime.topology import LOOPBACK, Address
from stoa.testing.ports import free_ports

# As much of a process as a supervisor sees. Its pid goes to the file; where that is not to be, it never answers.
CHILD = """
import http.server, os, sys
class Probes(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "0"); self.end_headers()
    def log_message(self, *_): pass
print("child", os.getpid(), flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Probes).serve_forever()
"""


# Before it: what SIGTERM does to it.
LEAVES = """
import signal, sys, time
def leave(*_):
    while sys.argv[2] == "wait": time.sleep(60)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
"""


class Said(io.StringIO):
    """What the children say, on a disk that may be full."""

    full = False
    refused = 0

    def write(self, text: str) -> int:
        if self.full:
            self.refused += 1
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)

    @property
    def pids(self) -> list[int]:
        """Of all children there have been, the last one last."""
        return [int(line.split()[-1]) for line in self.getvalue().splitlines() if "child " in line]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same in a fiftieth of the time."""
    for name, seconds in {"ASK_EVERY_SECONDS": 0.1, "ASK_SECONDS": 0.3, "SILENCE_SECONDS": 0.6}.items():
        monkeypatch.setattr(supervisor, name, seconds)
    monkeypatch.setattr(supervisor, "_SHORTEST_PAUSE", 0.05)
    monkeypatch.setattr(watch, "_AFTER_FAILURE_SECONDS", 0.05)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def watcher(said: Said) -> Supervisor:
    return Supervisor(os.environ, said, prefixed=True, stop_seconds=2)


@pytest.fixture
async def watched(
    quick: None, watcher: Supervisor, said: Said, unused_port: int, tmp_path: Path
) -> AsyncIterator[Address]:
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    address = Address(LOOPBACK, unused_port)
    watcher.add("door", [sys.executable, str(script), str(unused_port)], address)
    try:
        await watcher.start()
        async with watcher.watch():
            yield address
    finally:
        for pid in said.pids:
            if _lives(pid):
                os.kill(pid, signal.SIGCONT)
        await asyncio.wait_for(watcher.stop(), 50)
    assert not any(map(_lives, said.pids))


def silence_of(watcher: Supervisor) -> Silence:
    """What it knows of its only child."""
    return watcher._children[0].silence


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def again(address: Address, said: Said, children_so_far: int) -> None:
    await until(lambda: len(said.pids) > children_so_far)
    async with asyncio.timeout(20):
        while not await is_ready(address):
            await asyncio.sleep(0.01)


async def test_a_child_that_ends_is_started_again(watched: Address, said: Said) -> None:
    os.kill(said.pids[0], signal.SIGKILL)
    await again(watched, said, 1)


async def test_a_child_that_lives_and_does_not_answer_is_killed_and_started_again(
    watched: Address, watcher: Supervisor, said: Said, caplog: pytest.LogCaptureFixture
) -> None:
    await until(lambda: silence_of(watcher).answered)
    os.kill(said.pids[0], signal.SIGSTOP)
    await again(watched, said, 1)
    assert not _lives(said.pids[0])
    (killed,) = [
        each for each in caplog.records if each.getMessage() == "a process lives and does not answer: it is killed"
    ]
    assert killed.__dict__["seconds"] > supervisor.SILENCE_SECONDS


async def test_a_child_that_is_silent_for_a_moment_lives_on(
    watched: Address, watcher: Supervisor, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "SILENCE_SECONDS", 60.0)
    await until(lambda: silence_of(watcher).answered)
    for _ in range(3):
        os.kill(said.pids[0], signal.SIGSTOP)
        await until(lambda: silence_of(watcher).seconds > 0)
        seconds = silence_of(watcher).seconds
        await until(lambda before=seconds: silence_of(watcher).seconds > before)
        os.kill(said.pids[0], signal.SIGCONT)
        await until(lambda: silence_of(watcher).seconds == 0)
    assert len(said.pids) == 1
    assert await is_ready(watched)


async def test_a_child_that_cannot_be_started_now_is_started_later(
    watched: Address, said: Said, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried = 0
    spawn = children.spawn

    def no_more_processes(*words: object, **options: object) -> object:
        nonlocal tried
        tried += 1
        if tried < 3:
            raise BlockingIOError("Resource temporarily unavailable")
        return spawn(*words, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(children, "spawn", no_more_processes)
    files = open_files()
    os.kill(said.pids[0], signal.SIGKILL)
    await again(watched, said, 1)
    assert caplog.messages.count("a process cannot be started") == 2
    # Between two asks, which have a file each.
    await until(lambda: open_files() <= files)


def test_a_child_whose_words_find_no_room_is_heard_again_later(said: Said, unused_port: int) -> None:
    """On the loop that commands run on: to uvloop a protocol that raises is the end of its pipe."""
    talks = "import itertools, time\nfor n in itertools.count(): print(n, flush=True); time.sleep(0.01)"

    async def listen() -> None:
        watcher = Supervisor(os.environ, said, prefixed=False, stop_seconds=2)
        watcher.add("door", [sys.executable, "-c", talks], Address(LOOPBACK, unused_port))
        starting = asyncio.create_task(watcher.start())
        try:
            await until(lambda: bool(said.getvalue()))
            said.full = True
            await until(lambda: said.refused > 3)
            said.full = False
            heard = len(said.getvalue())
            await until(lambda: len(said.getvalue()) > heard)
        finally:
            starting.cancel()
            await watcher.stop()

    run_until_signal(listen())


async def test_a_watch_that_fails_goes_on(
    watched: Address, said: Said, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    note_end = Supervisor._note_end

    def broken(*_: object) -> None:
        monkeypatch.setattr(Supervisor, "_note_end", note_end)
        raise OSError("Too many open files")

    monkeypatch.setattr(Supervisor, "_note_end", broken)
    os.kill(said.pids[0], signal.SIGKILL)
    await again(watched, said, 1)
    assert "a look after something failed; the next one comes" in caplog.messages


@pytest.mark.parametrize(("hangs", "status"), [(False, 0), (True, -signal.SIGKILL)])
async def test_a_child_that_hangs_while_it_stops_is_killed_and_keeps_nobody_waiting(
    said: Said, tmp_path: Path, hangs: bool, status: int
) -> None:
    """One takes its time over SIGTERM, for ever or not; one was stopped, and hears it when it goes on."""
    watcher = Supervisor(os.environ, said, prefixed=True, stop_seconds=1)
    leavers = {"slow": "wait" if hangs else "go", "stopped": "go"}
    for (name, leaving), port in zip(leavers.items(), free_ports(2), strict=True):
        script = tmp_path / f"{name}.py"
        script.write_text(LEAVES + CHILD)
        watcher.add(name, [sys.executable, str(script), str(port), leaving], Address(LOOPBACK, port))
    await watcher.start()
    slow, stopped = (child.process for child in watcher._children)
    assert slow is not None and stopped is not None
    os.kill(stopped.pid, signal.SIGSTOP)
    started = time.monotonic()
    await watcher.stop()
    assert time.monotonic() - started < 1 + 2
    assert (slow.returncode, stopped.returncode) == (status, 0)
    assert not any(map(_lives, said.pids))


def test_silence_counts_only_time_in_which_it_could_have_answered() -> None:
    silence = Silence()
    silence.heard()
    for now in range(100, 135, 10):
        silence.asking(now)
        assert not silence.too_long
    silence.asking(140)
    assert silence.too_long
    silence.heard()
    assert not silence.too_long
    # The machine slept for an hour, and is busy afterwards: what has been counted before is forgotten.
    for now in (150, 160, 170, 3770, 3780, 3790, 3800):
        silence.asking(now)
        assert not silence.too_long
    silence.asking(3810)
    assert silence.too_long


def test_a_child_that_has_never_answered_may_be_starting() -> None:
    silence = Silence()
    for now in range(0, 61, 10):
        silence.asking(now)
        assert not silence.too_long
    silence.asking(70)
    assert silence.too_long
