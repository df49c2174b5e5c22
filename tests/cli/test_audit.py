"""What `stoa audit` is told: since when."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

import pytest

from stoa.cli.audit import add_arguments
from stoa.kit import clock

NOW = datetime(2026, 5, 2, 12, 0, tzinfo=UTC)


def since(*words: str) -> datetime | None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    moment: datetime | None = parser.parse_args(words).since
    return moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90m", NOW - timedelta(minutes=90)),
        ("24h", NOW - timedelta(days=1)),
        ("7d", NOW - timedelta(days=7)),
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-05-01T14:00+02:00", datetime(2026, 5, 1, 12, tzinfo=UTC)),
    ],
)
def test_a_span_or_a_moment(monkeypatch, text: str, moment: datetime) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    assert since("--since", text) == moment


def test_without_it_everything_is_compared() -> None:
    assert since() is None


@pytest.mark.parametrize("text", ["", "yesterday", "24", "-1h", "999999d", "2026-13-01"])
def test_what_is_no_moment_is_refused(capsys, text: str) -> None:
    with pytest.raises(SystemExit) as refused:
        since(f"--since={text}")
    assert refused.value.code == 2
    assert f"{text!r} is no span like 24h" in capsys.readouterr().err
