"""`stoa new service`: what it writes is a service that joins, and passes its own tests."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from packages.conftest import install, run_tests_of

from stoa.cli import new
from stoa.cli.console import Console
from stoa.runtime.failure import Failure


async def write(*words: str | Path) -> None:
    parser = argparse.ArgumentParser()
    new.add_arguments(parser)
    await new.run(parser.parse_args([str(word) for word in words]), Console())


async def test_what_is_written_passes_its_tests(tmp_path: Path) -> None:
    await write("service", "loyalty", "--into", tmp_path)
    (tmp_path / "scratch").mkdir()
    source = install(tmp_path / "loyalty", tmp_path / "installed", tmp_path / "scratch")
    assert "4 passed" in run_tests_of(source, tmp_path / "installed")
    assert not [path for path in source.rglob("*") if path.is_file() and "%" in path.name]
    with pytest.raises(Failure, match="loyalty is there already"):
        await write("service", "loyalty", "--into", tmp_path)


@pytest.mark.parametrize("name", ["order", "Loyalty", "my-service", "my_service", "x", "gateway", "9lives", "class"])
async def test_what_cannot_be_a_name_writes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(Failure, match=f"'{name}' cannot be the name of a new service"):
        await write("service", name, "--into", tmp_path)
    assert list(tmp_path.iterdir()) == []
