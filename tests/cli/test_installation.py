"""An installation keeps its secret and its name: nothing is written over what was made with another."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import pytest

from stoa.app import SERVICES
from stoa.cli.installation import Installation, add_arguments, options_of
from stoa.runtime import provision
from stoa.runtime.access import Access
from stoa.runtime.data_dir import DataDir
from stoa.runtime.failure import Failure
from stoa.runtime.postgres import NOT_DURABLE, Postgres
from stoa.runtime.secrets import Secrets

SECRET = "a secret of this test, long enough"


def installation(folder: Path, url: str = "", name: str = "", environ: Mapping[str, str] | None = None) -> Installation:
    return Installation(DataDir(folder), "all-in-one", url, name, environ or {})


async def test_a_lost_secret_is_not_replaced_over_a_cluster(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres", "secret", settings=NOT_DURABLE)
    await server.start()
    await server.stop()
    here = installation(tmp_path)
    for attempt in (here.own, here.reach, here.existing):
        with pytest.raises(Failure) as refused:
            async with attempt():
                pass
        assert str(refused.value) == (
            f"{tmp_path}/secrets.json is gone, and the database in {tmp_path}/postgres was made with it; "
            "restore it from a backup, or choose another --data-dir for another shop"
        )
    with pytest.raises(Failure, match=r"secrets\.json is gone"):
        await here.need()
    assert not (tmp_path / "secrets.json").exists()
    # Another secret opens nothing, and is told apart from a server that is down.
    with pytest.raises(Failure, match=r"postgres was made with another secret than STOA_SECRET; restore the"):
        async with installation(tmp_path, environ={"STOA_SECRET": SECRET}).own():
            pass


async def test_a_lost_secret_is_not_replaced_over_the_roles_of_a_server(tmp_path: Path, postgres_server) -> None:
    server = await postgres_server(durable=False)
    access = Access(server.dsn(), Secrets(SECRET))
    await provision.prepare(access, [SERVICES["cart"]], lambda *_: None)
    here = installation(tmp_path, access.dsn)
    with pytest.raises(Failure) as refused:
        async with here.own():
            pass
    assert refused.value.what == (
        f"there is no {tmp_path}/secrets.json, and the server has roles of stoa, made with another"
    )
    assert "`stoa migrate --new-secret`" in refused.value.mend
    assert not (tmp_path / "secrets.json").exists()
    # Another name is another installation; the same on purpose is the way on for whoever lost it.
    async with installation(tmp_path / "other", access.dsn, "other").own() as other:
        assert other.name == "other"
    async with here.own(new_secret=True) as mine:
        await provision.prepare(mine, [SERVICES["cart"]], lambda *_: None, new_secret=True)
    with pytest.raises(Failure, match="have the passwords of another secret"):
        await provision.prepare(access, [SERVICES["cart"]], lambda *_: None)


async def test_a_secret_that_others_could_read_is_closed_and_told(tmp_path: Path, postgres_server, caplog) -> None:
    server = await postgres_server(durable=False)
    here = installation(tmp_path / "data", server.dsn())
    async with here.own():
        pass
    assert not caplog.records
    files = [here.data_dir.secrets, here.data_dir.admin]
    here.data_dir.admin.write_text("email: ada@shop.example\n")

    async def start() -> None:
        async with here.own():
            pass

    for begin in (start, here.need):
        for file in files:
            file.chmod(0o644)
        caplog.clear()
        await begin()
        assert [file.stat().st_mode & 0o777 for file in files] == [0o600, 0o600]
        assert [record.getMessage() for record in caplog.records] == [
            f"others could read {file}; not any more" for file in files
        ]


async def test_a_name_is_kept_and_does_not_drift(tmp_path: Path, postgres_server) -> None:
    server = await postgres_server(durable=False)
    async with installation(tmp_path, server.dsn(), "staging").own() as access:
        assert (access.name, access.role(SERVICES["cart"])) == ("staging", "staging_cart")
    assert installation(tmp_path).name == "staging"
    with pytest.raises(Failure, match="is named staging, not stoa"):
        async with installation(tmp_path, server.dsn(), "stoa").own():
            pass


def test_the_options_of_an_installation_are_told_without_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOA_DATA_DIR", "/srv/shop")
    monkeypatch.setenv("STOA_DATABASE_URL", "postgresql://ada:secret@db/shop")
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert options_of(parser.parse_args([])) == ["--data-dir", "/srv/shop"]
    url = "postgresql://ada:secret@other/shop"
    words = ["--data-dir", ".stoa", "--topology", "three-services", "--name", "second"]
    told = options_of(parser.parse_args([*words, "--database-url", url]))
    assert told == [*words[2:4], "--database-url", "postgresql://ada:***@other/shop", *words[4:]]
