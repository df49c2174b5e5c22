"""A circuit breaker: who does not answer is left in peace for a while, and its callers are told at once.

closed --5 failures in a row--> open --2 s--> half open --success--> closed
                                  ^                |
                                  +----failure-----+
"""

from __future__ import annotations

import time

FAILURES_TO_OPEN = 5
OPEN_SECONDS = 2.0
"""A process that was killed is back within one or two."""


class Breaker:
    """Of one address. In the half-open state one request at a time is let through to try."""

    def __init__(self) -> None:
        self._failures = 0
        self._closed_again_at = 0.0
        self._trying = False

    def admits(self) -> bool:
        """Whether a request may be sent now."""
        if self._failures < FAILURES_TO_OPEN:
            return True
        return not self._trying and time.monotonic() >= self._closed_again_at

    def sending(self) -> None:
        self._trying = self._failures >= FAILURES_TO_OPEN

    def succeeded(self) -> None:
        self._failures = 0
        self._trying = False

    def failed(self) -> None:
        self._failures += 1
        self._trying = False
        if self._failures >= FAILURES_TO_OPEN:
            self._closed_again_at = time.monotonic() + OPEN_SECONDS

    def abandoned(self) -> None:
        """The caller went away before the outcome was known."""
        self._trying = False
