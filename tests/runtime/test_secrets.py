"""One secret per installation, made once, readable by nobody else."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from stoa.runtime import files, secrets
from stoa.runtime.access import Access, checked_name, checked_url, place_of, without_password
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


@pytest.mark.parametrize("left", [b"", b"{", b"\xff\xfe\x00", b'{"secret": ""}', b'{"secret": "short"}', b"[]"])
def test_a_damaged_secret_is_said_and_kept(tmp_path: Path, left: bytes) -> None:
    file = tmp_path / "secrets.json"
    file.write_bytes(left)
    for attempt in (secrets.load, secrets.load_or_make):
        with pytest.raises(Failure, match=r"secrets\.json is damaged.*; restore it from a backup"):
            attempt(file, {})
    assert file.read_bytes() == left


def test_a_file_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "kept"
    files.write(file, "old")
    assert (files.read(file), file.stat().st_mode & 0o777) == ("old", 0o600)

    for code, mend in {
        errno.ENOSPC: "make room on its disk",
        errno.EDQUOT: "make room on its disk",
        errno.EROFS: "let whoever starts Stoa write there",
        errno.EIO: "see what it is",
    }.items():

        def fails(_handle: int, code: int = code) -> None:
            raise OSError(code, "Sorry")

        monkeypatch.setattr(files.os, "fsync", fails)
        with pytest.raises(Failure, match=f"kept cannot be written: Sorry; {mend}"):
            files.write(file, "new")
        assert [path.name for path in tmp_path.iterdir()] == ["kept"]
        assert files.read(file) == "old"
    assert files.read(tmp_path / "nowhere") is None


@pytest.mark.parametrize("where", ["nowhere/kept", "file/kept"])
def test_a_folder_that_is_not_there_is_no_question_of_room(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Failure, match=r"kept cannot be written: No.* directory.*; see that its folder is there"):
        files.write(tmp_path / where, "new")


def test_one_at_a_time_in_a_data_directory(tmp_path: Path) -> None:
    folder = DataDir(tmp_path / "data")
    with folder.open("stoa"):
        assert folder.path.stat().st_mode & 0o777 == 0o700
        with (
            pytest.raises(Failure, match=r"Stoa already runs on .*data \(process \d+\); stop it first"),
            folder.open("stoa"),
        ):
            pass
    with folder.open("stoa"):
        pass


def test_a_data_directory_of_a_newer_stoa_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "layout").write_text("2\n")
    with (
        pytest.raises(Failure, match="was written by a newer version of Stoa; upgrade Stoa"),
        DataDir(tmp_path).open("stoa"),
    ):
        pass
    assert (tmp_path / "layout").read_text() == "2\n"


def test_a_data_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(Failure, match=r"used: .*; see what it is, or choose another"),
        DataDir(tmp_path / "file").open("stoa"),
    ):
        pass


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    for name in ("thesis.tex", "pictures.zip", ".hidden", "lost+found"):
        (tmp_path / name).touch()
    said = r"holds something else than a shop: pictures.zip and 1 more; choose a folder that is empty or new"
    with pytest.raises(Failure, match=said), DataDir(tmp_path).open("stoa"):
        pass
    assert len(list(tmp_path.iterdir())) == 4
    for name in ("thesis.tex", "pictures.zip"):
        (tmp_path / name).unlink()
    with DataDir(tmp_path).open("stoa"):
        (tmp_path / "notes.txt").touch()
    # What somebody puts beside a shop is theirs.
    with DataDir(tmp_path).open("stoa"):
        pass


@pytest.mark.parametrize("left", [b"", b"\xff\xfe\x00", b"one"])
def test_a_damaged_layout_is_said_and_kept(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "layout").write_bytes(left)
    with pytest.raises(Failure, match=r"layout is damaged: .*; "), DataDir(tmp_path).open("stoa"):
        pass
    assert (tmp_path / "layout").read_bytes() == left


def test_an_installation_keeps_its_name(tmp_path: Path) -> None:
    folder = DataDir(tmp_path / "data")
    assert (folder.name(""), folder.name("staging")) == ("stoa", "staging")
    with folder.open("staging"):
        pass
    assert folder.name("") == folder.name("staging") == "staging"
    with pytest.raises(Failure, match=r"the installation in .*data is named staging, not stoa; leave --name"):
        folder.name("stoa")
    (folder.path / "name").write_bytes(b"")
    with pytest.raises(Failure, match=r"name is damaged: it is empty"):
        folder.name("")


def test_a_folder_from_before_there_were_names_is_named_stoa(tmp_path: Path) -> None:
    (tmp_path / "layout").write_text("1\n")
    assert DataDir(tmp_path).name("") == "stoa"
    with pytest.raises(Failure, match="is named stoa, not staging"):
        DataDir(tmp_path).name("staging")


@pytest.mark.parametrize("name", ["", "Shop", "9", "pg_shop", "a" * 31, "shop-1", 'x"; DROP', "\u00e4"])
def test_a_name_that_no_role_could_carry(name: str) -> None:
    with pytest.raises(Failure, match="cannot name an installation"):
        checked_name(name)
    assert checked_name("shop_1") == "shop_1"


@pytest.mark.parametrize(
    "url",
    [
        "host=db password=hush",
        "mysql://admin:hush@db/x",
        "postgresql://admin:hu/sh@db/postgres",
        "postgresql://admin:1/hush@db/postgres",
        "postgresql://admin:hush#1@db/postgres",
        "postgresql://admin:hush@db:port/postgres",
        "postgresql://admin:hush@[db/postgres",
    ],
)
def test_a_url_that_is_none_is_not_shown(url: str) -> None:
    with pytest.raises(Failure) as failure:
        checked_url(url)
    assert str(failure.value) == (
        "--database-url (or STOA_DATABASE_URL) is not the URL of a PostgreSQL server; write it as "
        "postgresql://user:password@host:5432/postgres, with %40 for @ and %2F for / in the password"
    )


def test_what_is_shown_of_a_url() -> None:
    dsn = "postgresql://admin:hu%2Fsh@db:5432/postgres"
    assert place_of(dsn) == "db:5432"
    assert without_password("no hu/sh, no hu%2Fsh", dsn) == "no ***, no ***"
    assert "sh" not in repr(Access("postgresql://x:shsh@db/x", secrets.Secrets("sh" * 16))).replace("Access", "")
