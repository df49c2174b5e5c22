"""What a request of media asks of the database: as much for one file as for a thousand."""

from __future__ import annotations

import pytest
from media.conftest import ADA, ADMIN, Studio
from media.pictures import jpeg

from stoa.contracts.media.v1 import media_pb2 as pb
from stoa.kit.ids import uuid7
from stoa.services.media.jobs import end_files
from stoa.services.media.rpc import MediaServicer

FILES = """
    INSERT INTO files (id, purpose, owner, kind, size, sha256, alt, focal_x, focal_y, state, link_key)
    SELECT gen_random_uuid(), 'product', 'shop', 'png', 1, sha256(int8send(number)), '', 0, 0, 'uploaded', ''
    FROM generate_series(1, $1) AS number
    RETURNING id::text
"""
COMMIT = 1
"""A transaction begins with its first statement."""


async def with_files(studio: Studio, many: int) -> list[str]:
    await studio.db.execute("DELETE FROM files")
    await studio.db.execute(
        "INSERT INTO owners VALUES ('shop', $1, $1) ON CONFLICT (owner) DO UPDATE SET files = $1", many
    )
    return [row["id"] for row in await studio.db.fetch(FILES, many)]


async def test_an_upload(studio, asked):
    """How many its sender has sent, how many there are; itself, its place among them, and who did it."""
    content, small = jpeg(30, 30), jpeg(20, 20)
    for many in (1, 20, 1000):
        await with_files(studio, many)
        asked.clear()
        await studio.add(content)
        assert len(asked) == 5 + COMMIT, asked
        asked.clear()
        assert (await studio.send(content)).status == 200
        assert len(asked) == 3 + COMMIT, asked
    asked.clear()
    await studio.add(small, ADA, purpose="avatar")
    assert len(asked) == 4 + COMMIT, "nobody of staff did it"


async def test_what_is_read(studio, asked):
    for many in (1, 20, 1000):
        ids = await with_files(studio, many)
        asked.clear()
        page = await studio.rest.ok("GET", "/media?purpose=product&limit=100", user=ADMIN)
        assert (len(page["items"]), len(asked)) == (min(many, 100), 1)
        asked.clear()
        answer = await MediaServicer(studio.media).GetFiles(pb.GetFilesRequest(ids=ids), None)
        assert (len(answer.files), len(asked)) == (many, 1)
        asked.clear()
        await studio.rest.ok("GET", f"/media/{ids[0]}", user=ADMIN)
        assert len(asked) == 1


async def test_a_picture_and_a_document(studio, asked):
    picture = (await studio.ready(jpeg(30, 30)))["picture"]["sizes"][0]["webp"]
    document = await studio.add(b"%PDF-1.7\n%%EOF\n", purpose="document")
    asked.clear()
    assert (await studio.get(picture)).status == 200
    assert len(asked) == 1
    asked.clear()
    link = await studio.rest.ok("POST", f"/media/{document['id']}/link", status=201, user=ADMIN)
    assert len(asked) == 1
    asked.clear()
    assert (await studio.get(link["url"])).status == 200
    assert len(asked) == 1


async def test_what_is_changed(studio, asked):
    """The file is locked; a change is told of with who did it, and of another text whoever shows it."""
    file = await studio.ready(jpeg(30, 30))
    path = f"/media/{file['id']}"
    for method, of, body, statements in (
        ("PATCH", path, {"alt": "A mug"}, 4),
        ("PATCH", path, {"alt": "A mug"}, 1),
        ("POST", f"{path}/pictures", None, 2),
        # What is to end is read, and catalog looks whether a product shows it.
        ("DELETE", path, None, 6),
    ):
        asked.clear()
        answer = await studio.rest.send(method, of, body, user=ADMIN)
        assert answer.status < 300, answer
        assert len(asked) == statements + COMMIT, (method, asked)


@pytest.mark.parametrize("many", [1, 20, 1000])
async def test_what_is_heard_and_what_ends(studio, asked, many):
    ids = await with_files(studio, many)
    product = uuid7()
    asked.clear()
    await studio.hear("product.created", product, 1, files=dict.fromkeys(ids, 0))
    assert len(asked) == 2 + COMMIT, asked
    asked.clear()
    await studio.hear("product.updated", product, 2, files={})
    assert len(asked) == 2 + COMMIT, asked
    await studio.db.execute("UPDATE files SET unused_at = now() - interval '90 days'")
    asked.clear()
    await end_files(studio.media)
    assert len(asked) <= 4 + many // 100, asked
