"""Runs the processes of a topology on one machine: started, kept alive, stopped together.

A process that ends by itself is started again, after a pause that doubles from half a second to half a
minute; one that lives and does not answer is killed first. One that fails before it was ever ready ends the
whole start, because it will fail again. When we are killed, the kernel sends each of them SIGTERM (on
Linux), and they finish what is in flight.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from stoa.runtime import children
from stoa.runtime.failure import Failure
from stoa.runtime.probing import ask
from stoa.runtime.topology import Address
from stoa.runtime.watch import watching

log = logging.getLogger(__name__)

_START_SECONDS = 60.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_CALM_SECONDS = 60.0

_LOOK_SECONDS = 0.1
_LAST_LINES_SECONDS = 1.0
_READY_ASK_SECONDS = 3.0

ASK_EVERY_SECONDS = 5.0
ASK_SECONDS = 5.0
SILENCE_SECONDS = 30.0
"""A process that has answered before and then not for so long, though asked again and again, does not come back."""


class Silence:
    """For how long a process has not answered, in time that it could have answered in.

    Time in which we could not ask (a machine that slept, or had too much to do to let us run) counts for nothing:
    the child had no more of it than we.
    """

    def __init__(self) -> None:
        self.answered = False
        self.seconds = 0.0
        self._asked_at: float | None = None

    def heard(self) -> None:
        """It has answered just now."""
        self.answered = True
        self.seconds = 0.0

    def asking(self, now: float) -> None:
        """It is asked at `now`, on the monotonic clock."""
        since = 0.0 if self._asked_at is None else now - self._asked_at
        self._asked_at = now
        # An ask takes its seconds, and comes after a pause. What was longer, we have slept through.
        if since > 2 * (ASK_EVERY_SECONDS + ASK_SECONDS):
            self.seconds = 0.0
        else:
            self.seconds += since

    @property
    def too_long(self) -> bool:
        """One that has not answered yet may still be starting."""
        return self.seconds > (SILENCE_SECONDS if self.answered else _START_SECONDS)


@dataclass
class _Child:
    name: str
    command: Sequence[str]
    admin: Address
    process: subprocess.Popen[bytes] | None = None
    copying: threading.Thread | None = None
    started: float = 0.0
    pause: float = _SHORTEST_PAUSE
    again_at: float = field(default=float("inf"))
    silence: Silence = field(default_factory=Silence)


class Supervisor:
    """`start`, then `watch` for as long as they are to live, then `stop`, which leaves nothing behind."""

    def __init__(self, environment: Mapping[str, str], output: TextIO, *, prefixed: bool, stop_seconds: float) -> None:
        self._environment = environment
        self._stop_seconds = stop_seconds
        self._output = output
        self._prefixed = prefixed
        self._children: list[_Child] = []
        self._one_at_a_time = threading.Lock()

    def add(self, name: str, command: Sequence[str], admin: Address) -> None:
        """A process: what starts it, and where it answers `/healthz` and `/readyz`."""
        self._children.append(_Child(name, command, admin))

    async def start(self) -> None:
        """Start them all at once and return when all are ready. Raises `Failure` if one is not."""
        for child in self._children:
            await self._launch(child)
        await asyncio.gather(*(until_ready(each.name, each.admin, each.process) for each in self._children))

    @contextlib.asynccontextmanager
    async def watch(self) -> AsyncIterator[None]:
        """For the block, start again whatever ends, and kill what does not answer any more."""
        ends = watching("children that end", self._look_for_ends, every_seconds=_LOOK_SECONDS, most_seconds=10)
        silent = watching(
            "children that hang", self._look_for_silent, every_seconds=ASK_EVERY_SECONDS, most_seconds=2 * ASK_SECONDS
        )
        async with ends, silent:
            yield

    async def _look_for_ends(self) -> None:
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                self._note_end(child, child.process.returncode)
            elif child.process is None and time.monotonic() >= child.again_at:
                try:
                    await self._launch(child)
                except OSError as error:
                    # No process, memory or file to be had at the moment.
                    self._pause(child)
                    log.error("a process cannot be started", extra={"of": child.name, "reason": str(error)})

    async def _look_for_silent(self) -> None:
        await asyncio.gather(*(self._ask(child, child.process) for child in self._children if child.process))

    async def _ask(self, child: _Child, process: subprocess.Popen[bytes]) -> None:
        child.silence.asking(time.monotonic())
        if await ask(child.admin, "/healthz", ASK_SECONDS):
            child.silence.heard()
        elif child.silence.too_long and process is child.process and process.poll() is None:
            seconds = round(child.silence.seconds)
            log.error("a process lives and does not answer: it is killed", extra={"of": child.name, "seconds": seconds})
            # It would not hear anything gentler.
            process.kill()

    async def stop(self) -> None:
        """SIGTERM to all at once; SIGKILL for whoever takes longer than `stop_seconds`."""
        alive = [child.process for child in self._children if child.process is not None]
        await asyncio.gather(*(children.stop(process, [(signal.SIGTERM, self._stop_seconds)]) for process in alive))
        # Their pipes have an end now: let the last lines through.
        for child in self._children:
            if child.copying is not None:
                await asyncio.to_thread(child.copying.join, _LAST_LINES_SECONDS)

    async def _launch(self, child: _Child) -> None:
        reading, writing = os.pipe()
        try:
            child.process = children.spawn(
                child.command,
                folder=Path.cwd(),
                environment=self._environment,
                when_parent_dies=signal.SIGTERM,
                output=writing,
            )
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        child.started = time.monotonic()
        child.silence = Silence()
        prefix = f"{child.name:>12} | " if self._prefixed else ""
        # A thread, because they have something to say also while this process stands at a breakpoint.
        child.copying = threading.Thread(target=self._copy_lines, args=(reading, prefix), daemon=True)
        child.copying.start()

    def _copy_lines(self, reading: int, prefix: str) -> None:
        """What a child says goes to our own output, line by line, so that lines never mix."""
        with os.fdopen(reading, "rb") as said:
            for line in said:
                text = line.decode(errors="replace").rstrip("\n")
                # Where ours find no room, theirs do not either: they are lost, and the child goes on.
                with self._one_at_a_time, contextlib.suppress(OSError):
                    self._output.write(f"{prefix}{text}\n")
                    self._output.flush()

    def _pause(self, child: _Child) -> None:
        lived = time.monotonic() - child.started
        child.pause = _SHORTEST_PAUSE if lived > _CALM_SECONDS else min(child.pause * 2, _LONGEST_PAUSE)
        child.again_at = time.monotonic() + child.pause

    def _note_end(self, child: _Child, status: int) -> None:
        child.process = None
        self._pause(child)
        log.error(
            "a process ended and will be started again",
            extra={"ended": child.name, "status": status, "pause_seconds": child.pause},
        )


async def until_ready(name: str, admin: Address, process: subprocess.Popen[bytes] | None = None) -> None:
    """Return when the process `name` says that it is ready. Raises `Failure` when it takes too long, and when the child
    that it is has ended."""
    give_up = time.monotonic() + _START_SECONDS
    while not await is_ready(admin):
        if process is not None and process.poll() is not None:
            raise Failure(f"process {name} did not start", "its own words are above")
        if time.monotonic() > give_up:
            raise Failure(
                f"process {name} is not ready after {_START_SECONDS:.0f} s",
                f"http://{admin}/readyz says what it waits for",
            )
        await asyncio.sleep(0.05)


async def is_ready(admin: Address) -> bool:
    """Whether the process with this address for its operators answers that it is ready."""
    answer = await ask(admin, "/readyz", _READY_ASK_SECONDS)
    return answer is not None and answer[0] == 200


def serve_command(process: str, options: Sequence[str]) -> list[str]:
    """How one process of a topology is started: as a container would."""
    return [sys.executable, "-m", "stoa.cli.main", "serve", "--process", process, *options]
