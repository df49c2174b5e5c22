"""The newest version of each stays, in whatever order versions come; what was committed is there again."""

from __future__ import annotations

import itertools
import random
from datetime import timedelta
from pathlib import Path

import pytest
from search.index.products import ids, product

from stoa.kit import clock
from stoa.ports.search import InUse, Query, Removed
from stoa.services.search.index.embedded import EmbeddedIndex, open_index


async def test_what_is_written_is_seen_after_the_commit(index: EmbeddedIndex):
    assert await index.write([product("a", "Red Cup")]) == 1
    assert (await index.search(Query(text="cup"))).total == 0
    await index.commit("7")
    assert ids(await index.search(Query(text="cup"))) == ["a"]
    assert (index.checkpoint, index.documents) == ("7", 1)


async def test_the_newest_version_stays_whatever_order_they_come_in(index: EmbeddedIndex):
    orders = list(itertools.permutations(range(4)))
    for number, order in enumerate(orders):
        id_ = f"p{number}"
        changes = [product(id_, "Cup", 1), product(id_, "Mug", 2), Removed(id_, 3), product(id_, "Glass", 4)]
        for change in (*order, *order):
            await index.write([changes[change]])
            # Of a few each change is committed, of the others they come between the same two commits.
            if number % 6 == 1:
                await index.commit(str(number))
    await index.commit("end")
    ids_ = [f"p{number}" for number in range(len(orders))]
    assert await index.versions(ids_) == dict.fromkeys(ids_, 4)
    assert (await index.search(Query(text="glass"))).total == index.documents == len(orders)
    assert (await index.search(Query(text="mug", exact=True))).total == 0


async def test_a_late_change_does_not_bring_back_what_was_removed(index: EmbeddedIndex):
    assert await index.write([product("a", version=5)]) == 1
    await index.commit("1")
    assert await index.write([Removed("a", 6), product("a", version=6), product("a", version=5)]) == 1
    await index.commit("2")
    assert await index.write([product("a", version=5), Removed("a", 6)]) == 0
    await index.commit("3")
    assert (index.documents, (await index.search(Query())).total, await index.versions(["a"])) == (0, 0, {})
    assert await index.write([product("a", version=7)]) == 1


async def test_what_was_removed_long_ago_is_forgotten(index: EmbeddedIndex):
    await index.write([product("a"), Removed("b", 9)])
    await index.commit("1")
    assert await index.forget_removed(clock.now() - timedelta(hours=1)) == 0
    assert await index.forget_removed(clock.now() + timedelta(hours=1)) == 1
    await index.commit("2")
    assert await index.forget_removed(clock.now() + timedelta(hours=1)) == 0
    assert await index.write([product("b", version=1), product("a", version=1)]) == 1


async def test_random_changes_end_as_the_newest_of_each(index: EmbeddedIndex):
    draw = random.Random(8)
    newest: dict[str, tuple[int, bool]] = {}
    for round_ in range(12):
        for _ in range(60):
            id_, version, gone = f"p{draw.randrange(40)}", draw.randrange(100), draw.random() < 0.2
            await index.write([Removed(id_, version) if gone else product(id_, f"Cup {version}", version)])
            if version > newest.get(id_, (-1, False))[0]:
                newest[id_] = version, gone
        await index.commit(str(round_))
        kept = {id_: version for id_, (version, gone) in newest.items() if not gone}
        assert await index.versions(list(newest)) == kept
        assert index.documents == (await index.search(Query(text="cup"))).total == len(kept)


async def test_it_goes_on_from_the_checkpoint(tmp_path: Path):
    first = await open_index(tmp_path, ["en"])
    assert first.empty_because == "There was no index."
    assert (first.checkpoint, first.documents) == (None, 0)
    await first.write([product("a", "Cup", 3)])
    await first.commit("42")
    await first.write([product("b", "Mug")])
    await first.close()
    again = await open_index(tmp_path, ["en"])
    assert (again.empty_because, again.checkpoint, again.documents) == (None, "42", 1)
    assert await again.write([product("a", "Cup", 2)]) == 0
    assert ids(await again.search(Query())) == ["a"]
    await again.close()


async def test_two_do_not_write_into_one_folder(tmp_path: Path):
    first = await open_index(tmp_path, ["en"])
    await first.commit("1")
    with pytest.raises(InUse, match="Another process has the index in"):
        await open_index(tmp_path, ["en"])
    # Nor is it taken to be damaged because the one that writes takes files away.
    segment = min((tmp_path / "1").glob("*.idx"))
    segment.rename(tmp_path / "aside")
    with pytest.raises(InUse):
        await open_index(tmp_path, ["en"])
    (tmp_path / "aside").rename(segment)
    await first.close()
    second = await open_index(tmp_path, ["en"])
    assert second.checkpoint == "1"
    await second.close()


async def test_it_is_filled_anew_while_it_answers(tmp_path: Path):
    index = await open_index(tmp_path, ["en"])
    await index.write([product("old", "Cup"), Removed("gone", 2)])
    await index.commit("1")
    dropped = await index.anew()
    await dropped.write([product("x")])
    fresh = await index.anew()
    assert fresh.empty_because is not None
    assert fresh.checkpoint is None
    await fresh.write([product("new", "Cup"), product("gone", "Mug", 1)])
    await fresh.commit("9")
    assert ids(await index.search(Query(text="cup"))) == ["old"]
    assert ids(await fresh.search(Query(text="cup"))) == ["new"]
    await index.become(fresh)
    assert (index.checkpoint, index.documents, index.empty_because) == ("9", 2, None)
    assert ids(await index.search(Query(text="cup"))) == ["new"]
    await index.write([product("newer", "Cup")])
    await index.commit("10")
    await index.close()
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1
    again = await open_index(tmp_path, ["en"])
    assert (again.checkpoint, again.documents) == ("10", 3)
    await again.close()


async def test_a_rebuild_that_was_not_finished_leaves_the_one_before(tmp_path: Path):
    index = await open_index(tmp_path, ["en"])
    await index.write([product("old")])
    await index.commit("1")
    fresh = await index.anew()
    await fresh.write([product("new")])
    await fresh.commit("2")
    await index.close()
    again = await open_index(tmp_path, ["en"])
    assert (again.checkpoint, ids(await again.search(Query()))) == ("1", ["old"])
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1
    await again.close()
