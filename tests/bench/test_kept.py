"""What a run keeps of what it has measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.kept import Kept, NothingToGoOn, earlier


def test_a_run_that_ended_early_goes_on_with_what_it_has(tmp_path: Path) -> None:
    file = tmp_path / "build" / "bench.kept"
    kept = Kept("commit abc", file)
    kept.results.facts.append(("Machine", "this one"))
    kept.add("reads")
    kept.add("orders")
    again = earlier(file, "commit abc")
    assert (again.parts, again.results.facts) == ({"reads", "orders"}, [("Machine", "this one")])
    again.add("events")
    assert earlier(file, "commit abc").parts == {"reads", "orders", "events"}


def test_of_another_commit_nothing_stays(tmp_path: Path) -> None:
    file = tmp_path / "bench.kept"
    with pytest.raises(NothingToGoOn, match="leave --go-on out"):
        earlier(file, "commit abc")
    Kept("commit abc", file).add("reads")
    with pytest.raises(NothingToGoOn, match="of commit abc, and this is commit def"):
        earlier(file, "commit def")


def test_what_is_not_to_become_the_page_is_not_kept() -> None:
    kept = Kept("commit abc")
    kept.add("reads")
    assert kept.parts == {"reads"}
