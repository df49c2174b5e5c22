"""What a shop takes from the machine: CPU and memory of its processes, PostgreSQL's apart."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

_TICKS = os.sysconf("SC_CLK_TCK")
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Cpu:
    """CPU seconds since the processes began."""

    services: float
    postgres: float

    def __sub__(self, earlier: Cpu) -> Cpu:
        return Cpu(self.services - earlier.services, self.postgres - earlier.postgres)

    @property
    def total(self) -> float:
        return self.services + self.postgres


@dataclass(frozen=True)
class Memory:
    """In MiB. PSS counts a page that several share in parts, so that the sum is what they take together."""

    pss: float
    rss: float
    postgres_pss: float


def processes(root: int) -> list[psutil.Process]:
    """The process and all that descend from it."""
    try:
        parent = psutil.Process(root)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu(root: int) -> Cpu:
    """Of the whole tree. What has ended is in its parent's account, so nothing is lost between two looks."""
    services = postgres = 0.0
    for process in processes(root):
        with contextlib.suppress(OSError, psutil.NoSuchProcess):
            seconds = _cpu_seconds(process.pid)
            if _is_postgres(process):
                postgres += seconds
            else:
                services += seconds
    return Cpu(services, postgres)


def memory(root: int) -> Memory:
    pss = rss = postgres = 0.0
    for process in processes(root):
        with contextlib.suppress(OSError, psutil.NoSuchProcess):
            own = _pss(process.pid)
            pss += own
            rss += process.memory_info().rss / _MIB
            postgres += own if _is_postgres(process) else 0.0
    return Memory(pss, rss, postgres)


@contextlib.contextmanager
def apart(*servers: int) -> Iterator[None]:
    """For the block the servers' trees are on the first core and we are on the others, if there are two.

    Without that the load and what it measures push each other from core to core. Only one of the servers
    is to be busy at a time.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        yield
        return
    for each in servers:
        _pin(each, cores[:1])
    os.sched_setaffinity(0, cores[1:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        for each in servers:
            _pin(each, cores)


def _pin(root: int, cores: Collection[int]) -> None:
    for process in processes(root):
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{process.pid}/task").iterdir():
                with contextlib.suppress(OSError):
                    os.sched_setaffinity(int(thread.name), cores)


def _is_postgres(process: psutil.Process) -> bool:
    return bool(process.name() == "postgres")


def _cpu_seconds(pid: int) -> float:
    """User and system time, its own and that of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(each) for each in fields[11:15]) / _TICKS


def _pss(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0
