"""A package from outside, installed as anybody would, into a folder beside the environment of these tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

collect_ignore = ["labels"]
"""A package, whose own tests run where it is installed."""


def install(source: Path, into: Path, scratch: Path) -> Path:
    """pip builds and installs it. It builds in the source, which is copied so that nothing is left there."""
    copied = scratch / source.name
    shutil.copytree(
        source, copied, ignore=shutil.ignore_patterns("build", "__pycache__", "*.egg-info", ".pytest_cache")
    )
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    offline = ["--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, *offline, "--target", str(into), str(copied)], check=True)
    return copied


def run_tests_of(package: Path, installed: Path) -> str:
    """Its own, as somebody does who has Stoa from a wheel: against what is installed."""
    environ = os.environ | {"PYTHONPATH": str(installed)}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=package, env=environ, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="session")
def giftwrap(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A copy of the example, and the folder into which it is installed."""
    folder = tmp_path_factory.mktemp("giftwrap")
    return install(ROOT / "examples" / "giftwrap", folder / "installed", folder), folder / "installed"
