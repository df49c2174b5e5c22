"""Make the pictures of a file of our own, to see that this machine can: `stoa doctor` asks for it."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from tempfile import TemporaryDirectory

from stoa.kit import clock
from stoa.kit.ids import uuid7
from stoa.services.media import worker
from stoa.services.media.file_rows import File
from stoa.services.media.recipe import FORMATS, Order
from stoa.services.media.settings import Settings

_DOT = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg==")
"""A PNG of one pixel."""


async def try_out(settings: Settings) -> int:
    """How many pictures were made. Raises `worker.Undrawable` or `worker.Unfinished`."""
    dot = File(
        id=uuid7(),
        purpose="product",
        owner="shop",
        uploader=None,
        kind="png",
        size=len(_DOT),
        sha256=bytes(32),
        alt="",
        state="uploaded",
        link_key=bytes(32),
        created_at=clock.now(),
    )
    with TemporaryDirectory(prefix="stoa-picture-") as name:
        folder = Path(name)
        source = await asyncio.to_thread(_dot_in, folder)
        await worker.make(dot, Order("dot", (1,), (1,)), source, folder, settings)
        return sum([await asyncio.to_thread((folder / f"dot-1.{each}").exists) for each in FORMATS])


def _dot_in(folder: Path) -> Path:
    place = folder / "source"
    place.write_bytes(_DOT)
    return place
