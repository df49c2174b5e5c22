"""The one source of wall-clock time, so that a test can read or move it in one place."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, in UTC and aware of it."""
    return datetime.now(UTC)
