"""What packages from outside build on stays: `tests/kit/api.txt` has what was promised."""

from __future__ import annotations

from kit.kit_api import RECORD, breaks, lines

from stoa.kit import api


def test_nothing_that_was_promised_is_gone() -> None:
    """Where it must go: raise `stoa.kit.api.VERSION`, say it in docs/extending.md, and `make baseline`."""
    version, *recorded = RECORD.read_text().splitlines()
    assert version == f"version {api.VERSION}", "record it anew: make baseline"
    assert breaks(recorded, lines()) == []


def test_what_is_a_break_and_what_is_none() -> None:
    recorded = ["m.f", "m.f(a) at 0, required", "m.C"]
    assert breaks(recorded, [*recorded, "m.f(b) by name, optional", "m.g", "m.g(a) at 0, required"]) == []
    assert breaks(recorded, ["m.f", "m.f(a) at 0, optional", "m.C"]) == []
    assert breaks(recorded, recorded[:-1]) == ["m.C"]
    assert breaks(recorded, [*recorded, "m.f(b) at 1, required"]) == ["m.f(b) at 1, required"]
    assert breaks(recorded, ["m.f", "m.f(b) at 0, required", "m.C"]) == [
        "m.f(a) at 0, required",
        "m.f(b) at 0, required",
    ]
