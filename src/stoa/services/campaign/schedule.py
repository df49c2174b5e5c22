"""When something holds: between two moments, and in the hours of a week by the clocks of a place. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from stoa.services.campaign.campaign import Hours

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def has_begun(starts_at: datetime | None, now: datetime) -> bool:
    return starts_at is None or starts_at <= now


def is_over(ends_at: datetime | None, now: datetime) -> bool:
    return ends_at is not None and ends_at <= now


def is_open(hours: Hours | None, now: datetime) -> bool:
    """By the minute that clocks there show: where they are put on, what does not come is not open, and an hour that
    comes twice is open twice."""
    if hours is None:
        return True
    there = now.astimezone(ZoneInfo(hours.time_zone))
    clock = f"{there:%H:%M}"
    today, yesterday = _DAYS[there.weekday()], _DAYS[(there - timedelta(days=1)).weekday()]
    for times in hours.times:
        if times.opens < times.closes:
            if today in times.days and times.opens <= clock < times.closes:
                return True
        elif (today in times.days and times.opens <= clock) or (yesterday in times.days and clock < times.closes):
            return True
    return False
