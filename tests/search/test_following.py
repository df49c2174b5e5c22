"""The index of a process: what it has after a restart, a kill, a loss, a restore; and when it does not answer."""

from __future__ import annotations

import asyncio
import importlib
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from counting import Counting
from search.conftest import Town, found, looked_for

from stoa.app import SERVICES
from stoa.kit import clock
from stoa.kit.telemetry import metrics
from stoa.ports.search import Document, Removed, SearchIndex
from stoa.services.search import figures, following, repository
from stoa.services.search.errors import IndexBehind, IndexTaken
from stoa.services.search.feed import feed
from stoa.services.search.following import Checkpoint, Following
from stoa.services.search.index.embedded import EmbeddedIndex, open_index
from stoa.services.search.jobs import end_what_is_old

NAMES = ["Cup", "Kettle", "Mug"]


async def a_shop_of_three(town: Town) -> None:
    for name in NAMES:
        await town.sell(name, f"{name}-1")


async def test_a_process_that_starts_again_reads_only_what_it_has_not(town: Town, tmp_path: Path) -> None:
    one = town.process("one")
    await a_shop_of_three(town)
    await town.learn(one)
    await one.stop()

    two = town.process("two")
    await town.sell("Bowl", "BOWL-1")
    await town.learn(two)
    db = Counting(town.db)
    again = Following(db, lambda: open_index(tmp_path / "one", ("en",)), most_behind_seconds=1, reach=lambda _: None)
    await again.worker.run()
    read = [sql for sql in await db.taken() if "FROM documents" in sql]
    assert (again.at.revision, again.documents, len(read)) == (4, 4, 1)
    await again.stop()
    await db.close()


async def test_another_process_sees_what_was_written_when_somebody_searches(town: Town) -> None:
    one, two = town.process("one"), town.process("two")
    await town.learn(one)
    await two.following.worker.run()
    await a_shop_of_three(town)
    await town.learn(one)
    async with asyncio.timeout(1):
        while (await looked_for(two)).total < 3:
            await asyncio.sleep(0.02)


def test_a_page_that_the_gateway_keeps_is_of_less_than_a_second_ago() -> None:
    kept = max(each.keep_seconds for each in SERVICES["search"].public)
    assert kept + following.FRESH_SECONDS < 1


