"""Files of strangers while the process is killed, of many at once, and as bad as files can be."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from faults.installation import Installation
from journeys.client import Answer, Shopper
from media.corpus import corpus
from media.pictures import jpeg, opened

UPLOADS = 24
KILLS = 4
ROOM = 128 * 1024 * 1024
"""By how much the shop's process may grow, whatever comes; what decodes it is another."""


async def send(who: Shopper, content: bytes, *, piece_seconds: float = 0.0, purpose: str = "product") -> Answer | None:
    """An upload, in pieces if they take time; None where no answer came."""

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(content), 8192):
            yield content[at : at + 8192]
            await asyncio.sleep(piece_seconds)

    url, headers = f"{who.base_url}/api/v1/media?purpose={purpose}", {"Authorization": f"Bearer {who.token}"}
    body = pieces() if piece_seconds else io.BytesIO(content)
    try:
        async with who.session.post(url, data=body, headers=headers) as answer:
            return Answer(answer.status, answer.headers, json.loads(await answer.read()))
    except aiohttp.ClientError:
        return None


async def shown(who: Shopper, file_id: str) -> Any:
    """The file, once its pictures are made."""
    return await who.until(f"/media/{file_id}", lambda file: file["state"] == "ready", within_seconds=120)


def original(shop: Installation, file_id: str) -> Path:
    return shop.data_dir.path / "files" / "media" / "originals" / file_id[-2:] / file_id


def drawing(shop: Installation) -> list[psutil.Process]:
    """The processes that make pictures for it."""
    here = str(shop.data_dir.path)
    found = []
    for each in psutil.process_iter():
        try:
            words = " ".join(each.cmdline())
        except psutil.Error:
            continue
        if "draw.py" in words and here in words:
            found.append(each)
    return found


async def test_killed_while_files_come_and_pictures_are_made(shop: Installation, chance: random.Random):
    """What was answered is there, and whole; what was sent again is there once."""
    await shop.start()
    admin = await shop.admin()
    contents = [jpeg(chance.randrange(600, 1800), 900, quality=95) for _ in range(UPLOADS)]
    taken: dict[str, bytes] = {}

    async def upload(content: bytes) -> None:
        await asyncio.sleep(chance.uniform(0, 4))
        while True:
            answer = await send(admin, content, piece_seconds=chance.uniform(0.001, 0.05))
            if answer is not None and answer.status in {200, 201}:
                taken[answer.body["id"]] = content
                return
            assert answer is None or answer.status == 503, answer
            await asyncio.sleep(0.1)

    async def kill() -> None:
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.1, 1.5))
            shop.kill()
            await shop.start()

    await asyncio.gather(kill(), *map(upload, contents))
    assert len(taken) == UPLOADS
    for file_id, content in taken.items():
        file = await shown(admin, file_id)
        assert file["size"] == len(content)
        kept = await asyncio.to_thread(original(shop, file_id).read_bytes)
        assert hashlib.sha256(kept).digest() == hashlib.sha256(content).digest()
        for one in file["picture"]["sizes"]:
            for url in (one["webp"], one["avif"]):
                async with shop.http.get(shop.base_url + url) as answer:
                    picture = opened(await answer.read())
                picture.load()
                assert picture.size == (one["width"], one["height"])
    rows = "SELECT count(*) FROM files WHERE id = ANY($1::uuid[]) OR sha256 = ANY($2::bytea[])"
    digests = [hashlib.sha256(content).digest() for content in contents]
    assert await shop.databases["media"].fetchval(rows, list(taken), digests) == UPLOADS
    shop.kill()
    async with asyncio.timeout(20):
        while drawing(shop):
            await asyncio.sleep(0.05)
    await shop.start()
    await shop.must_be_sound()


async def test_the_same_bytes_from_many_at_once(shop: Installation):
    await shop.start()
    admin = await shop.admin()
    content = jpeg(700, 500, quality=95)
    answers = await asyncio.gather(*(send(admin, content, piece_seconds=0.02) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [200] * 7 + [201]
    [file_id] = {answer.body["id"] for answer in answers}
    assert (await shown(admin, file_id))["picture"]["revision"] == 1
    named = sum(each.read_bytes() == content for each in (shop.data_dir.path / "files").rglob("originals/*/*"))
    assert named == 1
    await shop.must_be_sound()


async def test_whatever_comes_the_shop_lives(shop: Installation):
    """Through the one door, several at once: each is refused as the sender's fault or ends as it should."""
    await shop.start()
    admin = await shop.admin()
    process = shop.process()
    at_rest = process.memory_info().rss
    files: dict[str, str] = {}
    some = asyncio.Semaphore(6)

    async def post(name: str, content: bytes, purpose: str) -> None:
        async with some:
            answer = await send(admin, content, purpose=purpose)
        assert answer is not None, name
        if answer.status in {200, 201}:
            files[answer.body["id"]] = name
        else:
            assert 400 <= answer.status < 500, (name, answer)
            assert answer.problem, name
            assert answer.body["field"] == "body", (name, answer)

    hostile = list(corpus())
    assert len(hostile) >= 60
    await asyncio.gather(*(post(each.name, each.content, each.purpose) for each in hostile))
    assert files, "some are only seen to be bad when they are drawn"
    for file_id, name in files.items():
        ended = await admin.until(f"/media/{file_id}", lambda file: file["state"] != "uploaded", within_seconds=240)
        assert ended["state"] == "ready" or ended["reason"], name
    assert peak_bytes(process) - at_rest < ROOM
    assert shop.process() == process, "nobody has started it again"
    answer = await send(admin, jpeg())
    assert answer is not None
    await shown(admin, answer.body["id"])


def peak_bytes(process: psutil.Process) -> int:
    """The most that it ever had in memory."""
    said = Path(f"/proc/{process.pid}/status").read_text()
    return int(said.partition("VmHWM:")[2].split()[0]) * 1024
