"""What the code is made of, and when a file of it changes: for a shop that starts again with it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import stoa

LOOK_EVERY_SECONDS = 0.4
SUFFIXES = frozenset({".py", ".sql", ".toml", ".html", ".txt", ".css", ".js"})

Stamps = Mapping[Path, int]


def stamps() -> Stamps:
    """When each file was last written, in nanoseconds."""
    found = {}
    for file in Path(stoa.__file__).parent.rglob("*"):
        if file.suffix in SUFFIXES:
            try:
                found[file] = file.stat().st_mtime_ns
            except OSError:
                continue  # removed while we look: that is a change as well
    return found


async def changed(before: Stamps) -> list[Path]:
    """Wait until some file is not as it was; which, once nothing changes any more: an editor writes several."""
    now = before
    while True:
        await asyncio.sleep(LOOK_EVERY_SECONDS)
        last, now = now, await asyncio.to_thread(stamps)
        if now != before and now == last:
            return sorted(file for file in now.keys() | before.keys() if now.get(file) != before.get(file))
