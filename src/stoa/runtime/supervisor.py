"""Runs the processes of a topology on one machine: started, kept alive, stopped together.

A process that ends by itself is started again, after a pause that doubles from half a second to half a
minute; one that fails before it was ever ready ends the whole start, because it will fail again. When
we are killed, the kernel sends each of them SIGTERM (on Linux), and they finish what is in flight.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from stoa.runtime import children
from stoa.runtime.failure import Failure
from stoa.runtime.topology import Address

log = logging.getLogger(__name__)

_START_SECONDS = 60.0
# Longer than a process takes at most to finish what is in flight.
_STOP_STEPS = ((signal.SIGTERM, 40.0),)
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_CALM_SECONDS = 60.0


@dataclass
class _Child:
    name: str
    command: Sequence[str]
    http: Address
    process: subprocess.Popen[bytes] | None = None
    silent: asyncio.Future[None] | None = None
    started: float = 0.0
    pause: float = _SHORTEST_PAUSE
    again_at: float = field(default=float("inf"))


class Supervisor:
    """`start`, then `watch` for as long as they are to live, then `stop`, which leaves nothing behind."""

    def __init__(self, environment: Mapping[str, str], output: TextIO, *, prefixed: bool) -> None:
        self._environment = environment
        self._output = output
        self._prefixed = prefixed
        self._children: list[_Child] = []

    def add(self, name: str, command: Sequence[str], http: Address) -> None:
        """A process: what starts it, and where it answers `/readyz`."""
        self._children.append(_Child(name, command, http))

    async def start(self) -> None:
        """Start them all at once and return when all are ready. Raises `Failure` if one is not."""
        for child in self._children:
            await self._launch(child)
        await asyncio.gather(*(self._until_ready(child) for child in self._children))

    async def watch(self) -> None:
        """Start again whatever ends."""
        while True:
            for child in self._children:
                if child.process is not None and child.process.poll() is not None:
                    self._note_end(child, child.process.returncode)
                elif child.process is None and time.monotonic() >= child.again_at:
                    await self._launch(child)
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """SIGTERM to all at once; SIGKILL for whoever takes too long."""
        alive = [child.process for child in self._children if child.process is not None]
        await asyncio.gather(*(children.stop(process, _STOP_STEPS) for process in alive))
        # Their pipes have an end now: let the last lines through.
        silent = [child.silent for child in self._children if child.silent is not None]
        if silent:
            await asyncio.wait(silent, timeout=1.0)

    async def _launch(self, child: _Child) -> None:
        reading, writing = os.pipe()
        child.process = children.spawn(
            child.command,
            folder=Path.cwd(),
            environment=self._environment,
            when_parent_dies=signal.SIGTERM,
            output=writing,
        )
        os.close(writing)
        child.started = time.monotonic()
        loop = asyncio.get_running_loop()
        child.silent = loop.create_future()
        lines = _Lines(f"{child.name:>12} | " if self._prefixed else "", self._output, child.silent)
        await loop.connect_read_pipe(lambda: lines, os.fdopen(reading, "rb", 0))

    async def _until_ready(self, child: _Child) -> None:
        give_up = time.monotonic() + _START_SECONDS
        while not await is_ready(child.http):
            if child.process is None or child.process.poll() is not None:
                raise Failure(f"process {child.name} did not start", "its own words are above")
            if time.monotonic() > give_up:
                raise Failure(
                    f"process {child.name} is not ready after {_START_SECONDS:.0f} s",
                    f"http://{child.http}/readyz says what it waits for",
                )
            await asyncio.sleep(0.05)

    def _note_end(self, child: _Child, status: int) -> None:
        lived = time.monotonic() - child.started
        child.pause = _SHORTEST_PAUSE if lived > _CALM_SECONDS else min(child.pause * 2, _LONGEST_PAUSE)
        child.again_at = time.monotonic() + child.pause
        child.process = None
        log.error(
            "a process ended and will be started again",
            extra={"ended": child.name, "status": status, "pause_seconds": child.pause},
        )


async def is_ready(address: Address) -> bool:
    """Whether the process at this address answers that it is ready."""
    try:
        async with asyncio.timeout(3):
            reader, writer = await asyncio.open_connection(address.host, address.port)
            try:
                writer.write(f"GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
                return (await reader.readline()).split()[1:2] == [b"200"]
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


def serve_command(process: str, options: Sequence[str]) -> list[str]:
    """How one process of a topology is started: as a container would."""
    return [sys.executable, "-m", "stoa.cli.main", "serve", "--process", process, *options]


class _Lines(asyncio.Protocol):
    """Copies what a process says to our own output, line by line, so that lines never mix."""

    def __init__(self, prefix: str, output: TextIO, silent: asyncio.Future[None]) -> None:
        self._prefix = prefix
        self._output = output
        self._silent = silent
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._output.write(f"{self._prefix}{line.decode(errors='replace')}\n")
        self._output.flush()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 asyncio's signature
        if self._rest:
            self.data_received(b"\n")
        self._silent.set_result(None)
