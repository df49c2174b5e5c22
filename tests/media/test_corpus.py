"""Whatever is sent, it is refused, rejected, or shown without what it brought along; the service stays up."""

from __future__ import annotations

import resource

import psutil
from media.conftest import ADMIN
from media.corpus import PAYLOAD, Hostile, corpus
from media.pictures import jpeg, opened

from stoa.services.media.settings import Settings

ROOM = 96 * 1024 * 1024
"""By how much our own process may grow for one: it reads uploads in pieces, and decodes none."""


async def ending_of(studio, hostile: Hostile) -> str:
    before = await studio.rows(), studio.kept()
    answer = await studio.send(hostile.content, purpose=hostile.purpose)
    if answer.status != 201:
        assert answer.status in {415, 422}, (hostile.name, answer)
        assert answer.body["field"] == "body"
        assert (await studio.rows(), studio.kept()) == before, hostile.name
        return answer.problem
    await studio.draw()
    file = await studio.rest.ok("GET", f"/media/{answer.body['id']}", user=ADMIN)
    if file["state"] == "rejected":
        assert file["reason"]
        assert file["picture"] is None
        assert not any(file["id"] in key and key.startswith("pictures/") for key in studio.kept())
        return "rejected"
    assert file["state"] == "ready", (hostile.name, file)
    for one in (*file["picture"]["sizes"], *file["picture"]["squares"]):
        for kind in ("webp", "avif"):
            shown = (await studio.get(one[kind])).body
            assert opened(shown).format == kind.upper()
            assert PAYLOAD not in shown
            assert b"script" not in shown
            assert not opened(shown).info.keys() & {"exif", "xmp", "icc_profile", "comment"}
    return "disarmed"


async def test_each_of_the_corpus_ends_as_it_should(studio):
    process = psutil.Process()
    grown = 0
    wrong, seen = [], 0
    for hostile in corpus():
        seen += 1
        before = process.memory_info().rss
        ended = await ending_of(studio, hostile)
        grown = max(grown, process.memory_info().rss - before)
        if ended not in hostile.ends:
            wrong.append(f"{hostile.name}: {ended}, not {' or '.join(hostile.ends)}")
    assert not wrong, "\n".join(wrong)
    assert seen >= 60
    assert grown < ROOM
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert largest < Settings().worker_megabytes * 1024
    # It takes and draws what is good, as before.
    assert (await studio.ready(jpeg()))["state"] == "ready"
