"""The port to where the bytes of files are kept: a folder, a bucket.

What is put there under a key never changes: other bytes have another key. Keys are made by us of ids and digests, in
lower-case letters, digits, `-`, `.` and `/`; nothing of them comes from outside.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


class Absent(Exception):
    """For `MediaStore.open` to raise: there is nothing under the key."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What is kept under a key, to be read once."""

    size: int
    pieces: AsyncGenerator[bytes, None]


@dataclass(frozen=True, slots=True)
class Kept:
    """That something is kept. `at` is since when."""

    key: str
    size: int
    at: datetime


class MediaStore(Protocol):
    """Any error but `Absent` means that it may work later."""

    async def put(self, key: str, file: Path) -> None:
        """Keep what the file has: when this returns it outlives a crash, and before that nothing is there. The same
        again changes nothing."""

    async def open(self, key: str) -> Opened:
        """Raises `Absent`."""

    async def remove(self, keys: Sequence[str]) -> None:
        """Those that are there; the others are no error."""

    def list(self, prefix: str) -> AsyncIterator[Kept]:
        """All whose keys begin with the folder `prefix`, in any order, and what a crash left there of one that was
        being put. What is put meanwhile may be missing."""
