"""From an upload to what a product and a profile show, through the one door, with the events between."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any
from uuid import uuid4

from media.pictures import jpeg, opened
from stocking import admin_of, visitor_of


async def upload(who, content: bytes, purpose: str, **query: Any) -> Any:
    said = "&".join(f"{name}={value}" for name, value in ({"purpose": purpose} | query).items())
    headers = {"Authorization": f"Bearer {who.token}"}
    async with who.session.post(f"/api/v1/media?{said}", data=content, headers=headers) as answer:
        assert answer.status == 201, await answer.text()
        return await answer.json()


async def until(look, is_so, within_seconds: float = 60.0) -> Any:
    """What `look` sees once it is so."""
    give_up = time.monotonic() + within_seconds
    while not is_so(seen := await look()):
        assert time.monotonic() < give_up, seen
        await asyncio.sleep(0.05)
    return seen


async def test_a_product_shows_a_file_once_its_pictures_are_made_and_follows_its_focal_point(shop):
    admin = await admin_of(shop)
    file = await upload(admin, jpeg(800, 400), "product", alt="A%20mug")
    slug = f"mug-{uuid4().hex[:8]}"
    product = {"name": "Mug", "slug": slug, "images": [{"file_id": file["id"]}, {"url": "/media/2.jpg"}]}
    product["variants"] = [{"sku": slug.upper(), "price": {"amount": 500, "currency": "GBP"}}]
    made = await admin.ok("POST", "/products", product, status=201)
    assert made["images"][0] | {"url": None, "picture": None} == {
        "url": None,
        "alt": "A mug",
        "file_id": file["id"],
        "picture": None,
    }

    guest = visitor_of(shop)

    async def shown():
        return (await guest.ok("GET", f"/products/{slug}"))["images"]

    images = await until(shown, lambda images: len(images) == 2)
    picture = images[0]["picture"]
    assert (images[0]["file_id"], images[0]["url"]) == (file["id"], picture["sizes"][-1]["webp"])
    assert (picture["width"], picture["height"], picture["revision"]) == (800, 400, 1)
    assert (await guest.ok("GET", "/products"))["items"][0]["image"] == images[0]
    async with shop.http.get(picture["squares"][0]["avif"]) as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (200, "image/avif")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        etag, body = answer.headers["ETag"], await answer.read()
    assert opened(body).size == (160, 160)
    async with shop.http.get(picture["squares"][0]["avif"], headers={"If-None-Match": etag}) as answer:
        assert (answer.status, await answer.read()) == (304, b"")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"

    # What is shown may be sent back as it is.
    await admin.ok("PATCH", f"/products/{slug}", {"images": images})
    assert await shown() == images

    # Whether media has heard of that or not.
    assert (await admin.refused("DELETE", f"/media/{file['id']}")).problem == "file-in-use"
    await admin.ok("PATCH", f"/media/{file['id']}", {"focal_x": 1, "focal_y": 0.5})
    moved = await until(shown, lambda images: images[0]["picture"]["revision"] == 2)
    assert moved[0]["picture"]["squares"][0]["webp"] != picture["squares"][0]["webp"]

    # So does its text, until the product has one of its own, and again when that is taken away.
    await admin.ok("PATCH", f"/media/{file['id']}", {"alt": "A blue mug"})
    told = await until(shown, lambda images: images[0]["picture"]["revision"] == 3)
    assert told[0] == moved[0] | {"alt": "A blue mug", "picture": moved[0]["picture"] | {"revision": 3}}
    own = [told[0] | {"alt": "Ours"}, told[1]]
    assert (await admin.ok("PATCH", f"/products/{slug}", {"images": own}))["images"] == own
    await admin.ok("PATCH", f"/media/{file['id']}", {"alt": "A green mug"})
    assert (await until(shown, lambda images: images[0]["picture"]["revision"] == 4))[0]["alt"] == "Ours"
    bare = [{"file_id": file["id"]}, told[1]]
    assert (await admin.ok("PATCH", f"/products/{slug}", {"images": bare}))["images"][0]["alt"] == "A green mug"

    await admin.ok("PATCH", f"/products/{slug}", {"images": []})
    await shop.settle()
    await admin.ok("DELETE", f"/media/{file['id']}", status=204)
    assert (await guest.refused("GET", moved[0]["url"])).problem == "no-such-picture"


async def test_who_names_a_file_without_pictures_is_told_where_the_reason_is(shop):
    admin = await admin_of(shop)
    file = await upload(admin, jpeg(800, 400)[:2000], "product")

    async def made():
        return await admin.ok("GET", f"/media/{file['id']}")

    broken = await until(made, lambda file: file["state"] != "uploaded")
    assert (broken["state"], "truncated" in broken["reason"]) == ("rejected", True)
    product = {"name": "Mug", "images": [{"url": "/media/2.jpg"}, {"file_id": file["id"]}]}
    product["variants"] = [{"sku": f"MUG-{uuid4().hex[:8]}", "price": {"amount": 500, "currency": "GBP"}}]
    refused = await admin.refused("POST", "/products", product)
    assert (refused.status, refused.problem, refused.body["field"]) == (422, "unknown-file", "images[1].file_id")
    assert refused.body["detail"] == f"No pictures could be made of it: GET /media/{file['id']} says why."


async def test_an_import_names_a_file_of_this_shop_and_leaves_those_of_another_out(shop):
    admin = await admin_of(shop)
    file = await upload(admin, jpeg(80, 40), "product")
    slug, other = f"mug-{uuid4().hex[:8]}", str(uuid4())
    translated = {"de": {"images": {other: "Eine Tasse", file["id"]: "Von oben"}}}
    both = {"slug": slug, "name": "Mug", "images": [{"file_id": other}, {"file_id": file["id"]}]}

    async def bring(product: Any) -> Any:
        headers = {"Authorization": f"Bearer {admin.token}"}
        path = "/api/v1/product-imports?format=jsonl"
        async with admin.session.post(path, data=json.dumps(product), headers=headers) as answer:
            assert answer.status == 202, await answer.text()
            import_id = (await answer.json())["id"]
        return await until(
            lambda: admin.ok("GET", f"/product-imports/{import_id}"), lambda done: done["state"] in {"done", "failed"}
        )

    remarks = [{"what": "file-left-out", "count": 1, "examples": [f"{slug}: {other}"]}]
    done = await bring(both | {"translations": translated})
    assert (done["state"], done["created"], done["refused"], done["remarks"]) == ("done", 1, 0, remarks)
    images = (await admin.ok("GET", f"/products/{slug}"))["images"]
    assert [image["file_id"] for image in images] == [file["id"]]
    (german,) = (await admin.ok("GET", f"/products/{slug}/translations"))["items"]
    assert german["images"] == {file["id"]: "Von oben"}
    # Whoever has put others there in the meantime keeps them.
    await admin.ok("PATCH", f"/products/{slug}", {"images": [{"url": "/media/2.jpg"}]})
    done = await bring(both)
    assert (done["state"], done["unchanged"], done["remarks"]) == ("done", 1, remarks)
    assert [one["url"] for one in (await admin.ok("GET", f"/products/{slug}"))["images"]] == ["/media/2.jpg"]


async def test_an_avatar_is_shown_and_goes_with_its_account(shop):
    ada = await visitor_of(shop).register("Ada")
    eve = await visitor_of(shop).register("Eve")
    assert (await ada.refused("POST", "/media?purpose=product")).problem == "may-not-upload"
    file = await upload(ada, jpeg(300, 300), "avatar")
    refused = await eve.refused("PUT", "/users/avatar", {"file_id": file["id"]})
    assert (refused.status, refused.problem, refused.body["field"]) == (422, "unknown-file", "file_id")
    assert (await eve.refused("GET", f"/media/{file['id']}")).problem == "no-such-file"

    named = await ada.ok("PUT", "/users/avatar", {"file_id": file["id"]})
    assert named["avatar"]["file_id"] == file["id"]

    async def shown():
        return (await ada.ok("GET", "/users/profile"))["avatar"]

    avatar = await until(shown, lambda avatar: avatar["url"] is not None)
    assert avatar["picture"]["sizes"] == []
    assert [one["width"] for one in avatar["picture"]["squares"]] == [160, 300]
    async with shop.http.get(avatar["url"]) as answer:
        assert answer.status == 200

    await ada.ok("DELETE", "/users/avatar", status=204)
    await ada.ok("DELETE", "/users/avatar", status=204)
    assert await shown() is None
    await ada.ok("PUT", "/users/avatar", {"file_id": file["id"]})
    assert (await shown()) == avatar
    await ada.ok("POST", "/auth/me/delete", {"current_password": "a long enough passphrase"}, status=204)
    await shop.settle()
    assert (await eve.refused("GET", avatar["url"])).problem == "no-such-picture"
