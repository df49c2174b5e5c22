"""The shop that the pages' commands and requests are tried on: started as the journeys start theirs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from docs.pages import ROOT
from journeys.conftest import admin, new_product, running_shop, visitor  # noqa: F401 - the fixtures of a running shop

# What the pages write, because it is what a reader has.
SHOWN_URL = "http://127.0.0.1:8080"
SHOWN_PROBES = "http://127.0.0.1:8081"
SHOWN_DATA_DIR = ".stoa"
SHOWN_PYTHON = ".venv/bin/python"
SHOWN_STOA = ".venv/bin/stoa"

RUN_SECONDS = 120


@dataclass(frozen=True)
class Reader:
    """Somebody who does what a page says, on a shop of the test's: all that differs is said here."""

    url: str
    data_dir: Path
    probes: str = SHOWN_PROBES

    def at_home(self, text: str, **also: str) -> str:
        """A page's text with this shop's address, folder and Python; `also` replaces placeholders such as FILE."""
        here = {
            SHOWN_URL: self.url,
            SHOWN_PROBES: self.probes,
            SHOWN_STOA: f"{sys.executable} -m stoa.cli.main",
            SHOWN_PYTHON: sys.executable,
            SHOWN_DATA_DIR: str(self.data_dir),
        } | also
        shown = "|".join(rf"(?<![\w./-]){re.escape(each)}\b" for each in here)
        return re.sub(shown, lambda found: here[found[0]], text)

    @property
    def environment(self) -> dict[str, str]:
        """By which a command finds this shop without being told."""
        return os.environ | {"STOA_DATA_DIR": str(self.data_dir), "STOA_SHOP_HTTP": urlsplit(self.url).netloc}

    def run(self, command: str | Sequence[str], folder: Path = ROOT) -> str:
        """What a command, or a script for the shell, prints; it must succeed."""
        words = ["bash", "-euo", "pipefail", "-c", command] if isinstance(command, str) else list(command)
        done = subprocess.run(
            words, cwd=folder, env=self.environment, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def reader(running_shop: tuple[str, Path]) -> Reader:  # noqa: F811 - the fixture
    url, data_dir = running_shop
    said = re.search(r"Probes +(http://\S+)/readyz", (data_dir.parent / "shop.log").read_text())
    assert said is not None
    return Reader(url, data_dir, said[1])
