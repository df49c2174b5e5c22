"""`make check` runs everything, and says at the end what failed."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest
from docs.pages import ROOT

PASSES = (sys.executable, "-c", "print('well')")
FAILS = (sys.executable, "-c", "import sys; sys.exit('bad: line 7')")


@pytest.fixture
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check", ROOT / "tools" / "check.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_run_whatever_the_others_find(check: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.run_all({"one": FAILS, "two": PASSES, "three": FAILS}) == 1
    said = capsys.readouterr().out
    assert [line.split(" (")[0] for line in sorted(said.splitlines()) if line.endswith(" s)")] == [
        "FAILED  one",
        "FAILED  three",
        "ok      two",
    ]
    assert said.count("bad: line 7") == 2 + 2  # what it said, and the command
    assert "well" not in said
    assert said.endswith("\n2 of 3 failed: one, three\n")


def test_nothing_is_said_of_what_passes(check: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.run_all({"two": PASSES}) == 0
    assert capsys.readouterr().out.startswith("ok      two (")
