"""Files are taken in by what they are, kept once, and shown by pictures that were made of them."""

from __future__ import annotations

import asyncio
import struct
import zlib
from dataclasses import replace
from uuid import UUID

import pytest
from media.conftest import ADA, ADMIN, EVE, OTHER_SELLER, SELLER
from media.corpus import PAYLOAD
from media.pictures import image, jpeg, opened, written
from PIL import ImageCms

from stoa.services.media import ends_repository, pictures_repository, repository, upload, uses_repository
from stoa.services.media.errors import StorageUnavailable
from stoa.services.media.links import link_to
from stoa.services.media.routes import routes
from stoa.testing import Rest, acting, prepare_all, who_may

PDF = b"%PDF-1.7\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n"


async def test_every_statement_fits_the_schema(studio):
    modules = (repository, pictures_repository, uses_repository, ends_repository)
    statements = {name for module in modules for name in await prepare_all(studio.db, module)}
    assert {"ADD_FILE", "CLAIM", "BRING_BACK", "END_UNUSED", "IS_SHOWN"} <= statements


async def test_from_an_upload_to_its_pictures(studio):
    file = await studio.add(jpeg(900, 600), alt="A mug")

    assert (file["state"], file["picture"], file["alt"], file["kind"]) == ("uploaded", None, "A mug", "jpeg")
    assert await studio.draw() is None
    ready = await studio.rest.ok("GET", f"/media/{file['id']}", user=ADMIN)
    picture = ready["picture"]
    assert (ready["state"], picture["width"], picture["height"]) == ("ready", 900, 600)
    sizes = [(one["width"], one["height"]) for one in picture["sizes"]]
    assert sizes == [(160, 107), (320, 213), (640, 427), (900, 600)]
    assert [one["width"] for one in picture["squares"]] == [160, 480]
    assert picture["placeholder"].startswith("data:image/webp;base64,")
    assert len(picture["placeholder"]) < 500
    for one in (*picture["sizes"], *picture["squares"]):
        for kind in ("webp", "avif"):
            answer = await studio.get(one[kind])
            assert answer.headers["content-type"] == f"image/{kind}"
            assert opened(answer.body).size == (one["width"], one["height"])
            assert opened(answer.body).format == kind.upper()
    assert len(studio.kept()) == 1 + 12
    [told] = await studio.db.fetch("SELECT type, subject, data FROM event_log")
    assert (told["type"], told["subject"], told["data"]["owner"]) == ("file.ready", file["id"], "shop")
    # Made once.
    assert await studio.draw() is None
    assert len(await studio.db.fetch("SELECT FROM event_log")) == 1


async def test_what_came_with_a_picture_is_gone_and_it_is_seen_as_it_was_meant(studio):
    made = image(120, 60)
    made.paste((250, 0, 0), (0, 0, 20, 60))
    exif = made.getexif()
    exif[0x0112], exif[0x010E], exif[0x8825] = 6, PAYLOAD.decode(), {1: "N", 2: (51.0, 30.0, 0.0)}
    wide = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    file = await studio.ready(written(made, "JPEG", exif=exif, icc_profile=wide))

    picture = file["picture"]
    assert (picture["width"], picture["height"]) == (60, 120)
    shown = opened((await studio.get(picture["sizes"][0]["webp"])).body)
    assert (shown.size, shown.info.keys() & {"exif", "icc_profile", "xmp"}) == ((60, 120), set())
    red, green, _ = shown.convert("RGB").getpixel((30, 5))
    assert (red > 200, green < 60) == (True, True), "its left side is above now"


async def test_a_square_is_cut_around_the_focal_point_at_another_address(studio):
    made = image(200, 100)
    made.paste((0, 0, 250), (100, 0, 200, 100))
    file = await studio.ready(written(made, "PNG"), focal_x=1, focal_y=0.5)
    right = file["picture"]["squares"][0]["webp"]
    assert opened((await studio.get(right)).body).convert("RGB").getpixel((5, 50))[2] > 200

    changed = {"focal_x": 0, "focal_y": 0.5}
    refused = await studio.rest.send("PATCH", f"/media/{file['id']}", {"focal_x": 0}, user=ADMIN)
    assert (refused.status, refused.body["field"]) == (422, "focal_y")
    assert (await studio.rest.ok("PATCH", f"/media/{file['id']}", changed, user=ADMIN))["state"] == "ready"
    assert (await studio.get(right)).status == 200
    await studio.draw()
    moved = await studio.rest.ok("GET", f"/media/{file['id']}", user=ADMIN)
    left = moved["picture"]["squares"][0]["webp"]
    assert (left != right, moved["picture"]["revision"]) == (True, 2)
    assert opened((await studio.get(left)).body).convert("RGB").getpixel((5, 50))[2] < 200


