"""Pictures that could not be made are tried again when staff say so, and the log is not full of them."""

from __future__ import annotations

import asyncio
import logging

from media.conftest import ADA, ADMIN, SELLER, Studio
from media.pictures import jpeg

from stoa.services.media import make_pictures, seldom, worker
from stoa.services.media.make_pictures import MOST_ATTEMPTS
from stoa.services.media.seldom import Seldom


async def given_up(studio: Studio, content: bytes | None = None) -> str:
    """A file for which the machine had no time."""
    file = await studio.add(content or jpeg(40, 40))
    await give_up(studio)
    return file["id"]


async def give_up(studio: Studio) -> None:
    hasty = studio.having(worker_seconds=0.001)
    for _ in range(MOST_ATTEMPTS):
        await hasty.draw()
        await studio.db.execute("UPDATE files SET due_at = now() WHERE due_at IS NOT NULL")


async def test_one_that_was_given_up_is_made_after_all(studio):
    file_id = await given_up(studio)
    path = f"/media/{file_id}/pictures"
    again = await studio.rest.ok("POST", path, user=ADMIN)
    assert (again["state"], again["reason"], again["version"]) == ("uploaded", None, 2 + 1)
    before = await studio.rows()
    assert await studio.rest.ok("POST", path, user=ADMIN) == again, "it is under way"
    assert await studio.rows() == before
    await studio.draw()
    file = await studio.rest.ok("GET", f"/media/{file_id}", user=ADMIN)
    assert (file["state"], file["picture"]["revision"]) == ("ready", 1)
    assert await studio.db.fetchval("SELECT count(*) FROM event_log") == 1
    assert await studio.rest.ok("POST", path, user=ADMIN) == file, "it is there"
    [act] = await studio.db.fetch("SELECT subject, before, after FROM staff_acts WHERE act = 'file.retried'")
    said = {"state": "rejected", "reason": f"It could not be read in {MOST_ATTEMPTS} tries."}
    assert (act["subject"], act["before"], act["after"]) == (file_id, said, {"state": "uploaded"})


async def test_one_whose_focal_point_moved_in_vain_is_cut_after_all(studio):
    file = await studio.ready(jpeg(60, 30))
    moved = {"focal_x": 0, "focal_y": 0}
    await studio.rest.ok("PATCH", f"/media/{file['id']}", moved, user=ADMIN)
    await give_up(studio)
    path = f"/media/{file['id']}"
    left = await studio.rest.ok("GET", path, user=ADMIN)
    assert (left["state"], left["picture"]) == ("ready", file["picture"])
    assert (await studio.rest.ok("POST", f"{path}/pictures", user=ADMIN))["picture"] == file["picture"]
    await studio.draw()
    picture = (await studio.rest.ok("GET", path, user=ADMIN))["picture"]
    assert (picture["focal_x"], picture["revision"]) == (0, 2)


async def test_of_two_at_once_one_is_the_retry(studio):
    file_id = await given_up(studio)
    both = [studio.rest.ok("POST", f"/media/{file_id}/pictures", user=ADMIN) for _ in range(2)]
    first, second = await asyncio.gather(*both)
    assert first == second
    assert await studio.db.fetchval("SELECT count(*) FROM staff_acts WHERE act = 'file.retried'") == 1


async def test_the_same_content_that_came_again_stays_one_file(studio):
    content = jpeg(40, 40)
    file_id = await given_up(studio, content)
    assert (await studio.add(content))["id"] != file_id
    before = await studio.rows()
    refused = await studio.rest.send("POST", f"/media/{file_id}/pictures", user=ADMIN)
    assert (refused.status, refused.problem, refused.body["field"]) == (409, "file-there-again", "file_id")
    assert await studio.rows() == before


async def test_it_is_for_staff_and_changes_nothing_of_a_document(studio):
    file_id = await given_up(studio)
    avatar = await studio.add(jpeg(30, 30), ADA, purpose="avatar")
    pdf = b"%PDF-1.7\n%%EOF\n"
    document = await studio.add(pdf, purpose="document")
    before = await studio.rows()
    for user, of, status in (
        (SELLER, file_id, 403),
        (ADA, file_id, 403),
        (None, file_id, 401),
        (ADMIN, avatar["id"], 404),
        (ADMIN, document["id"], 200),
    ):
        assert (await studio.rest.send("POST", f"/media/{of}/pictures", user=user)).status == status
    assert await studio.rows() == before


async def test_many_that_fail_are_a_line_in_the_log(studio, caplog, monkeypatch):
    monkeypatch.setattr(worker, "_PROGRAM", worker._PROGRAM.with_name("nowhere.py"))
    for width in range(20, 25):
        await studio.add(jpeg(width, 20))
    await studio.draw()
    assert await studio.db.fetchval("SELECT count(*) FROM files WHERE attempts = 1") == 5
    assert len([each for each in caplog.records if each.message == "a picture waits"]) == 1


def test_what_was_not_told_is_counted(caplog, monkeypatch):
    seldom_told = Seldom(logging.getLogger("test"))
    for why in "abc":
        seldom_told.tell(logging.WARNING, "it fails", why=why)
    monkeypatch.setattr(seldom.time, "monotonic", lambda: 1e12)
    seldom_told.tell(logging.WARNING, "it fails", why="d")
    assert [(each.why, each.times) for each in caplog.records] == [("a", 1), ("d", 3)]


async def test_whoever_is_at_work_keeps_his_file(studio, monkeypatch):
    """For as long as that takes, and who is killed no longer than that."""
    monkeypatch.setattr(make_pictures, "CLAIM_SECONDS", 0.2)
    make = worker.make
    due_at = "SELECT due_at FROM files"

    async def slow(*words):
        first = await studio.db.fetchval(due_at)
        while await studio.db.fetchval(due_at) == first:
            await asyncio.sleep(0.01)
        return await make(*words)

    monkeypatch.setattr(make_pictures.worker, "make", slow)
    assert (await studio.ready(jpeg(20, 20)))["state"] == "ready"
