"""Pictures are made in a process that may die, hang or ask for too much; by several who take turns, and once."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import psutil
from media.conftest import ADMIN
from media.pictures import image, jpeg, written
from PIL import Image

from stoa.services.media import make_pictures, worker
from stoa.services.media.make_pictures import MOST_ATTEMPTS, Making

STATE = "SELECT state, reason, attempts, due_at IS NOT NULL AS due FROM files"


async def state(studio) -> tuple:
    return tuple(await studio.db.fetchrow(STATE))


def children() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if "draw.py" in " ".join(each.cmdline())]


async def test_one_that_is_killed_is_begun_again(studio):
    await studio.add(jpeg(2000, 1500))
    making = asyncio.create_task(studio.draw())
    while not (found := children()):
        await asyncio.sleep(0.005)
    found[0].kill()
    assert await making > 0
    assert await state(studio) == ("uploaded", None, 1, True)
    await studio.db.execute("UPDATE files SET due_at = now()")
    assert await studio.draw() is None
    assert await state(studio) == ("ready", None, 0, False)


async def test_it_finds_its_file_where_the_shop_was_given_a_relative_folder(studio, tmp_path: Path, monkeypatch):
    """As `make up` does, whose data lie in `.stoa`."""
    monkeypatch.chdir(tmp_path)
    here = replace(studio, media=replace(studio.media, scratch=Path("scratch")))
    assert (await here.ready(jpeg(20, 20)))["state"] == "ready"


async def test_what_its_process_says_last_is_in_the_log(studio, monkeypatch, caplog):
    monkeypatch.setattr(worker, "_PROGRAM", Path("nowhere.py"))
    await studio.add(jpeg(20, 20))
    await studio.draw()
    (record,) = [each for each in caplog.records if each.message == "a picture waits"]
    assert "No such file" in record.why


async def test_one_that_never_comes_to_an_end_is_given_up(studio):
    await studio.add(jpeg(1000, 1000))
    hasty = studio.having(worker_seconds=0.02)
    for _ in range(MOST_ATTEMPTS):
        await studio.db.execute("UPDATE files SET due_at = now()")
        await hasty.draw()
        assert children() == []
    assert await state(studio) == ("rejected", "It could not be read in 5 tries.", MOST_ATTEMPTS, False)
    assert await hasty.draw() is None


async def test_one_that_computes_too_long_or_takes_too_much_memory_is_rejected(studio):
    noise = written(Image.effect_noise((2600, 2500), 90).convert("RGB"), "PNG", compress_level=1)
    await studio.add(written(image(1, 1).resize((6000, 6000)), "PNG"))
    await studio.having(worker_megabytes=120).draw()
    assert await state(studio) == ("rejected", "It takes more memory than a picture may.", 1, False)
    await studio.db.execute("DELETE FROM files")
    await studio.add(noise)
    await studio.having(worker_cpu_seconds=1).draw()
    assert (await state(studio))[:2] == ("rejected", "It takes longer than a picture may.")


async def test_a_round_that_is_ended_takes_its_process_along(studio):
    await studio.add(jpeg(2000, 1500))
    making = asyncio.create_task(studio.draw())
    while not children():
        await asyncio.sleep(0.005)
    making.cancel()
    await asyncio.gather(making, return_exceptions=True)
    assert children() == []
    assert list(studio.media.scratch.iterdir()) == []


async def test_a_process_ends_with_its_parent(studio, tmp_path: Path):
    """Whoever starts one and is killed leaves nobody at work."""
    order = '{"parent": 1, "megabytes": 500, "cpu_seconds": 5}'
    process = await asyncio.create_subprocess_exec("python", "-I", worker._PROGRAM, order, cwd=tmp_path)
    assert await process.wait() == 1, "its parent is not who it says"
    program = f"""
import os, subprocess, sys
told = '{{"parent": %d, "megabytes": 500, "cpu_seconds": 5, "source": "fifo", "folder": ".",' % os.getpid()
told += '"kind": "png", "tag": "t", "widths": [1], "squares": [1], "most_pixels": 1}}'
child = subprocess.Popen([sys.executable, "-I", {str(worker._PROGRAM)!r}, told])
print(child.pid, flush=True)
child.wait()
"""
    os.mkfifo(tmp_path / "fifo")
    pipe = asyncio.subprocess.PIPE
    parent = await asyncio.create_subprocess_exec("python", "-c", program, cwd=tmp_path, stdout=pipe)
    child = psutil.Process(int(await parent.stdout.readline()))
    while not any("fifo" in word for word in child.cmdline()):
        await asyncio.sleep(0.01)
    # It waits for somebody to write, for ever.
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    await asyncio.to_thread(child.wait, 20)


async def test_it_is_given_no_secret(studio, monkeypatch):
    seen = []
    spawn = asyncio.create_subprocess_exec

    async def spy(*words, env, **more):
        seen.append(env)
        return await spawn(*words, env=env, **more)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", spy)
    monkeypatch.setenv("STOA_SECRET", "x" * 40)
    await studio.ready(jpeg(20, 20))
    assert [set(env) for env in seen] == [{"PATH", "LC_ALL"}]


async def test_several_processes_take_turns_and_make_each_once(studio):
    for width in range(30, 34):
        await studio.add(jpeg(width, 30))
    twin = replace(studio.media)
    await asyncio.gather(Making(studio.media).round(), Making(twin).round())
    rows = await studio.db.fetch("SELECT state, revision, version FROM files")
    assert [tuple(row) for row in rows] == [("ready", 1, 2)] * 4
    assert len(await studio.db.fetch("SELECT FROM event_log")) == 4


async def test_a_focal_point_that_moves_meanwhile_is_the_one_that_counts(studio, monkeypatch):
    file = await studio.add(jpeg(60, 30))
    make = worker.make

    async def slow(*words):
        made = await make(*words)
        monkeypatch.setattr(make_pictures.worker, "make", make)
        moved = {"focal_x": 0, "focal_y": 0}
        await studio.rest.ok("PATCH", f"/media/{file['id']}", moved, user=ADMIN)
        return made

    monkeypatch.setattr(make_pictures.worker, "make", slow)
    assert await studio.draw() is None
    picture = (await studio.rest.ok("GET", f"/media/{file['id']}", user=ADMIN))["picture"]
    assert (picture["focal_x"], picture["revision"]) == (0, 1)


async def test_at_rest_one_statement_and_no_process(studio):
    await studio.ready(jpeg(20, 20))
    assert await studio.draw() is None
    assert children() == []
