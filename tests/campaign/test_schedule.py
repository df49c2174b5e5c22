"""Hours of the week by the clocks of a place."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from stoa.services.campaign.campaign import Hours
from stoa.services.campaign.schedule import is_open

NIGHT = {"days": ["fri"], "opens": "22:00", "closes": "02:00"}
DAY = {"days": ["mon", "tue"], "opens": "09:00", "closes": "17:30"}
ALL_SUNDAY = {"days": ["sun"]}


@pytest.mark.parametrize(
    ("times", "at", "opened"),
    [
        (DAY, "2026-11-23T08:00", True),  # 09:00 in Berlin, a Monday
        (DAY, "2026-11-23T07:59", False),
        (DAY, "2026-11-23T16:29", True),
        (DAY, "2026-11-23T16:30", False),
        (DAY, "2026-11-25T10:00", False),
        (DAY, "2026-07-06T07:00", True),  # in summer an hour earlier
        (NIGHT, "2026-11-27T21:00", True),
        (NIGHT, "2026-11-28T00:59", True),
        (NIGHT, "2026-11-28T01:00", False),
        (NIGHT, "2026-11-27T00:30", False),  # 01:30 on Friday itself
        (ALL_SUNDAY, "2026-11-28T23:00", True),
        (ALL_SUNDAY, "2026-11-29T22:59", True),
        (ALL_SUNDAY, "2026-11-29T23:00", False),
    ],
)
def test_in_berlin(times, at, opened):
    hours = msgspec.convert({"time_zone": "Europe/Berlin", "times": [times]}, Hours)
    assert is_open(hours, datetime.fromisoformat(at).replace(tzinfo=UTC)) is opened


def test_without_hours_always():
    assert is_open(None, datetime(2026, 11, 23, tzinfo=UTC))
