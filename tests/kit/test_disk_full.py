"""A disk that is really full: a file system of a few megabytes, which only root may mount."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import asyncpg
import pytest

from stoa.kit.db import Database, DiskFull
from stoa.runtime import account

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0,
    reason="only root may mount a small disk; what the errors mean is tested without one in test_db.py",
)


@pytest.fixture
async def small_disk(postgres):
    """A tablespace on four megabytes; its name."""
    with tempfile.TemporaryDirectory(prefix="stoa-small-disk-") as folder:
        Path(folder).chmod(0o755)
        disk = Path(folder) / "disk"
        disk.mkdir()
        server = account.of_server()
        options = f"size=4m,uid={server.uid},gid={server.gid},mode=0700"
        if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", disk], check=False).returncode:
            pytest.skip("root may not mount here either")
        admin = await asyncpg.connect(postgres.dsn())
        try:
            await admin.execute(f"CREATE TABLESPACE small_disk LOCATION '{disk}'")
            await admin.execute("GRANT CREATE ON TABLESPACE small_disk TO PUBLIC")
            yield "small_disk"
            await admin.execute("DROP TABLESPACE small_disk")
        finally:
            await admin.close()
            subprocess.run(["umount", disk], check=True)


async def test_a_full_disk_is_503_and_said_until_there_is_room_again(database, small_disk) -> None:
    made = await database("cart")
    db = Database(
        "cart", made.dsn, made.size, settings={"default_tablespace": small_disk, "temp_tablespaces": small_disk}
    )
    await db.execute("CREATE TABLE thing (page text STORAGE PLAIN)")
    await db.execute("CREATE TABLE ballast AS SELECT FROM generate_series(1, 60000)")
    await db.check()

    async def fill() -> None:
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO thing SELECT repeat('x', 7000) FROM generate_series(1, 1000)")

    for _ in range(2):
        with pytest.raises(DiskFull) as refused:
            await fill()
    assert (refused.value.status, refused.value.type, refused.value.members) == (
        503,
        "/problems/disk-full",
        {"retry_after_seconds": 30},
    )
    assert await db.fetchval("SELECT count(*) FROM thing") == 0
    # Reading goes on, and so may a write that fits into what is there: it is not healthy for that.
    for _ in range(2):
        with pytest.raises(DiskFull):
            await db.check()
    await db.execute("DROP TABLE ballast, thing")
    await db.check()
    assert db._full is False
    await db.close()
    await made.close()
