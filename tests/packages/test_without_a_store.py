"""A service that has no database: it runs in one process and in three, and nothing asks for a database of it."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from journeys.conftest import shop_on
from packages.conftest import ROOT, install, run_tests_of
from packages.test_giftwrap import stoa

LABELS = ROOT / "tests" / "packages" / "labels"


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A copy of the package, and the folder into which it is installed."""
    folder = tmp_path_factory.mktemp("labels")
    return install(LABELS, folder / "installed", folder), folder / "installed"


def test_in_one_process(labels: tuple[Path, Path]) -> None:
    source, installed = labels
    assert "2 passed" in run_tests_of(source, installed)


async def test_in_three(labels: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_dir = tmp_path / "data"
    monkeypatch.setenv("PYTHONPATH", str(labels[1]))
    monkeypatch.setenv("STOA_JOURNEY_TOPOLOGY", "three-services")
    with shop_on(data_dir) as url:
        async with aiohttp.ClientSession(url) as http:
            async with http.get("/api/v1/products", params={"limit": 1}) as answer:
                (product,) = (await answer.json())["items"]
            async with http.post(f"/api/v1/labels/{product['slug']}", json={"text": "for you"}) as answer:
                assert (answer.status, await answer.json()) == (200, {"text": f"{product['name']}: for you"})
        assert "joined stoa-labels 0.1.0 (stoa.services: labels)" in stoa("doctor", "--data-dir", data_dir)[1]
        listed = stoa("psql", "--data-dir", data_dir, "order", "-Atc", "SELECT datname FROM pg_database")[1].split()
        assert ("stoa_order" in listed, "stoa_labels" in listed) == (True, False)
        assert stoa("psql", "--data-dir", data_dir, "labels")[1].startswith("stoa: labels has no database; choose from")
