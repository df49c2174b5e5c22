"""Places at which a test may have the process die, as by kill -9. Off unless STOA_CRASH_AT names one.

They stand where something was done and is not yet recorded, or is recorded and not yet told: what then starts again has
to find it. A service's points begin with its name: `resources.reach("giftwrap:chosen")`.
"""

from __future__ import annotations

import os
from collections.abc import Callable

VARIABLE = "STOA_CRASH_AT"

Reach = Callable[[str], None]


def exit_at(point: str) -> Reach:
    """What ends the process, with status 9, when it reaches `point`; nothing does for an empty name."""

    def reach(reached: str) -> None:
        if reached == point:
            os._exit(9)

    return reach


NOWHERE = exit_at("")
