"""One secret per installation, made once, readable by nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoa.runtime import secrets
from stoa.runtime.data_dir import DataDir
from stoa.runtime.failure import Failure


def test_it_is_made_once(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = secrets.load_or_make(file, {})
    assert secrets.load_or_make(file, {}).rpc == secrets.load(file, {}).rpc == first.rpc
    assert file.stat().st_mode & 0o777 == 0o600
    assert len({first.rpc, first.superuser, first.role("stoa_cart"), first.role("stoa_order")}) == 4


def test_containers_get_it_from_the_environment(tmp_path: Path) -> None:
    environ = {"STOA_SECRET": "0123456789abcdef0123456789abcdef"}
    one = secrets.load_or_make(tmp_path / "a.json", environ)
    assert one.rpc == secrets.load(tmp_path / "b.json", environ).rpc
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    with pytest.raises(Failure, match=r"there is no .*secrets\.json; run `stoa up`"):
        secrets.load(file, {})
    with pytest.raises(Failure, match="has fewer than 32 characters"):
        secrets.load(file, {"STOA_SECRET": "short"})
    file.write_text("{")
    with pytest.raises(Failure, match="is damaged"):
        secrets.load(file, {})


def test_one_at_a_time_in_a_data_directory(tmp_path: Path) -> None:
    folder = DataDir(tmp_path / "data")
    with folder.open():
        assert folder.path.stat().st_mode & 0o777 == 0o700
        with pytest.raises(Failure, match=r"Stoa already runs on .*data \(process \d+\); stop it first"), folder.open():
            pass
    with folder.open():
        pass


def test_a_data_directory_of_a_newer_stoa_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "layout").write_text("2\n")
    with pytest.raises(Failure, match="was written by a newer version of Stoa; upgrade Stoa"), DataDir(tmp_path).open():
        pass
    assert (tmp_path / "layout").read_text() == "2\n"


def test_a_data_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match=r"cannot be used: .*; choose another"), DataDir(tmp_path / "file").open():
        pass
