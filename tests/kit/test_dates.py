"""Dates of callers."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from stoa.kit.dates import DateOutOfRange, day_of, moment_of


def test_moments_are_told_in_utc():
    moment = datetime.fromisoformat("2030-01-01T01:00:00+01:00")
    assert moment_of(moment, "at").isoformat() == datetime(2030, 1, 1, tzinfo=UTC).isoformat()
    assert (moment_of(None, "at"), day_of(None, "on"), day_of(date(2030, 1, 1), "on")) == (None, None, date(2030, 1, 1))


@pytest.mark.parametrize("day", [date.min, date(1999, 12, 31), date(9001, 1, 1), date.max])
def test_what_a_database_would_take_for_infinity_is_refused(day):
    with pytest.raises(DateOutOfRange) as refused:
        day_of(day, "expected_on")
    assert refused.value.field == "expected_on"
    with pytest.raises(DateOutOfRange):
        moment_of(datetime(day.year, day.month, day.day, tzinfo=UTC), "starts_at")
