"""What the folder of an index is after a process was killed, when files are damaged, and when the disk is full."""

from __future__ import annotations

import random
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from search.index.products import ids, product

from stoa.ports.search import Query, Removed, Sort
from stoa.services.search.index.embedded import Failed, open_index

A_BATCH = 30
WRITER = f"""
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from stoa.ports.search import Document, Removed
from stoa.services.search.index.embedded import Failed, open_index

async def write():
    index = await open_index(Path(sys.argv[1]), ["en"])
    assert index.empty_because in (None, "There was no index."), index.empty_because
    batch = int(index.checkpoint or 0)
    while True:
        batch += 1
        await index.write([
            Document(id=f"p{{batch * {A_BATCH} + n}}", version=batch, slug="x", name=f"Cup {{batch}}",
                     created_at=datetime.now(UTC))
            for n in range({A_BATCH})
        ] + [Removed(f"p{{(batch - 1) * {A_BATCH}}}", batch), Document(id="same", version=batch, slug="x",
             name=f"Mug {{batch}}", created_at=datetime.now(UTC))])
        await index.commit(str(batch))
        print(batch, flush=True)

asyncio.run(write())
"""


async def test_killed_while_it_writes_it_goes_on_from_what_it_said_last(tmp_path: Path):
    draw = random.Random(3)
    said = 0
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(draw.randint(1, 12)):
                said = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
            said = max([said, *map(int, child.stdout.read().split())])
        index = await open_index(tmp_path, ["en"])
        assert index.empty_because is None
        # The last commit may have been finished, and nobody told.
        batch = int(index.checkpoint or 0)
        assert batch in (said, said + 1)
        found = await index.search(Query(text="cup", limit=1000, sort=Sort.NEWEST))
        assert found.total == index.documents - 1 == batch * A_BATCH - (batch - 1)
        assert (await index.search(Query(text=f"mug {batch}", exact=True))).total == 1
        assert await index.versions(["same"]) == {"same": batch}
        assert await index.write([product(f"p{A_BATCH}", version=1)]) == 0
        await index.close()


@pytest.fixture(scope="module")
async def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two segments, one of which has deletes."""
    path = tmp_path_factory.mktemp("kept")
    index = await open_index(path, ["en"])
    for start in (0, 40):
        await index.write([product(f"p{n}", f"Cup {n}", description="Words " * 50) for n in range(start, start + 40)])
        await index.commit("1")
    await index.write([Removed("p3", 2)])
    await index.commit("2")
    await index.close()
    return path


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0x40
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


async def test_what_tantivy_panics_at_while_it_is_opened_is_a_failure_and_lets_go_of_the_folder(tmp_path: Path):
    with pytest.raises(Failed, match="Field already exists"):
        await open_index(tmp_path, ["en", "en"])
    index = await open_index(tmp_path, ["en"])
    await index.close()


@pytest.mark.parametrize("harm", [_flip, _cut, Path.unlink, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("what", ["idx", "term", "pos", "fast", "store", "fieldnorm", "del", "meta.json"])
async def test_a_damaged_file_is_seen_and_it_starts_empty(
    kept: Path, tmp_path: Path, what: str, harm: Callable[[Path], object]
):
    path = tmp_path / "index"
    shutil.copytree(kept, path)
    if what == "meta.json" and harm is _flip:
        # The one file without a checksum: half of it, or none, is seen.
        harm = _cut
    harm(min(path.glob(f"1/*{what}")))
    index = await open_index(path, ["en"])
    assert index.empty_because is not None
    assert index.empty_because.startswith("The index was damaged: ")
    assert (index.checkpoint, index.documents, (await index.search(Query())).total) == (None, 0, 0)
    await index.write([product("new")])
    await index.commit("3")
    assert ids(await index.search(Query())) == ["new"]
    await index.close()
    assert [one.name for one in path.iterdir() if one.is_dir()] == ["2"]


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda path: (path / "current").unlink(), "There was no index."),
        (lambda path: (path / "current").write_bytes(b"\xff\x00"), "The index was damaged"),
        (lambda path: (path / "current").write_text("../1"), "The index was damaged"),
        (lambda path: shutil.rmtree(path / "1"), "The index was damaged: its files are not there."),
        (lambda path: (path / "1" / "format.json").unlink(), "The index was damaged"),
        (lambda path: (path / "1" / "format.json").write_text('{"format": 0}'), "The index was of another version"),
    ],
)
async def test_a_folder_that_is_not_ours_starts_empty(
    kept: Path, tmp_path: Path, harm: Callable[[Path], object], says: str
):
    path = tmp_path / "index"
    shutil.copytree(kept, path)
    harm(path)
    index = await open_index(path, ["en"])
    assert (index.empty_because or "").startswith(says)
    assert (index.checkpoint, index.documents) == (None, 0)
    await index.close()


async def test_other_locales_start_empty(kept: Path, tmp_path: Path):
    path = tmp_path / "index"
    shutil.copytree(kept, path)
    index = await open_index(path, ["en", "fr"])
    assert index.empty_because == "The index was of another version, or of other locales."
    await index.close()


async def test_what_a_killed_process_had_not_committed_is_no_damage(kept: Path, tmp_path: Path):
    path = tmp_path / "index"
    shutil.copytree(kept, path)
    (path / "1" / f"{'ab' * 16}.idx").write_bytes(b"half of it")
    index = await open_index(path, ["en"])
    assert (index.empty_because, index.checkpoint, index.documents) == (None, "2", 79)
    await index.close()


async def test_a_full_disk_loses_what_was_not_committed_and_nothing_else(tmp_path: Path):
    """Files may not grow beyond a limit for a while, as on a disk that is full."""
    index = await open_index(tmp_path, ["en"])
    await index.write([product("a", "Cup")])
    await index.commit("1")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))
    try:
        with pytest.raises((ValueError, Failed)):
            await index.write([product(f"b{n}", "Cup") for n in range(50)])
            await index.commit("2")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert (index.checkpoint, ids(await index.search(Query(text="cup")))) == ("1", ["a"])
    assert await index.write([product("b1", "Cup")]) == 1
    await index.commit("2")
    assert (index.checkpoint, index.documents) == ("2", 2)
    await index.close()
    again = await open_index(tmp_path, ["en"])
    assert (again.empty_because, again.checkpoint, again.documents) == (None, "2", 2)
    await again.close()
