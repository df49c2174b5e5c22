"""Files that are gone, cut, changed or strange, by hand and one at a time: the audit names each, and no sound one."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from audit.test_audit import Inside
from journeys.client import Shopper
from media.pictures import jpeg
from media.test_in_a_shop import until, upload
from stocking import admin_of

from stoa.audit.audit import judge
from stoa.audit.look import EVER
from stoa.audit.media import MEDIA
from stoa.kit import problems
from stoa.runtime.data_dir import FILES
from stoa.runtime.kept_files import KeptFiles

PDF = b"%PDF-1.7\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n"
SLUG = "audited-mug"


@pytest.fixture(scope="module")
async def admin(shop) -> Shopper:
    return await admin_of(shop)


@pytest.fixture(scope="module")
async def shown(shop, admin: Shopper) -> Any:
    """A picture that a product shows, beside a document and an avatar."""
    file = await upload(admin, jpeg(300, 200), "product")
    product = {"name": "Mug", "slug": SLUG, "images": [{"file_id": file["id"]}]}
    await admin.ok("POST", "/products", product, status=201)
    avatar = await upload(admin, jpeg(40, 40), "avatar")
    await admin.ok("PUT", "/users/avatar", {"file_id": avatar["id"]})
    await upload(admin, PDF, "document")

    async def images():
        return (await admin.ok("GET", f"/products/{SLUG}"))["images"]

    await until(images, lambda images: images[0]["url"] is not None)
    await until(lambda: admin.ok("GET", "/users/profile"), lambda profile: profile["avatar"]["url"] is not None)
    await shop.settle()
    return file


@pytest.fixture
def folder(shop) -> Path:
    """Where the shop's files are."""
    return Path(shop.data_dir, FILES, "media")


async def found(shop, databases=None, files: KeptFiles | None = None, since: str = EVER) -> dict[str, str]:
    """What is wrong, by its subject."""
    databases = databases or shop.databases
    verdict = await judge(databases, MEDIA, files=files or shop.files, since=since, looks=1, pause_seconds=0)
    return {finding.subject: finding.what for finding in verdict.findings}


async def test_a_sound_shop_has_no_findings(shop, shown, folder):
    assert len([each for each in folder.rglob("*") if each.is_file()]) > 3 + 2 * 4
    assert await found(shop) == {}
    # Where only databases are looked at, bytes are not missed.
    verdict = await judge(shop.databases, MEDIA, since=EVER, looks=1, pause_seconds=0)
    assert verdict.findings == []


def original(folder: Path, file_id: str) -> Path:
    return folder / "originals" / file_id[-2:] / file_id


def pictures(folder: Path, file_id: str) -> list[Path]:
    return sorted((folder / "pictures" / file_id[-2:] / file_id).iterdir())


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def change(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize(
    ("of", "spoil", "says"),
    [
        ("original", Path.unlink, "has no bytes: what was uploaded is gone"),
        ("original", cut, "has {less} bytes, and {size} were uploaded"),
        ("original", change, "has other bytes than were uploaded"),
        ("picture", Path.unlink, "has lost 1 of 8 pictures, among them pictures/"),
        ("picture", cut, "has pictures of "),
    ],
)
async def test_what_was_done_to_the_bytes_is_named(shop, shown, folder, of, spoil, says):
    file_id = shown["id"]
    path = original(folder, file_id) if of == "original" else pictures(folder, file_id)[0]
    content = path.read_bytes()
    spoil(path)
    try:
        what = await found(shop)
        later = await found(shop, since="ffffffff-0000-0000-0000-000000000000")
    finally:
        path.write_bytes(content)
    assert list(what) == [file_id]
    assert says.format(size=len(content), less=len(content) - 1) in what[file_id]
    assert later == {}
    assert await found(shop) == {}


STRAY = "0198c0de-0000-7000-8000-0000000000ab"


@pytest.mark.parametrize(
    "key",
    [
        f"originals/ab/{STRAY}",
        f"originals/ab/{STRAY}#1",
        f"pictures/ab/{STRAY}/0000000000000000-160.webp",
        "originals/ab/readme.txt",
    ],
)
async def test_what_no_row_names_is_named_once_it_should_be_gone(shop, shown, folder, key):
    place = folder / key
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"stray")
    try:
        assert await found(shop) == {}, "it may be an upload, or have gone just now"
        days = time.time() - 5 * 86_400
        os.utime(place, (days, days))
        what = await found(shop)
    finally:
        place.unlink()
    assert list(what) == [key]
    assert what[key].endswith("UTC, and no row names it")


