"""How long to wait before the next try: doubling, with a limit, and spread so that nobody retries in step."""

from __future__ import annotations

import random

FIRST_SECONDS = 0.1


def back_off(failures: int, most_seconds: float = 30.0) -> float:
    """Seconds to wait after so many failures in a row, at least one: between half and all of the doubled time."""
    full = min(most_seconds, FIRST_SECONDS * 2.0 ** (min(failures, 32) - 1))
    return full * random.uniform(0.5, 1.0)  # noqa: S311  (to spread, not to surprise)
