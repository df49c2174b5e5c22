"""A time in the past, as it is written on a command line: how long ago, or when."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta

from stoa.kit import clock

FORMS = "a span (90m, 24h, 7d) or a moment (2026-05-01, 2026-05-01T12:00Z)"
"""What `moment` reads."""

_SPAN = re.compile("([0-9]{1,6})([mhd])")
_OLDEST = datetime(1970, 1, 1, tzinfo=UTC)  # ids begin with the time since then
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def moment(text: str) -> datetime:
    """For an argument that is a time in the past; without a zone it is UTC."""
    try:
        if span := _SPAN.fullmatch(text):
            return clock.now() - timedelta(**{_UNITS[span[2]]: int(span[1])})
        read = datetime.fromisoformat(text)
        read = read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no span like 24h and no moment like 2026-05-01T12:00Z") from None
    if not _OLDEST <= read <= clock.now():
        raise argparse.ArgumentTypeError(f"{text!r} is to come, or before there were shops")
    return read
