"""Threads share what memory there is: asked of the C library itself, in a process of its own."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from stoa.runtime.memory import ARENAS

PROGRAM = """
import ctypes, sys, threading
from stoa.runtime.memory import share_arenas

if sys.argv[2] == "shared":
    share_arenas()
together = threading.Barrier(6)

def use():
    kept = bytes(10_000)
    together.wait()

threads = [threading.Thread(target=use) for _ in range(6)]
for each in threads: each.start()
for each in threads: each.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
out = libc.fopen(sys.argv[1].encode(), b"w")
libc.malloc_info(0, ctypes.c_void_p(out))
libc.fclose(ctypes.c_void_p(out))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has no such places")
def test_threads_share_a_few_places(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}

    def arenas(how: str, **more: str) -> int:
        told = tmp_path / how
        subprocess.run([sys.executable, "-c", PROGRAM, told, how], check=True, env=environ | more)
        return told.read_text().count("<heap nr=")

    assert arenas("apart") > ARENAS
    assert arenas("shared") == ARENAS
    assert arenas("shared", MALLOC_ARENA_MAX="4") == 4, "as the operator says"
