"""What a run keeps of what it has measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.kept import Kept, NothingToGoOn, earlier


def test_a_run_that_ended_early_goes_on_with_what_it_has(tmp_path: Path) -> None:
    file = tmp_path / "build" / "bench.kept"
    with pytest.raises(NothingToGoOn, match="leave --go-on out"):
        earlier(file, "commit abc")
    kept = Kept("commit abc", file)
    kept.results.facts.append(("Machine", "this one"))
    kept.add("reads")
    kept.add("orders")
    again = earlier(file, "commit abc")
    assert set(again.parts) == {"reads", "orders"}
    assert again.results.facts == [("Machine", "this one")]
    again.add("events")
    last = earlier(file, "commit abc")
    assert set(last.parts) == {"reads", "orders", "events"}
    assert last.commits() == "commit abc"
    last.forget()
    with pytest.raises(NothingToGoOn):
        earlier(file, "commit abc")


def test_what_was_measured_of_another_commit_says_so(tmp_path: Path) -> None:
    file = tmp_path / "bench.kept"
    kept = Kept("commit abc", file)
    for part in ("reads", "orders", "events"):
        kept.add(part)
    later = earlier(file, "commit def")
    later.add("search")
    later.add("catalog")
    assert later.commits() == "commit abc; search, catalog: commit def"


def test_what_is_not_to_become_the_page_is_not_kept() -> None:
    kept = Kept("commit abc")
    kept.add("reads")
    assert kept.parts == {"reads": "commit abc"}
