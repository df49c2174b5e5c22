"""The processes of a database server over a cluster: found, and ended in whatever state they are.

The server and its helpers (a process for each session, and some more) all work in the cluster's folder; by that a
helper is found whose server is dead. One that was stopped (SIGSTOP) hears nothing, not even that its server died: it
keeps the shared memory, and so the next server from starting.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from stoa.runtime.failure import Failure

PID_FILE = "postmaster.pid"
"""Within the cluster. A server writes it when it starts, and removes it when it has shut down."""

FAST_SECONDS = 8.0
"""For a clean shutdown, which writes what is not yet in the tables' files. What is cut short recovers at the next
start."""
_CRASH_SECONDS = 2.0
_KILL_SECONDS = 1.0
MOST_END_SECONDS = FAST_SECONDS + _CRASH_SECONDS + _KILL_SECONDS


async def end(cluster: Path) -> None:
    """Shut the server down, and leave no process that works over this cluster, whether it has a server or not.

    SIGINT is PostgreSQL's fast shutdown: sessions are ended, their transactions rolled back. SIGQUIT is its immediate
    one, in which the server gives back its shared memory once its helpers are gone. Takes `MOST_END_SECONDS` at most;
    raises `Failure` where a process does not even end then.
    """
    steps = (
        (signal.SIGINT, signal.SIGCONT, FAST_SECONDS),
        (signal.SIGQUIT, signal.SIGKILL, _CRASH_SECONDS),
        (signal.SIGKILL, signal.SIGKILL, _KILL_SECONDS),
    )
    for to_server, to_helper, seconds in steps:
        family = working_in(cluster)
        if not family:
            return
        server = _server_among(family)
        for each in family:
            if each == server:
                _send(each, to_server)
                # Whatever was stopped hears the rest only when it goes on.
                _send(each, signal.SIGCONT)
            else:
                _send(each, to_helper if server else signal.SIGKILL)
        await _gone(family, seconds)
    if family := working_in(cluster):
        pids = ", ".join(str(each.pid) for each in family)
        raise Failure(f"what works in {cluster} does not end: process {pids}", "end it by hand")


def working_in(cluster: Path) -> list[psutil.Process]:
    """The server over this cluster and its helpers."""
    found = []
    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(psutil.Error, OSError):
            if process.info["name"] == "postgres" and _is_alive(process) and Path(process.cwd()).samefile(cluster):
                found.append(process)
    return found


def running(cluster: Path) -> psutil.Process | None:
    """The server whose pid stands in the cluster's pid file, if that process works in this very folder."""
    lines = pid_file(cluster)
    if not lines or not lines[0].lstrip("-").isdecimal():
        # A power cut may leave a file without a word, and a server may work over one that was overwritten.
        return _server_among(working_in(cluster)) if (cluster / PID_FILE).exists() else None
    try:
        process = psutil.Process(abs(int(lines[0])))
        return process if _is_alive(process) and Path(process.cwd()).samefile(cluster) else None
    except (psutil.Error, OSError):
        return None


def pid_file(cluster: Path) -> list[str]:
    """Its lines: pid, folder, start, port, socket folder, address, shared memory, state."""
    try:
        return [line.strip() for line in (cluster / PID_FILE).read_text().splitlines()]
    except (OSError, UnicodeDecodeError):
        return []


def _server_among(family: Sequence[psutil.Process]) -> psutil.Process | None:
    """The one that none of the others started, with the command that it was started with: helpers have another."""
    pids = {each.pid for each in family}
    for each in family:
        with contextlib.suppress(psutil.Error):
            if each.ppid() not in pids and "-D" in each.cmdline():
                return each
    return None


def _send(process: psutil.Process, what: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(what)


async def _gone(family: Sequence[psutil.Process], within_seconds: float) -> None:
    give_up = time.monotonic() + within_seconds
    while any(map(_is_alive, family)):
        if time.monotonic() > give_up:
            return
        await asyncio.sleep(0.01)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
