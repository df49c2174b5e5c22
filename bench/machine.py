"""On what a run was measured: the machine and the versions, for the head of the report."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import psutil

import stoa

PACKAGES = ("uvicorn", "uvloop", "httptools", "asyncpg", "msgspec", "grpcio", "protobuf", "aiohttp")


def facts(postgres: str) -> list[tuple[str, str]]:
    """Name and value; `postgres` is the server's version."""
    cores = len(os.sched_getaffinity(0))
    memory = psutil.virtual_memory().total / 2**30
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return [
        ("Machine", f"{_processor()}, {cores} cores, {memory:.0f} GiB"),
        ("System", f"{platform.system()} {platform.release()}"),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("PostgreSQL", f"{postgres}, fsync and synchronous_commit on"),
        ("Packages", versions),
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def commit() -> str:
    """That is checked out here, and whether something has changed since."""
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return f"version {stoa.__version__}"
    return f"commit {said.stdout.strip()}"
