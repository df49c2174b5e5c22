"""What a process keeps of the memory that it has used once."""

from __future__ import annotations

import ctypes
import os
import sys

_M_ARENA_MAX = -8
ARENAS = 2


def share_arenas() -> None:
    """Let all threads take memory from a few places, as far as nobody has said otherwise (`MALLOC_ARENA_MAX`).

    glibc gives new threads a place of their own, up to eight for each core, and what was freed in one waits there for
    its thread's successor. Each commit of the search index is written by a thread that is new, with 15 MB: after a
    dozen of them a shop at rest had 150 MB that nobody used.
    """
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        # Not where the C library is another.
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, ARENAS)