async def test_sixteen_bits_cmyk_and_what_shines_through(studio):
    gray = struct.pack(">IIBBBBB", 8, 8, 16, 0, 0, 0, 0)
    rows = (b"\0" + b"\x80\x00" * 8) * 8

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    sixteen = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", gray) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert (await studio.ready(sixteen))["picture"]["color"] in {"#7f7f7f", "#808080"}
    clear = image(40, 40, "RGBA")
    clear.putalpha(0)
    file = await studio.ready(written(clear, "PNG"))
    assert opened((await studio.get(file["picture"]["sizes"][0]["avif"])).body).mode == "RGBA"
    assert file["picture"]["color"] == "#ffffff"
    assert (await studio.ready(written(image(40, 40, "CMYK"), "JPEG")))["state"] == "ready"


async def test_the_same_content_is_one_file_also_of_two_at_once(studio):
    content = jpeg(50, 50)
    answers = await asyncio.gather(*(studio.send(content) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 201]
    assert len({answer.body["id"] for answer in answers}) == 1
    assert len(studio.kept()) == 1
    assert await repository.owned(studio.db, "shop") == (1, len(content))
    # Somebody else's is another.
    assert (await studio.send(content, SELLER)).status == 201
    assert (await studio.send(content, ADA, purpose="avatar")).status == 201


async def test_who_may_upload_what(studio):
    two = acting(SELLER.id, OTHER_SELLER.id)
    for user, purpose, seller, status, problem in (
        (None, "avatar", "", 401, "unauthorized"),
        (ADA, "product", "", 403, "may-not-upload"),
        (ADA, "document", "", 403, "may-not-upload"),
        (who_may("catalog.products.edit"), "product", "", 403, "may-not-upload"),
        (SELLER, "product", OTHER_SELLER.id, 403, "not-your-seller"),
        (two, "product", "", 422, "which-seller"),
        (ADMIN, "poster", "", 422, "unprocessable"),
        (SELLER, "avatar", SELLER.id, 422, "avatar-of-seller"),
    ):
        more = {"seller_id": seller} if seller else {}
        answer = await studio.send(jpeg(20, 20), user, purpose=purpose, **more)
        assert (answer.status, answer.problem) == (status, problem)
    assert studio.kept() == set()
    assert await studio.db.fetch("SELECT FROM files") == []
    assert (await studio.add(user=SELLER))["seller_id"] == SELLER.id
    assert (await studio.add(user=two, seller_id=SELLER.id))["seller_id"] == SELLER.id
    assert (await studio.add(user=who_may("media.files.edit")))["seller_id"] is None


async def test_who_uploads_for_every_seller_names_one_that_there_is(studio, seller):
    before = await studio.rows()
    refused = await studio.send(jpeg(), ADMIN, seller_id=str(UUID(int=7)))
    assert (refused.status, refused.problem, refused.body["field"]) == (422, "unknown-seller", "seller_id")
    assert (await studio.rows(), studio.kept()) == (before, set())
    assert (await studio.add(user=ADMIN, seller_id=seller.upper()))["seller_id"] == seller


async def test_what_is_anothers_is_not_there(studio):
    file = await studio.add(user=SELLER)
    avatar = await studio.add(user=ADA, purpose="avatar")
    path = f"/media/{file['id']}"
    for user in (OTHER_SELLER, ADA, who_may("catalog.products.edit")):
        for method, body in (("GET", None), ("PATCH", {"alt": "Mine"}), ("DELETE", None)):
            assert (await studio.rest.send(method, path, body, user=user)).problem == "no-such-file"
    for user in (EVE, ADMIN):
        assert (await studio.rest.send("GET", f"/media/{avatar['id']}", user=user)).problem == "no-such-file"
    for said, shown in (({"alt": "Ours"}, "Ours"), ({}, "Ours"), ({"alt": None}, "")):
        assert (await studio.rest.ok("PATCH", path, said, user=ADMIN))["alt"] == shown
    assert [one["id"] for one in (await studio.rest.ok("GET", "/media?purpose=product", user=SELLER))["items"]] == [
        file["id"]
    ]
    assert (await studio.rest.ok("GET", "/media?purpose=product", user=OTHER_SELLER))["items"] == []
    assert (await studio.rest.ok("GET", "/media?purpose=avatar", user=ADA))["items"][0]["id"] == avatar["id"]


async def test_files_are_listed_page_by_page(studio):
    ids = [(await studio.add(jpeg(10 + n, 10)))["id"] for n in range(3)]
    first = await studio.rest.ok("GET", "/media?purpose=product&limit=2", user=ADMIN)
    rest = await studio.rest.ok("GET", f"/media?purpose=product&cursor={first['next_cursor']}", user=ADMIN)
    assert [one["id"] for one in (*first["items"], *rest["items"])] == ids[::-1]


async def test_how_much_and_how_often(studio, monkeypatch):
    few = studio.having(seller_files=2, avatars_per_hour=2, user_files=0, uploads_per_hour=4)
    for width in (20, 21):
        await few.add(jpeg(width, 20), SELLER)
    before = await few.rows(), few.kept()
    full = await few.send(jpeg(22, 20), SELLER)
    assert (full.status, full.problem, full.body["files"], full.body["most_files"]) == (409, "media-quota-full", 2, 2)
    assert (await few.rows(), few.kept()) == before
    for width in (20, 21):
        await few.add(jpeg(width, 20), ADA, purpose="avatar")
    often = await few.send(jpeg(22, 20), ADA, purpose="avatar")
    assert (often.status, often.problem, often.headers["retry-after"]) == (429, "too-many-uploads", "600")
    monkeypatch.setattr(upload, "MOST_AVATAR_BYTES", 100)
    large = await few.send(jpeg(22, 20), EVE, purpose="avatar")
    assert (large.status, large.problem) == (413, "body-too-large")
    assert len(few.kept()) == 4
    assert list((studio.media.scratch).iterdir()) == []


async def test_a_document_is_for_who_has_a_link(studio):
    file = await studio.add(PDF, SELLER, purpose="document")
    assert (file["state"], file["picture"]) == ("ready", None)
    assert (await studio.rest.send("POST", f"/media/{file['id']}/link", user=OTHER_SELLER)).problem == "no-such-file"
    link = (await studio.rest.ok("POST", f"/media/{file['id']}/link", user=SELLER, status=201))["url"]
    answer = await studio.get(link)
    assert (answer.status, answer.body) == (200, PDF)
    assert answer.headers["content-disposition"] == f'attachment; filename="{file["id"]}.pdf"'
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "private, no-store"
    # Nobody makes one up, prolongs it, or has it for another file.
    other = await studio.add(PDF + b"\n", SELLER, purpose="document")
    expires = int(link.split("expires=")[1].partition("&")[0])
    for wrong in (
        link[:-2] + ("AA" if not link.endswith("AA") else "BB"),
        link.replace(f"expires={expires}", f"expires={expires + 60}"),
        link.replace(file["id"], other["id"]),
        link.replace(file["id"], str(UUID(int=7))),
        link[:-1],
        link + "=",
        link.partition("signature=")[0] + "signature=",
    ):
        refused = await studio.get(wrong)
        assert (refused.status, refused.problem) == (403, "bad-link")
    row = await repository.find_file(studio.db, file["id"])
    assert (await studio.get(link_to(row, 1))).problem == "bad-link"
    await studio.rest.ok("DELETE", f"/media/{file['id']}", user=SELLER, status=204)
    assert (await studio.get(link)).problem == "bad-link"
    picture = await studio.add(jpeg(), SELLER)
    assert (
        await studio.rest.send("POST", f"/media/{picture['id']}/link", user=SELLER)
    ).problem == "no-link-to-a-picture"


@pytest.mark.parametrize(
    "name",
    [
        "original",
        "..%2f..%2fsecrets.json",
        "..%5c..%5csecrets.json",
        "0000000000000000-640.webp%00.html",
        "0000000000000000-640.webp.php",
        "0000000000000000-640.php.webp",
        "0000000000000000-640.svg",
        "0000000000000000-640.jpeg",
        "%e2%80%aegpj.0000000000000000-640.webp",
        "0000000000000000-99999.webp",
        "0000000000000000-640.webp",
    ],
)
async def test_no_name_leads_anywhere_else(studio, name):
    file = await studio.add(jpeg(40, 40))
    answer = await studio.get(f"/media/{file['id']}/{name}")
    assert answer.status == 404


async def test_what_a_file_is_called_does_not_matter(studio):
    headers = {"content-disposition": 'attachment; filename="../../etc/passwd\u0000.jpg.php"'.replace("\0", "%00")}
    answer = await studio.rest.send("POST", "/media?purpose=product", raw=jpeg(40, 40), user=ADMIN, headers=headers)
    assert answer.status == 201
    assert studio.kept() == {f"originals/{answer.body['id'][-2:]}/{answer.body['id']}"}
    named = await studio.rest.send("POST", "/media?purpose=product&name=a.php", raw=jpeg(40, 40), user=ADMIN)
    assert (named.status, named.body["field"]) == (422, "name")


class Full:
    """A storage whose disk is full."""

    def __init__(self, files) -> None:
        self._files = files

    async def put(self, *_):
        raise OSError(28, "No space left on device")

    def __getattr__(self, name):
        return getattr(self._files, name)


async def test_a_full_disk_keeps_nothing_by_halves(studio):
    media = replace(studio.media, store=Full(studio.media.store))
    full = replace(studio, media=media, rest=Rest(routes.bind(media), media.db))
    before = await studio.rows(), studio.kept()
    answer = await full.send(jpeg())
    assert (answer.status, answer.problem) == (503, StorageUnavailable.slug)
    assert (await studio.rows(), studio.kept()) == before
    assert list(studio.media.scratch.iterdir()) == []
    # What was taken before waits until there is room, however long that takes.
    file = await studio.add(jpeg(40, 40))
    for _ in range(7):
        await full.draw()
        await studio.db.execute("UPDATE files SET due_at = now()")
    await studio.draw()
    assert (await studio.rest.ok("GET", f"/media/{file['id']}", user=ADMIN))["state"] == "ready"