async def test_at_rest_nothing_is_asked_and_a_search_after_a_night_sees_what_was_added_in_it(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = town.process("one"), town.process("two")
    await town.learn(one)
    await two.following.worker.run()
    await a_shop_of_three(town)
    await town.learn(one)
    monkeypatch.setattr(following, "FRESH_SECONDS", 0.0)
    assert sorted(await found(two)) == NAMES


async def test_a_lost_or_damaged_index_is_built_from_the_documents(town: Town, tmp_path: Path) -> None:
    one = town.process("one")
    await a_shop_of_three(town)
    await town.learn(one)
    await one.stop()
    shutil.rmtree(tmp_path / "one")
    lost = town.process("one")
    assert sorted(await found(lost)) == NAMES
    await lost.stop()
    for file in (tmp_path / "one").rglob("*"):
        if file.is_file():
            file.write_bytes(b"not an index")
    damaged = town.process("one")
    assert sorted(await found(damaged)) == NAMES


async def test_one_that_cannot_be_read_is_not_found_and_the_others_are(town: Town) -> None:
    one = town.process("one")
    await a_shop_of_three(town)
    await town.learn(one)
    before = metrics.SEARCH_SET_ASIDE._value.get()
    cup, mug = [row["id"] for row in await town.db.fetch(IDS)]
    for id_, document in ((cup, "no document"), (mug, UNWRITABLE % mug)):
        await town.db.execute(SPOIL, id_, document)
    await town.sell("Bowl", "BOWL-1")
    await town.learn(one)
    assert sorted(await found(one)) == ["Bowl", "Kettle"]
    anew = town.process("anew")
    assert sorted(await found(anew)) == ["Bowl", "Kettle"]
    assert metrics.SEARCH_SET_ASIDE._value.get() == before + 4

    # And when something is sold of them, catalog is asked for what nobody can read.
    for name in NAMES:
        await town.put(f"{name}-1", 1)
    await town.learn(one)
    assert sorted(await found(one)) == ["Bowl", *NAMES]


UNWRITABLE = (
    '{"id": "%s", "version": 0, "slug": "x", "name": "Mug", "created_at": "0001-01-01T00:00:00", "card": "e30="}'
)
IDS = """
    SELECT product_id AS id FROM documents
    WHERE convert_from(document, 'UTF8')::jsonb ->> 'name' IN ('Cup', 'Mug') ORDER BY revision
"""
SPOIL = """
    WITH next AS (UPDATE feed SET revision = revision + 1 RETURNING revision)
    UPDATE documents SET document = convert_to($2, 'UTF8'), revision = next.revision
    FROM next WHERE product_id = $1
"""


async def test_two_processes_never_share_an_index(town: Town) -> None:
    one = town.process("one")
    await a_shop_of_three(town)
    await town.learn(one)
    two = town.process("one")
    for _ in range(2):
        with pytest.raises(IndexTaken):
            await two.following.check_own()
        with pytest.raises(IndexBehind):
            await found(two)
    await one.following.check_own()
    await one.stop()
    await two.following.check_own()
    assert sorted(await found(two)) == NAMES


async def test_an_index_of_another_database_is_not_believed(town: Town, tmp_path: Path) -> None:
    """As after a restore: its revisions are those of a shop that went on differently."""
    one = town.process("one")
    await a_shop_of_three(town)
    await town.learn(one)
    await one.stop()
    index = await open_index(tmp_path / "one", ("en",))
    await index.commit(Checkpoint(database=1, generation=0, revision=2).encode())
    await index.close()
    again = town.process("one")
    assert sorted(await found(again)) == NAMES
    assert again.following.at.database != 1


async def test_an_index_that_was_away_for_longer_than_tombstones_last_is_built_anew(town: Town) -> None:
    one = town.process("one")
    await a_shop_of_three(town)
    await town.learn(one)
    await one.stop()
    two = town.process("two", gone_days=1)
    rows = await town.db.fetch("SELECT product_id FROM documents ORDER BY revision LIMIT 1")
    await town.db.execute(
        "UPDATE documents SET document = NULL, revision = 4, changed_at = $1 WHERE product_id = $2",
        clock.now().replace(year=2020),
        rows[0]["product_id"],
    )
    await town.db.execute("UPDATE feed SET revision = 4")
    await end_what_is_old(two)
    assert await town.db.fetchval("SELECT count(*) FROM documents") == 2
    assert (await repository.head(town.db)).forgotten == 4

    again = town.process("one")
    assert (await looked_for(again)).total == 2


async def test_nobody_is_answered_while_it_is_behind_by_more_than_it_says(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = town.process("one", most_behind_seconds=0.05)
    await town.learn(one)
    monkeypatch.setattr(following, "FRESH_SECONDS", 0.0)
    assert await found(one) == []
    await one.db.close()
    await asyncio.sleep(0.06)
    with pytest.raises(IndexBehind) as refused:
        await found(one)
    assert (refused.value.status, refused.value.members) == (503, {"retry_after_seconds": 1})
    with pytest.raises(IndexBehind):
        await one.following.check()


async def test_an_index_is_built_anew_beside_the_one_that_answers(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "READ_AT_ONCE", 1)
    monkeypatch.setattr(following, "TELL_SECONDS", 0.0)
    one = town.process("one")
    await a_shop_of_three(town)
    await town.learn(one)
    # Found by nobody but an index that is built from the documents: what it has of its own is not looked at.
    await town.db.execute("DELETE FROM documents WHERE revision = (SELECT min(revision) FROM documents)")
    generation = await repository.build_anew(town.db)
    await one.following.worker.run()
    totals = set()
    async with asyncio.timeout(5):
        while one.following.at.generation < generation:
            totals.add((await looked_for(one)).total)
            await asyncio.sleep(0)
    assert totals <= {3, 2}
    assert (await looked_for(one)).total == 2
    async with asyncio.timeout(5):
        while not (told := await repository.indexes(town.db, generation)) or told[0].done < told[0].of:
            await asyncio.sleep(0.01)
    assert [(each.done, each.of) for each in told] == [(3, 3)]

    await town.sell("Bowl", "BOWL-1")
    await town.learn(one)
    assert (await looked_for(one)).total == 3


class Held:
    """An index that waits in its next write but so many."""

    def __init__(self, index: EmbeddedIndex) -> None:
        self._index = index
        self.passed: int | None = None
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    async def write(self, changes: Sequence[Document | Removed]) -> int:
        if self.passed == 0:
            self.reached.set()
            await self.go_on.wait()
        elif self.passed is not None:
            self.passed -= 1
        return await self._index.write(changes)


async def held_of(town: Town, tmp_path: Path) -> tuple[Held, Following]:
    """One that has everything that there is by now."""
    held = Held(await open_index(tmp_path / "held", ("en",)))

    async def opened() -> SearchIndex:
        return cast("SearchIndex", held)

    slow = Following(town.db, opened, most_behind_seconds=20, reach=lambda _: None)
    await slow.worker.run()
    return held, slow


async def test_an_index_that_nobody_is_answered_from_is_committed_seldom(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each commit is a segment, and there need be few; one that answers is to have what is new."""
    for name, value in (("READ_AT_ONCE", 1), ("COMMIT_SECONDS", 0.0), ("APART_SECONDS", 0.0)):
        monkeypatch.setattr(following, name, value)
    writer = town.process("writer")
    await a_shop_of_three(town)
    await town.learn(writer)
    reached: list[str] = []
    filled = Following(
        town.db, lambda: open_index(tmp_path / "filled", ("en",)), most_behind_seconds=1, reach=reached.append
    )
    filled._committed_at = time.monotonic()  # as if it had just begun
    await filled.worker.run()
    assert (filled.documents, reached.count("search:committed")) == (3, 1)
    for name in NAMES:
        await town.sell(f"Another {name}", f"ANOTHER-{name}")
    await town.learn(writer)
    reached.clear()
    await filled.worker.run()
    assert filled.documents == 6
    assert reached.count("search:committed") >= len(NAMES)
    await filled.stop()


@pytest.mark.parametrize(("age_seconds", "answers"), [(5, True), (50, False)])
async def test_of_a_long_backlog_it_is_behind_by_what_it_has_not_and_not_by_how_long_that_takes(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age_seconds: int, answers: bool
) -> None:
    one = town.process("one")
    await town.sell("Bowl", "BOWL-1")
    await town.learn(one)
    held, slow = await held_of(town, tmp_path)
    for number in range(6):
        await town.sell(f"Mug {number}", f"MUG-{number}")
    await town.learn(one)
    await town.db.execute("UPDATE documents SET changed_at = now() - $1 * interval '1 second'", age_seconds)

    for name, value in (("READ_AT_ONCE", 2), ("COMMIT_SECONDS", 0.0), ("APART_SECONDS", 0.0), ("WAIT_SECONDS", 0.01)):
        monkeypatch.setattr(following, name, value)
    # A minute in which nobody looked; then the first two of the six are written, and the others take long.
    monkeypatch.setattr(following, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + 60))
    held.passed = 1
    looking = asyncio.create_task(slow.worker.run())
    await held.reached.wait()
    if answers:
        assert (await slow.current()).documents == 3
    else:
        with pytest.raises(IndexBehind):
            await slow.current()
    held.go_on.set()
    await looking
    assert (await slow.current()).documents == 7
    await slow.stop()


async def test_the_feed_writes_no_faster_than_the_index_of_its_process_follows(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.import_module("stoa.services.search.feed"), "MOST_AT_ONCE", 2)
    monkeypatch.setattr(following, "FAR_BEHIND_SECONDS", 0.0)
    one = town.process("one")
    held, slow = await held_of(town, tmp_path)
    for number in range(6):
        await town.sell(f"Mug {number}", f"MUG-{number}")
    await town.hear(one, await town.told())
    held.passed = 0
    feeding = asyncio.create_task(feed(town.db, town.neighbors, slow))
    await held.reached.wait()
    done, _ = await asyncio.wait([feeding], timeout=0.1)
    assert (done, (await repository.waiting(town.db, 100)).marks) == (set(), 4)
    held.go_on.set()
    await feeding
    assert ((await repository.waiting(town.db, 100)).marks, slow.documents) == (0, 6)
    await slow.stop()


async def test_what_waits_to_become_a_document_is_behind_too_and_turns_nobody_away(town: Town) -> None:
    one, hearer = town.process("one"), town.process("hearer")
    mug = await town.sell("Mug", "MUG-1")
    await town.learn(one)
    await town.edit(mug, name="Cup")
    events = await town.told()
    await town.hear(hearer, events)
    await town.db.execute("UPDATE stale SET since = since - interval '1 hour'")
    # That it is marked again does not make it wait for less.
    await town.hear(hearer, events)
    await figures.measure(one)
    assert metrics.SEARCH_STALE._value.get() == 1
    assert metrics.SEARCH_BEHIND_SECONDS._value.get() >= 3600
    assert await found(one) == ["Mug"]
    await town.learn(one)
    await figures.measure(one)
    assert metrics.SEARCH_STALE._value.get() == 0
    assert metrics.SEARCH_BEHIND_SECONDS._value.get() < 3600
