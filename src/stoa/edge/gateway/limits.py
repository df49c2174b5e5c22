"""Rate limits: the generic cell rate algorithm, one number per caller.

For each caller we keep the moment at which all of its requests would be paid for at the allowed pace.
Who is more than a minute ahead of the clock waits. So a minute's worth may come at once, and afterwards
the pace holds; there is no window at whose edge twice as much gets through.
"""

from __future__ import annotations

import ipaddress
import time
from functools import lru_cache

from stoa.kit import problems

BURST_SECONDS = 60.0
MOST_CALLERS = 100_000


class RateLimited(problems.TooManyRequests):
    title = "Too many requests"
    slug = "rate-limited"


class Limit:
    """`per_minute` requests for each caller; 0 is no limit."""

    def __init__(self, per_minute: int) -> None:
        self._interval = 60.0 / per_minute if per_minute else 0.0
        self._paid_until: dict[str, float] = {}

    def spend(self, caller: str) -> None:
        """Count one request. Raises `RateLimited` with the seconds to wait, and then counts nothing."""
        if not self._interval:
            return
        now = time.monotonic()
        paid_until = max(self._paid_until.get(caller, now), now) + self._interval
        over = paid_until - now - BURST_SECONDS
        if over > 0:
            wait = int(over) + 1
            raise RateLimited(f"Come again in {wait} s.", retry_after_seconds=wait)
        if len(self._paid_until) >= MOST_CALLERS:
            self._forget(now)
        self._paid_until[caller] = paid_until

    def _forget(self, now: float) -> None:
        self._paid_until = {caller: until for caller, until in self._paid_until.items() if until > now}
        if len(self._paid_until) >= MOST_CALLERS:
            # Every one of them is active: those who came first are forgiven, memory is not.
            for caller in list(self._paid_until)[: MOST_CALLERS // 10]:
                del self._paid_until[caller]


@lru_cache(maxsize=10_000)
def caller_at(address: str) -> str:
    """An address as a caller: of IPv6 the /64, because one subscriber has all of it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