async def test_a_picture_of_another_focal_point_is_none_of_the_rows(shop, shown, folder):
    old = pictures(folder, shown["id"])[0].with_name("0000000000000000-160.webp")
    old.write_bytes(b"old")
    days = time.time() - 5 * 86_400
    os.utime(old, (days, days))
    try:
        assert list(await found(shop)) == [f"pictures/{shown['id'][-2:]}/{shown['id']}/{old.name}"]
    finally:
        old.unlink()


PRODUCT = f"(SELECT id FROM products WHERE slug = '{SLUG}')"

ROWS = [
    ("media", "UPDATE files SET ended_at = now() WHERE id = '{file}'", "shows the file {file}, which is not there"),
    ("media", "DELETE FROM files WHERE id = '{file}'", "shows the file {file}, which is not there"),
    ("media", "DELETE FROM uses WHERE kind = 'product'", "shows the file {file}, and media does not know"),
    ("media", "UPDATE files SET unused_at = now() WHERE id = '{file}'", "shows the file {file}, and media does not"),
    ("media", "UPDATE files SET revision = 2 WHERE id = '{file}'", "shows the file {file} as of revision 1, not 2"),
    ("catalog", f"UPDATE products SET images = '[]' WHERE id = {PRODUCT}", "is kept for {product}, which does not"),
    ("user", "UPDATE user_profiles SET avatar = NULL", "is kept for "),
    ("media", "UPDATE owners SET files = files + 1 WHERE owner = 'shop'", "is counted with 3 files of "),
    ("media", "UPDATE files SET state = 'uploaded' WHERE id = '{file}'", "waits for its pictures, and nobody"),
]


@pytest.mark.parametrize(("service", "breaks", "says"), ROWS)
async def test_what_rows_say_of_each_other(shop, admin, shown, service, breaks, says):
    product = (await admin.ok("GET", f"/products/{SLUG}"))["id"]
    connection = await asyncpg.connect(shop.databases[service].dsn)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(breaks.format(file=shown["id"]))
        what = await found(shop, shop.databases | {service: Inside(connection)})
    finally:
        await transaction.rollback()
        await connection.close()
    assert any(each.startswith(says.format(file=shown["id"], product=product)) for each in what.values()), what
    assert await found(shop) == {}


class Silent:
    """A storage that does not answer, as a bucket whose machine is down."""

    async def list(self, prefix: str):
        raise ConnectionError(f"nobody lists {prefix}")
        yield


async def test_a_storage_that_does_not_answer_is_no_verdict(shop, shown):
    with pytest.raises(problems.Unavailable, match="where files are kept cannot be read: ConnectionError: nobody"):
        await found(shop, files=shop.files._replace(store=Silent()))


async def test_it_has_a_folder_of_names_in_memory_and_no_more(shop, shown):
    """The listing is asked for folder by folder, and each is asked for once."""
    asked: list[str] = []

    class Spied:
        def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
            return getattr(shop.files.store, name)

        def list(self, prefix: str):
            asked.append(prefix)
            return shop.files.store.list(prefix)

    assert await found(shop, files=shop.files._replace(store=Spied())) == {}
    assert sorted(asked) == sorted(f"{kind}/{n:02x}" for kind in ("originals", "pictures") for n in range(256))
