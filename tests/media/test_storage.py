"""What every storage of files keeps to; a bucket is one more parameter where there is one."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from stoa.kit.settings import BadSetting
from stoa.ports.media import Absent, MediaStore
from stoa.services.media.settings import Settings
from stoa.services.media.storage import Folder, bucket

KEY = "originals/ab/0192-ab"


@pytest.fixture(params=["folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> MediaStore:
    return {"folder": lambda: Folder(tmp_path / "kept")}[request.param]()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "content"
    file.write_bytes(os.urandom(700_000))
    return file


async def content_of(store: MediaStore, key: str) -> bytes:
    opened = await store.open(key)
    content = b"".join([piece async for piece in opened.pieces])
    assert len(content) == opened.size
    return content


async def listed(store: MediaStore, prefix: str) -> list[tuple[str, int]]:
    return sorted([(each.key, each.size) async for each in store.list(prefix)])


async def test_what_is_put_is_there(store, file):
    assert await listed(store, "originals") == []
    with pytest.raises(Absent):
        await store.open(KEY)
    await store.put(KEY, file)
    assert await content_of(store, KEY) == file.read_bytes()
    assert await listed(store, "originals") == [(KEY, 700_000)]
    assert await listed(store, "pictures") == []


async def test_the_same_again_and_at_once(store, file):
    await asyncio.gather(*(store.put(KEY, file) for _ in range(4)))
    assert await content_of(store, KEY) == file.read_bytes()
    assert await listed(store, "originals") == [(KEY, 700_000)]


async def test_what_is_removed_is_gone_and_what_is_not_there_is_no_error(store, file):
    await store.put(KEY, file)
    await store.put("originals/ab/other", file)
    await store.remove([KEY, "originals/ab/none"])
    await store.remove([KEY])
    assert await listed(store, "originals") == [("originals/ab/other", 700_000)]


async def test_no_key_leads_out_of_it(store, file):
    for key in ("../out", "originals/../../out", "originals/a//b", "originals/a\0b"):
        with pytest.raises(ValueError, match="Could not parse path"):
            await store.put(key, file)
    assert await listed(store, "originals") == []


async def test_a_file_is_never_seen_by_halves(store, file):
    """Whoever lists or opens while it is put finds all of it or nothing."""
    putting = [asyncio.create_task(store.put(f"originals/ab/{n}", file)) for n in range(8)]
    while not all(each.done() for each in putting):
        for key, size in await listed(store, "originals"):
            assert "#" in key or size == 700_000
        await asyncio.sleep(0)
    await asyncio.gather(*putting)


def test_a_bucket_has_to_be_named_and_tells_no_key():
    with pytest.raises(BadSetting, match="STOA_MEDIA_S3_BUCKET is not set"):
        bucket(Settings(store="s3"))
    given = Settings(s3_bucket="shop", s3_endpoint="http://127.0.0.1:9", s3_access_key="ada", s3_secret_key=KEY)
    assert KEY not in repr(bucket(given)._objects)
