"""Days and moments that a caller sends: those that both Python and PostgreSQL have, in any time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime

from stoa.kit import problems

FIRST_YEAR, LAST_YEAR = 2000, 9000
"""Further out a time zone may lead to a year that one of them does not have. The very first and the very last day of
Python's calendar the driver takes for minus and plus infinity."""


class DateOutOfRange(problems.Unprocessable):
    title = "The date is too far away"
    slug = "date-out-of-range"

    def __init__(self, field: str) -> None:
        super().__init__(f"A date is of a year from {FIRST_YEAR} to {LAST_YEAR}.", field=field)


def day_of(day: date | None, field: str) -> date | None:
    """As it is. Raises `DateOutOfRange`."""
    if day is not None and not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise DateOutOfRange(field)
    return day


def moment_of(moment: datetime | None, field: str) -> datetime | None:
    """In UTC. Raises `DateOutOfRange`."""
    day_of(moment, field)
    return None if moment is None else moment.astimezone(UTC)
