"""Runs `draw` for one file, in a process that has nothing to do with us: it may be as bad as the bytes that it reads.

A process for each file: none is there while nothing is to be done, and what one file leaves in memory no other finds.
Limits on memory and computing it sets itself before it looks at the file; for its time we look at the clock.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec

from stoa.services.media import draw
from stoa.services.media.content import MOST_PIXELS
from stoa.services.media.file_rows import File
from stoa.services.media.recipe import Made, Order
from stoa.services.media.settings import Settings

_PROGRAM = Path(draw.__file__)
_MOST_ANSWER_BYTES = 65_536
_MOST_COMPLAINT_BYTES = 300


class Undrawable(Exception):
    """No try will ever make a picture of it. The message says why, for whoever has uploaded it."""


class NoRoom(Exception):
    """The disk is full where it is at work."""


class Unfinished(Exception):
    """It came to no end, and another try may."""


class _Answer(msgspec.Struct):
    rejected: str = ""


async def make(file: File, order: Order, source: Path, folder: Path, settings: Settings) -> Made:
    """What was made of `source`, into the folder. Raises `Undrawable`, `NoRoom`, `Unfinished`."""
    complaint = folder / "complaint"
    with complaint.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            str(_PROGRAM),
            _told(file, order, source, folder, settings),
            cwd=folder,
            # Nothing of ours: no secret, no address.
            env={"PATH": os.defpath, "LC_ALL": "C"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
    try:
        async with asyncio.timeout(settings.worker_seconds):
            status = await process.wait()
    except TimeoutError:
        raise Unfinished(f"it took longer than {settings.worker_seconds:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if status in {-signal.SIGXCPU, 128 + signal.SIGXCPU}:
        raise Undrawable("It takes longer than a picture may.")
    if status == draw.NO_ROOM:
        raise NoRoom
    if status:
        raise Unfinished(f"its process ended with status {status}: {await asyncio.to_thread(_end_of, complaint)}")
    return await asyncio.to_thread(_answer_in, folder)


def _told(file: File, order: Order, source: Path, folder: Path, settings: Settings) -> str:
    """Its one argument. It runs in that folder, where a path that is relative to ours leads nowhere."""
    told: dict[str, Any] = {
        "source": str(source.absolute()),
        "folder": str(folder.absolute()),
        "kind": file.kind,
        "tag": order.tag,
        "widths": order.widths,
        "squares": order.squares,
        "focal": file.focal,
        "most_pixels": MOST_PIXELS,
        "megabytes": settings.worker_megabytes,
        "cpu_seconds": settings.worker_cpu_seconds,
        "parent": os.getpid(),
    }
    return msgspec.json.encode(told).decode()


def _end_of(complaint: Path) -> str:
    """What it said last, which an operator reads in the log."""
    with complaint.open("rb") as said:
        said.seek(max(0, complaint.stat().st_size - _MOST_COMPLAINT_BYTES))
        lines = said.read().decode(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "it said nothing")


def _answer_in(folder: Path) -> Made:
    answer = (folder / "answer.json").read_bytes()
    if len(answer) > _MOST_ANSWER_BYTES:
        raise Undrawable("Nothing sensible came of it.")
    try:
        if rejected := msgspec.json.decode(answer, type=_Answer).rejected:
            raise Undrawable(rejected)
        return msgspec.json.decode(answer, type=Made)
    except msgspec.MsgspecError:
        raise Undrawable("Nothing sensible came of it.") from None
