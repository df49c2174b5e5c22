"""What is named stays, what nobody names ends, and no crash leaves a row without its bytes."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest
from counting import Counting
from media.conftest import ADA, ADMIN, SELLER, Studio
from media.pictures import jpeg

from stoa.kit.http.preconditions import ANYTHING
from stoa.kit.ids import uuid7
from stoa.services.media import repository
from stoa.services.media.handlers import leave_those_with_files
from stoa.services.media.jobs import end_files, sweep
from stoa.services.media.recipe import original_key
from stoa.services.media.routes import routes
from stoa.services.user import repository as user_repository
from stoa.services.user.avatars import remove_avatar, set_avatar
from stoa.services.user.repository import Profile
from stoa.testing import Rest


class Died(BaseException):
    pass


def dying(studio: Studio, at: str) -> Studio:
    """One whose process ends where it reaches `at`."""

    def reach(point: str) -> None:
        if point == at:
            raise Died

    media = replace(studio.media, reach=reach)
    return replace(studio, media=media, rest=Rest(routes.bind(media), media.db))


def age(studio: Studio, days: int) -> None:
    """What is kept by now, is since so long."""
    then = time.time() - days * 86_400
    for key in studio.kept():
        os.utime(studio.files / key, (then, then))


async def test_who_dies_between_file_and_row_leaves_no_row_and_the_file_is_swept(studio):
    assert (await dying(studio, "media:kept").send(jpeg(30, 30))).status == 500
    assert await studio.db.fetch("SELECT FROM files") == []
    [orphan] = studio.kept()
    kept = await studio.add(jpeg(30, 30))
    # Half written, as by who dies within.
    (studio.files / f"{orphan}#1").write_bytes(b"half")
    assert await sweep(studio.media) == 0
    age(studio, 3)
    assert await sweep(studio.media) == 2
    assert studio.kept() == {original_key(kept["id"])}


async def test_who_dies_between_pictures_and_row_makes_them_again(studio):
    file = await studio.add(jpeg(30, 30))
    with pytest.raises(Died):
        await dying(studio, "media:drawn").draw()
    assert (await studio.rest.ok("GET", f"/media/{file['id']}", user=ADMIN))["state"] == "uploaded"
    there = studio.kept()
    await studio.db.execute("UPDATE files SET due_at = now()")
    await studio.draw()
    assert (await studio.rest.ok("GET", f"/media/{file['id']}", user=ADMIN))["state"] == "ready"
    assert studio.kept() == there


async def test_pictures_of_another_focal_point_are_swept(studio):
    file = await studio.ready(jpeg(30, 30))
    old = studio.kept()
    await studio.rest.ok("PATCH", f"/media/{file['id']}", {"focal_x": 0, "focal_y": 0}, user=ADMIN)
    await studio.draw()
    age(studio, 3)
    assert await sweep(studio.media) == len(old) - 1
    assert len(studio.kept()) == len(old)


async def test_what_nobody_names_ends_and_what_somebody_names_stays(studio):
    named, alone = await studio.ready(jpeg(30, 30)), await studio.ready(jpeg(31, 30))
    product = uuid7()
    await studio.hear("product.created", product, 1, files={named["id"]: 1})
    assert (await studio.rest.ok("GET", f"/media/{named['id']}", user=ADMIN))["in_use"]
    await studio.db.execute("UPDATE files SET unused_at = unused_at - interval '31 days'")
    await end_files(studio.media)
    assert (await studio.get(named["picture"]["sizes"][0]["webp"])).status == 200
    assert (await studio.get(alone["picture"]["sizes"][0]["webp"])).status == 404
    assert any(alone["id"] in key for key in studio.kept()), "for those who have taken a backup meanwhile"
    assert (await repository.owned(studio.db, "shop")).files == 1
    await studio.db.execute("UPDATE files SET ended_at = ended_at - interval '3 days'")
    await end_files(studio.media)
    assert not any(alone["id"] in key for key in studio.kept())
    assert await studio.db.fetchval("SELECT count(*) FROM files") == 1

    # Archived it is named, and no more once it is taken out; what is late says nothing.
    await studio.hear("product.updated", product, 2, files=None)
    assert (await studio.rest.send("DELETE", f"/media/{named['id']}", user=ADMIN)).problem == "file-in-use"
    await studio.hear("product.updated", product, 3, files={})
    await studio.hear("product.updated", product, 2, files={named["id"]: 1})
    assert not (await studio.rest.ok("GET", f"/media/{named['id']}", user=ADMIN))["in_use"]
    await studio.rest.ok("DELETE", f"/media/{named['id']}", user=ADMIN, status=204)


async def test_who_names_no_file_and_never_did_is_done_with_one_statement(studio):
    file = await studio.ready(jpeg(30, 30))
    before, now, never, ada = (uuid7() for _ in range(4))
    await studio.hear("product.created", before, 1, files={file["id"]: 1})
    bare = [studio.event("product.created", never, 1, files={}), studio.event("product.updated", never, 2, files=None)]
    told = [
        studio.event("product.updated", before, 2, files={}),
        studio.event("product.created", now, 1, files={file["id"]: 1}),
        studio.event("user.deleted", ada, 1, user_id=ada),
    ]
    db = Counting(studio.db)
    async with db.transaction() as tx:
        await db.taken()
        assert await leave_those_with_files(tx, [*bare, *told]) == told
        assert len(await db.taken()) == 1
    await db.close()


async def test_a_file_that_a_product_shows_is_in_use_before_that_is_heard(studio):
    file = await studio.ready(jpeg(30, 30))
    mug = {"slug": "mug", "name": "Mug", "images": [{"file_id": file["id"]}]}
    mug["variants"] = [{"sku": "MUG", "price": {"amount": 500, "currency": "GBP"}}]
    await studio.catalog.ok("POST", "/products", mug, status=201, user=ADMIN)
    before = await studio.rows()
    refused = await studio.rest.send("DELETE", f"/media/{file['id']}", user=ADMIN)
    assert (refused.status, refused.problem, refused.body["field"]) == (409, "file-in-use", "file_id")
    assert await studio.rows() == before
    await studio.catalog.ok("PATCH", "/products/mug", {"images": []}, user=ADMIN)
    await studio.rest.ok("DELETE", f"/media/{file['id']}", user=ADMIN, status=204)


@pytest.mark.parametrize("pages", ["categories", "collections"])
async def test_a_file_that_a_page_shows_is_in_use(studio, pages):
    file = await studio.ready(jpeg(30, 30))
    url = file["picture"]["sizes"][0]["webp"]
    cups = {"slug": "cups", "name": "Cups"}
    banner = {"image": {"url": url, "alt": ""}}
    await studio.catalog.ok("POST", f"/{pages}", cups | banner, status=201, user=ADMIN)
    assert (await studio.rest.send("DELETE", f"/media/{file['id']}", user=ADMIN)).problem == "file-in-use"
    assert (await studio.get(url)).status == 200
    await studio.db.execute("UPDATE files SET unused_at = now() - interval '31 days'")
    await end_files(studio.media)
    assert (await studio.rest.ok("GET", f"/media/{file['id']}", user=ADMIN))["in_use"] is False
    await studio.catalog.ok("PUT", f"/{pages}/cups", cups, user=ADMIN)
    await studio.rest.ok("DELETE", f"/media/{file['id']}", user=ADMIN, status=204)


async def test_a_file_that_no_page_shows_any_more_ends(studio):
    file = await studio.ready(jpeg(30, 30))
    cups = {"slug": "cups", "name": "Cups"}
    banner = {
        "image": {"url": file["picture"]["sizes"][0]["webp"].upper().replace("/API/V1/MEDIA", "/media"), "alt": ""}
    }
    await studio.catalog.ok("POST", "/categories", cups | banner, status=201, user=ADMIN)
    for there in (True, False):
        await studio.db.execute("UPDATE files SET unused_at = now() - interval '31 days' WHERE ended_at IS NULL")
        await end_files(studio.media)
        status = 200 if there else 404
        await studio.rest.ok("GET", f"/media/{file['id']}", user=ADMIN, status=status)
        await studio.catalog.ok("PUT", "/categories/cups", cups, user=ADMIN)


async def test_an_avatar_that_its_user_shows_is_in_use_before_that_is_heard(studio):
    ada = Profile(user_id=ADA.id, email=ADA.email, first_name="Ada", last_name="Lovelace", phone="")
    await user_repository.add_profile(studio.users.db, ada)
    file = await studio.ready(jpeg(30, 30), ADA, purpose="avatar")
    await set_avatar(studio.users, ADA.id, file["id"], ANYTHING)
    before = await studio.rows()
    assert (await studio.rest.send("DELETE", f"/media/{file['id']}", user=ADA)).problem == "file-in-use"
    assert await studio.rows() == before
    await remove_avatar(studio.users, ADA.id, ANYTHING)
    await studio.rest.ok("DELETE", f"/media/{file['id']}", user=ADA, status=204)


async def test_a_file_that_is_named_while_it_ends_comes_back(studio):
    file = await studio.ready(jpeg(30, 30))
    await studio.rest.ok("DELETE", f"/media/{file['id']}", user=ADMIN, status=204)
    url = file["picture"]["sizes"][0]["webp"]
    assert (await studio.get(url)).status == 404
    await studio.hear("product.updated", uuid7(), 5, files={file["id"]: 1})
    assert (await studio.get(url)).status == 200
    assert await repository.owned(studio.db, "shop") == (1, file["size"])


async def test_whoever_shows_an_older_picture_is_told_again(studio):
    file = await studio.ready(jpeg(30, 30))
    told = "SELECT count(*) FROM event_log WHERE type = 'file.ready'"
    await studio.hear("product.created", uuid7(), 1, files={file["id"]: 1})
    assert await studio.db.fetchval(told) == 1
    await studio.hear("product.created", uuid7(), 1, files={file["id"]: 0})
    assert await studio.db.fetchval(told) == 2


async def test_an_avatar_goes_with_its_account(studio):
    avatar = await studio.ready(jpeg(30, 30), ADA, purpose="avatar")
    product = await studio.ready(jpeg(30, 30), SELLER)
    await studio.hear("user.updated", ADA.id, 2, files={avatar["id"]: 1})
    await studio.hear("user.deleted", ADA.id, 3, user_id=ADA.id)
    assert (await studio.get(avatar["picture"]["squares"][0]["webp"])).status == 404
    assert (await studio.get(product["picture"]["squares"][0]["webp"])).status == 200
    assert await studio.db.fetch("SELECT FROM uses") == []
    assert await repository.owned(studio.db, f"user {ADA.id}") == (0, 0)
