"""How popular a product is: the units that were sold of it, each worth half as much after a month. Pure.

What is added up does not fade: a unit weighs twice as much as one that was sold a half-life before it. So what comes
late, in whatever order, has its place, one number a product is enough, and only to be shown it is divided by what a
unit of that moment weighs.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

HALF_LIFE = timedelta(days=30)
IN_FULL = 10
"""Units of a line of an order that count one each. Of more the logarithm counts: 28 are twenty, 10,000 are 79."""
OFF_BY = 0.1
"""A document is written again when its popularity is off by more than a tenth."""
FADES_AFTER = timedelta(days=3)
"""And when it was worked out so long ago: by then it is 7 % less."""
LEAST = 0.1
"""What is less is nothing: one unit after a hundred days."""
KEPT_FOR = 4 * HALF_LIFE
"""For so long a line is known. What comes back later is taken off no more: it counts a sixteenth."""

_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def counted(units: int) -> float:
    """So that whoever buys a warehouse empty does not decide what a shop shows, and more are more all the same."""
    return float(units) if units <= IN_FULL else IN_FULL * (1 + math.log(units / IN_FULL))


def weight(units: int, sold_at: datetime) -> float:
    """What a line adds to all that was sold."""
    return counted(units) * _unit(sold_at)


def left_of(weight: float, units: int, left: int) -> float:
    """What a line of so many units weighs when fewer are left of it."""
    return weight * counted(left) / counted(units) if left else 0.0


def worth(at: datetime) -> float:
    """What a weight is multiplied with to be popularity at a moment."""
    return 1 / _unit(at)


def _unit(at: datetime) -> float:
    return float(2 ** ((at - _SINCE) / HALF_LIFE))
