"""Child processes that do not outlive us, even when we are killed with SIGKILL."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from stoa.runtime.account import Account

_PR_SET_PDEATHSIG = 1
_KILL_SECONDS = 1.0
_prctl: Callable[..., int] | None = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def spawn(
    command: Sequence[str | Path],
    *,
    folder: Path,
    environment: Mapping[str, str],
    when_parent_dies: signal.Signals,
    account: Account | None = None,
    stdin: int | None = subprocess.DEVNULL,
    output: IO[Any] | int | None = None,
    errors: IO[Any] | int | None = subprocess.STDOUT,
) -> subprocess.Popen[bytes]:
    """Start `command` in `folder`, as `account` if one is given, in a process group of its own.

    On Linux the kernel sends the child `when_parent_dies` if we vanish. It does so when the *thread*
    that forked dies, so this is only for the main thread. Elsewhere there is no such signal and a child
    of a killed parent lives on: the next start stops a database server, and says of any other that its
    port is in use.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("a child dies with the thread that forked it: fork from the main thread")
    parent = os.getpid()

    def bind_to_parent() -> None:
        # Runs after setuid, which would clear the signal again.
        if _prctl is not None:
            _prctl(_PR_SET_PDEATHSIG, int(when_parent_dies))
            if os.getppid() != parent:
                os._exit(1)

    return subprocess.Popen(
        [str(part) for part in command],
        cwd=folder,
        env=dict(environment),
        stdin=stdin,
        stdout=output,
        stderr=errors,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        # A terminal sends Ctrl-C to its whole foreground group; who stops first is for us to say.
        process_group=0,
        preexec_fn=bind_to_parent,  # noqa: PLW1509 - forked from the main thread, and it only makes two system calls
    )


async def ended(process: subprocess.Popen[bytes], within_seconds: float) -> bool:
    """Whether the child ended in time."""
    give_up = time.monotonic() + within_seconds
    while process.poll() is None:
        if time.monotonic() > give_up:
            return False
        await asyncio.sleep(0.01)
    return True


async def stop(process: subprocess.Popen[bytes], steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send the first signal, wait its seconds, then the next one; at last SIGKILL."""
    for each, seconds in steps:
        if process.poll() is None:
            process.send_signal(each)
            # One that was stopped (SIGSTOP) hears it when it goes on.
            process.send_signal(signal.SIGCONT)
        if await ended(process, seconds):
            return
    process.kill()
    await ended(process, _KILL_SECONDS)
