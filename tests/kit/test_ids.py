"""UUIDv7: well formed, ordered by the microsecond, and never twice."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime

from stoa.kit.ids import first_uuid7, moment_of, uuid7


def test_an_id_is_a_uuid_of_version_7_with_the_time_in_front() -> None:
    before = time.time_ns() // 1_000_000
    text = uuid7()
    after = time.time_ns() // 1_000_000
    parsed = uuid.UUID(text)
    assert str(parsed) == text
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert before <= parsed.int >> 80 <= after


def test_ids_of_later_microseconds_sort_later(monkeypatch) -> None:
    late = 1_700_000_000_000_000_000
    moments = [1_000_000, 2_000_000, late, late + 1_000, late + 2_000, late + 999_000, late + 999_999, late + 1_000_000]
    ids = []
    for moment in moments:
        monkeypatch.setattr(time, "time_ns", lambda now=moment: now)
        ids.append(uuid7())
    assert ids == sorted(ids)


def test_an_id_says_when_it_was_made() -> None:
    moment = datetime(2026, 3, 1, 12, 30, 15, 123_000, tzinfo=UTC)
    assert moment_of(first_uuid7(moment)) == moment
    assert moment_of(first_uuid7(moment).upper()) == moment


def test_ids_differ() -> None:
    assert len({uuid7() for _ in range(100_000)}) == 100_000


def test_the_first_id_of_a_moment_comes_before_all_others_of_it(monkeypatch) -> None:
    moment = datetime(2026, 5, 1, 12, 0, 0, 123_000, tzinfo=UTC)
    nanoseconds = int(moment.timestamp() * 1000) * 1_000_000
    monkeypatch.setattr(time, "time_ns", lambda: nanoseconds - 1)
    before = uuid7()
    monkeypatch.setattr(time, "time_ns", lambda: nanoseconds)
    assert before < first_uuid7(moment) <= uuid7()
    assert uuid.UUID(first_uuid7(moment)).version == 7
