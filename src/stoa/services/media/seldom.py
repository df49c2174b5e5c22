"""What a log says once a minute, however often it happens: a thousand pictures that fail have one cause as a rule."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field

EVERY_SECONDS = 60.0


@dataclass
class Seldom:
    log: logging.Logger
    _next: dict[str, float] = field(default_factory=dict)
    _times: Counter[str] = field(default_factory=Counter)

    def tell(self, level: int, message: str, **about: object) -> None:
        """Of the last that it happened to, and how many `times` it did since it was last told."""
        self._times[message] += 1
        now = time.monotonic()
        if now >= self._next.get(message, now):
            self.log.log(level, message, extra={**about, "times": self._times.pop(message)})
            self._next[message] = now + EVERY_SECONDS
