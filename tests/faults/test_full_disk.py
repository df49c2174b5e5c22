"""The disk of files is full, or that of what is at work: uploads are refused whole, and pictures wait."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from faults.installation import Installation
from faults.test_media import send, shown
from journeys.client import Shopper
from media.pictures import jpeg, written
from PIL import Image


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of some megabytes over a folder, which is full; what is yielded takes the room."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "none", folder], check=False).returncode:
        pytest.skip("root may not mount here")
    try:
        ballast = folder / "ballast"
        ballast.write_bytes(bytes(7 << 20))
        yield ballast
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(ballast: Path, *, but_for: int) -> None:
    with ballast.open("ab", buffering=0) as out:
        with suppress(OSError):
            while out.write(bytes(4096)):
                continue
        out.truncate(out.tell() - but_for)


async def make_due(shop: Installation, admin: Shopper, file_id: str, alt: str) -> None:
    """Now; a change of the file has the shop look what is due."""
    due = "UPDATE files SET due_at = now() WHERE id = $1 AND due_at IS NOT NULL"
    await shop.databases["media"].execute(due, file_id)
    await admin.ok("PATCH", f"/media/{file_id}", {"alt": alt})


async def tried(shop: Installation, admin: Shopper, file_id: str, number: int) -> None:
    """In vain once more, and not held against it."""
    postponed = "SELECT attempts, due_at > now() AS later FROM files WHERE id = $1"
    await make_due(shop, admin, file_id, f"try {number}")
    async with asyncio.timeout(30):
        while tuple(await shop.databases["media"].fetchrow(postponed, file_id)) != (0, True):
            await asyncio.sleep(0.05)
    assert (await admin.ok("GET", f"/media/{file_id}"))["state"] == "uploaded"


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root may mount a small disk")
@pytest.mark.parametrize("full", ["files/media", "cache/shop/media"])
async def test_a_full_disk(shop: Installation, full: str):
    """Nothing of what was refused is left, and what was taken before waits for room, however long that takes."""
    await shop.start()
    admin = await shop.admin()
    db = shop.databases["media"]
    async with asyncio.timeout(120):
        while await db.fetchval("SELECT count(*) FROM files WHERE due_at IS NOT NULL"):
            await asyncio.sleep(0.1)
    with small_disk(shop.data_dir.path / full) as ballast:
        small, large = jpeg(60, 60), written(Image.effect_noise((1500, 1500), 90), "JPEG", quality=98)
        assert len(large) > 1 << 20
        before = await db.fetchval("SELECT count(*) FROM files")
        refused = await send(admin, large)
        assert refused is not None
        assert (refused.status, refused.problem) == (503, "media-storage-unavailable"), refused
        assert await db.fetchval("SELECT count(*) FROM files") == before
        left = [each for each in ballast.parent.rglob("*") if each.is_file() and each != ballast]
        assert left == []
        # Room for what comes, and not for what is made of it.
        fill(ballast, but_for=8192)
        taken = await send(admin, small)
        assert taken is not None and taken.status == 201, taken
        file_id = taken.body["id"]
        for number in range(7):
            await tried(shop, admin, file_id, number)
        ballast.unlink()
        await make_due(shop, admin, file_id, "at last")
        await shown(admin, file_id)
        again = await send(admin, large)
        assert again is not None and again.status == 201, again
        await shown(admin, again.body["id"])
