"""The commands that tests start: none outlives the block that it was started for, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import aiohttp

STOP_SECONDS = 40
"""More than any of ours takes to stop, on a machine that has other things to do too."""


def start(words: Sequence[str | Path], output: Path, **environ: str) -> subprocess.Popen[bytes]:
    """`stoa WORDS`, whose output is added to a file. Whoever starts it ends it, with `stop`."""
    command = [sys.executable, "-m", "stoa.cli.main", *map(str, words)]
    with output.open("ab") as out:
        return subprocess.Popen(command, stdout=out, stderr=out, env=os.environ | environ)


def stop(process: subprocess.Popen[bytes]) -> int:
    """Tell it to stop, if it still runs; its exit status, once it has ended. One that takes too long is killed."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


async def is_ready(http: aiohttp.ClientSession, base_url: str) -> bool:
    """Whether a shop whose operators ask there is ready."""
    try:
        async with http.get(f"{base_url}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


@contextmanager
def running(words: Sequence[str | Path], output: Path, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """The same for a block; if it still runs at the end, it must stop well."""
    process = start(words, output, **environ)
    try:
        yield process
        if process.poll() is None:
            assert stop(process) == 0, output.read_text(errors="replace")[-4000:]
    finally:
        stop(process)
