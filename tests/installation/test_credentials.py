"""Each process with what is its own and nothing else: no administrator's URL, no secret that others come from."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from journeys.client import Shopper

from stoa.app import SERVICES
from stoa.cli.installation import Installation
from stoa.cli.main import main
from stoa.runtime import provision
from stoa.runtime import topology as topologies
from stoa.runtime.access import Access, place_of
from stoa.runtime.data_dir import DataDir
from stoa.runtime.failure import Failure
from stoa.runtime.secrets import Secrets
from stoa.testing import processes
from stoa.testing.ports import free_addresses

SECRET = "a secret of this test, long enough"
START_SECONDS = 90
OF_ORDER = ("cart", "campaign", "checkout", "order", "payment")

Environ = Mapping[str, str]
Say = Callable[..., tuple[int, str]]


def own_url(access: Access, service: str, password: str | None = None) -> str:
    """Of a service on the server of `access`, with a password that is not derived unless it is left out."""
    url = access.dsn_of(SERVICES[service])
    return url.replace(access.password_of(SERVICES[service]), password) if password else url


@pytest.fixture(scope="module")
async def provided(postgres_server) -> Access:
    """A shop whose order has a password that was given."""
    server = await postgres_server(durable=False)
    derived = Access(server.dsn(), Secrets(SECRET))
    access = Access(server.dsn(), Secrets(SECRET), given={"order": own_url(derived, "order", "order%20of%20itself")})
    await provision.prepare(access, SERVICES.values(), lambda *_: None)
    return access


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Say]:
    """`say("serve", STOA_NAME="stoa")`: the exit status, and what it said. Of a data directory there is none."""
    for name in os.environ:
        if name.startswith("STOA_"):
            monkeypatch.delenv(name)

    def said(command: str, *words: str, **environ: str) -> tuple[int, str]:
        with monkeypatch.context() as changed:
            for name, value in environ.items():
                changed.setenv(name, value)
            status = main([command, "--data-dir", str(tmp_path / "none"), *words])
        out, err = capsys.readouterr()
        return status, out + err

    return said


def printed(say: Say, process: str, **environ: str) -> dict[str, str]:
    """What an operator's store of secrets gets for a process."""
    status, told = say("secrets", "--topology", "three-services", "--process", process, **environ)
    assert status == 0, told
    return dict(line.split("=", 1) for line in told.splitlines())


@pytest.fixture
def operators(provided: Access) -> dict[str, str]:
    """What `stoa migrate` has, and no process."""
    return {
        "STOA_DATABASE_URL": provided.dsn,
        "STOA_SECRET": SECRET,
        "STOA_ORDER_DATABASE_URL": provided.given["order"],
    }


@pytest.fixture
def theirs(say: Say, operators: dict[str, str]) -> dict[str, dict[str, str]]:
    plans = topologies.load("three-services", {}).processes
    return {plan.name: printed(say, plan.name, **operators) for plan in plans}


def test_a_process_is_told_what_is_its_own(provided: Access, theirs: dict[str, dict[str, str]]) -> None:
    words = {"STOA_NAME", "STOA_RPC_SECRET", "STOA_EDGE_SECRET"}
    assert theirs["order"].keys() == words | {f"STOA_{each.upper()}_DATABASE_URL" for each in OF_ORDER}
    assert theirs["gateway"].keys() == words | {"STOA_VISITORS_SECRET"}
    assert theirs["order"]["STOA_ORDER_DATABASE_URL"] == provided.given["order"]
    assert theirs["order"]["STOA_CART_DATABASE_URL"] == provided.dsn_of(SERVICES["cart"])
    assert theirs["order"]["STOA_EDGE_SECRET"] == theirs["gateway"]["STOA_EDGE_SECRET"] == provided.secrets.edge
    everything = "".join(f"{value}\n" for each in theirs.values() for value in each.values())
    assert SECRET not in everything and provided.dsn not in everything.splitlines()


def test_a_file_of_its_own(say: Say, provided: Access, tmp_path: Path) -> None:
    file = tmp_path / "order.env"
    words = ["--topology", "three-services", "--process", "order", "--to", str(file)]
    environ = {"STOA_DATABASE_URL": provided.dsn, "STOA_SECRET": SECRET}
    status, told = say("secrets", *words, **environ)
    assert (status, file.stat().st_mode & 0o777) == (0, 0o600)
    assert "://" not in told and provided.secrets.edge in file.read_text()
    before = file.read_text()
    assert say("secrets", *words, **environ) == (1, f"stoa: {file} is there already; choose another file with --to\n")
    assert file.read_text() == before


async def test_an_order_over_processes_that_have_only_their_own(
    operators: dict[str, str], theirs: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with processes.running(["seed", "--data-dir", tmp_path / "seeded"], log, **operators) as seeding:
        assert await asyncio.to_thread(seeding.wait, START_SECONDS) == 0, log.read_text()
    addresses = free_addresses("three-services")
    with ExitStack() as stack:
        for name, own in theirs.items():
            words = ["serve", "--topology", "three-services", "--process", name, "--data-dir", tmp_path / "none"]
            stack.enter_context(processes.running(words, log, **addresses, **own))
        async with aiohttp.ClientSession() as http:
            url = f"http://{addresses['STOA_GATEWAY_HTTP']}"
            give_up = time.monotonic() + START_SECONDS
            while not await processes.is_ready(http, url):
                assert time.monotonic() < give_up, log.read_text()[-6000:]
                await asyncio.sleep(0.05)
            ada = await Shopper(http, url).register()
            product = await ada.ok("GET", "/products/olive-oil-soap")
            await ada.fill_cart(**{product["variants"][0]["sku"]: 1})
            order = await ada.buy()
            assert (await ada.ok("GET", f"/orders/{order['id']}"))["status"] in {"pending", "confirmed"}
    said = log.read_text()
    told = [f"{process} {name}" for process, own in theirs.items() for name, value in own.items() if value in said]
    assert {each.partition(" ")[2] for each in told} <= {"STOA_NAME"}
    # Nothing but what processes can make anew, and files.
    kept = tmp_path / "none"
    assert not kept.exists() or {each.name for each in kept.iterdir()} <= {"cache", "files"}


async def test_what_order_has_opens_nothing_of_auth(provided: Access, theirs: dict[str, dict[str, str]]) -> None:
    own = theirs["order"]
    for service in OF_ORDER:
        connection = await asyncpg.connect(own[f"STOA_{service.upper()}_DATABASE_URL"])
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("SET ROLE stoa_auth")
        await connection.close()
    urls = [value for name, value in own.items() if name.endswith("_URL")]
    for url in urls:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match='permission denied for database "stoa_auth"'):
            await asyncpg.connect(url.rpartition("/")[0] + "/stoa_auth")
    words = [value for name, value in own.items() if name.endswith("_SECRET")]
    passwords = [Access(url, provided.secrets).dsn.split("@")[0].rpartition(":")[2] for url in urls]
    for tried in (*words, *passwords, *(Secrets(word).role("stoa_auth") for word in words)):
        for role in ("stoa_auth", "postgres"):
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(provided.dsn, user=role, password=tried, database="stoa_auth")


ALL = {f"STOA_{each.upper()}_DATABASE_URL" for each in OF_ORDER}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"STOA_ORDER_DATABASE_URL": "postgresql://stoa_auth:hush@127.0.0.1:1/stoa_auth"},
            "STOA_ORDER_DATABASE_URL is of role stoa_auth and database stoa_auth, not of stoa_order; give it the URL "
            "of stoa_order, or set STOA_NAME if the installation has another name",
        ),
        (
            {"STOA_ORDER_DATABASE_URL": "postgresql://stoa_order:hush@127.0.0.1:1/stoa_auth"},
            "STOA_ORDER_DATABASE_URL is of role stoa_order and database stoa_auth, not of stoa_order; give it the URL "
            "of stoa_order, or set STOA_NAME if the installation has another name",
        ),
        (
            {"STOA_NAME": "staging"},
            "STOA_CART_DATABASE_URL is of role stoa_cart and database stoa_cart, not of staging_cart; give it the URL "
            "of staging_cart, or set STOA_NAME if the installation has another name",
        ),
        (
            {"STOA_ORDER_DATABASE_URL": "mysql://stoa_order:hush@127.0.0.1:1/stoa_order"},
            "STOA_ORDER_DATABASE_URL is not the URL of a PostgreSQL server; write it as "
            "postgresql://user:password@host:5432/postgres, with %40 for @ and %2F for / in the password",
        ),
        (
            {"STOA_ORDER_DATABASE_URL": "postgresql://stoa_order@127.0.0.1:1/stoa_order"},
            "STOA_ORDER_DATABASE_URL has no password, or one that is not of ASCII characters; give it one that is",
        ),
        (
            {"STOA_ORDER_DATABASE_URL": "postgresql://stoa_order:h%C3%BCsh@127.0.0.1:1/stoa_order"},
            "STOA_ORDER_DATABASE_URL has no password, or one that is not of ASCII characters; give it one that is",
        ),
        (
            {"STOA_ORDER_DATABASE_URL": "postgresql://stoa_order:hush@127.0.0.1:1/stoa_order"},
            "STOA_ORDER_DATABASE_URL: the database at 127.0.0.1:1 cannot be reached: *; "
            "check it, and that the server runs",
        ),
        (
            {"STOA_ORDER_DATABASE_URL": "postgresql://stoa_order:hush@{netloc}/stoa_order"},
            "STOA_ORDER_DATABASE_URL: the database at {place} cannot be reached: password authentication failed for "
            'user "stoa_order"; set it to the one with which `stoa migrate` made the role',
        ),
        (
            {"STOA_ORDER_DATABASE_URL": "", "STOA_EDGE_SECRET": ""},
            "there is STOA_CART_DATABASE_URL, and no STOA_ORDER_DATABASE_URL, STOA_EDGE_SECRET, nor both "
            "STOA_DATABASE_URL and STOA_SECRET to derive the rest from; set what `stoa secrets --process NAME` prints "
            "for the process",
        ),
        (
            {"STOA_EDGE_SECRET": "short"},
            "STOA_EDGE_SECRET has fewer than 32 characters, or others than ASCII without spaces; make one with "
            "`openssl rand -hex 32`",
        ),
        (
            dict.fromkeys((*ALL, "STOA_EDGE_SECRET", "STOA_RPC_SECRET"), ""),
            "there is no shop in {none}; choose another --data-dir, or make one with `stoa up`",
        ),
        (
            dict.fromkeys((*ALL, "STOA_EDGE_SECRET", "STOA_RPC_SECRET"), "") | {"STOA_DATABASE_URL": "{dsn}"},
            "there is no {none}/secrets.json; run `stoa up` or `stoa postgres` first, or set STOA_SECRET",
        ),
    ],
)
def test_what_a_process_cannot_start_with(
    say: Say,
    provided: Access,
    theirs: dict[str, dict[str, str]],
    tmp_path: Path,
    change: dict[str, str],
    said: str,
) -> None:
    netloc = provided.dsn.rpartition("@")[2].partition("/")[0]
    known = {"place": place_of(provided.dsn), "netloc": netloc, "none": str(tmp_path / "none"), "dsn": provided.dsn}
    environ = theirs["order"] | {name: value.format_map(known) for name, value in change.items()}
    status, told = say("serve", "--topology", "three-services", "--process", "order", **environ)
    assert (status, told.count("\n")) == (1, 1)
    begin, _, end = f"stoa: {said.format_map(known)}\n".partition("*")
    assert told.startswith(begin) and told.endswith(end), told
    assert "hush" not in told


def installation(folder: Path, url: str, environ: Environ) -> Installation:
    return Installation(DataDir(folder), "three-services", url, "", environ)


async def provide(access: Access) -> list[Any]:
    await provision.prepare(access, SERVICES.values(), lambda *_: None)
    connection = await asyncpg.connect(access.dsn)
    try:
        return await connection.fetchval("SELECT array_agg(rolpassword ORDER BY rolname) FROM pg_authid")
    finally:
        await connection.close()


async def test_migrate_needs_no_secret_where_all_is_given(postgres_server, tmp_path: Path) -> None:
    server = await postgres_server(durable=False)
    derived = Access(server.dsn(), Secrets(SECRET))
    environ = {f"STOA_{each.upper()}_DATABASE_URL": own_url(derived, each, f"of {each}") for each in SERVICES}
    here = installation(tmp_path / "data", server.dsn(), environ)
    async with here.reach() as access:
        before = await provide(access)
    async with here.reach() as access:
        assert await provide(access) == before
    assert not (tmp_path / "data").exists()
    # Whoever has every URL, and no administrator's, looks after all of them: only what is missing cannot be made.
    async with installation(tmp_path / "data", "", environ).existing() as access:
        await provision.check(access, SERVICES.values())
        assert await provision.left_behind(access, SERVICES.values()) == []
    # One whose password was changed is told, and left alone; on purpose it is given the new one.
    other = environ | {"STOA_CART_DATABASE_URL": own_url(derived, "cart", "another")}
    async with installation(tmp_path / "data", server.dsn(), other).reach() as access:
        with pytest.raises(Failure) as refused:
            await provide(access)
        assert str(refused.value) == (
            f"roles on the server at {place_of(server.dsn())} have other passwords than those of "
            "STOA_CART_DATABASE_URL; set them to the ones that the roles have; "
            "`stoa migrate --new-secret` gives the roles these"
        )
        await provision.prepare(access, [SERVICES["cart"]], lambda *_: None, new_secret=True)
        await provision.check(access, [SERVICES["cart"]])


async def test_the_embedded_server_has_one_secret(tmp_path: Path) -> None:
    url = "postgresql://stoa_order:hush@127.0.0.1:1/stoa_order"
    with pytest.raises(Failure) as refused:
        async with installation(tmp_path / "data", "", {"STOA_ORDER_DATABASE_URL": url}).own():
            pass
    assert str(refused.value) == (
        "STOA_ORDER_DATABASE_URL is given, and the database server would be the embedded one; "
        "give the server's with --database-url, or take it out"
    )
    assert not (tmp_path / "data" / "postgres").exists()


def test_settings_and_doctor(say: Say, theirs: dict[str, dict[str, str]], provided: Access) -> None:
    order = theirs["order"]
    status, told = say("settings", "--changed", "--topology", "three-services", **order)
    assert status == 0
    shown = [line for line in told.splitlines() if "_DATABASE_URL = " in line or "_SECRET = " in line]
    assert shown == [
        *(f"  STOA_{each.upper()}_DATABASE_URL = {place_of(provided.dsn)}  (environment)" for each in OF_ORDER),
        "  STOA_RPC_SECRET = (not shown)  (environment)",
        "  STOA_EDGE_SECRET = (not shown)  (environment)",
    ]
    _, told = say("doctor", "--topology", "three-services", **order)
    said = " ".join(told.split())
    assert f"ok credentials {', '.join(OF_ORDER)} let in; STOA_RPC_SECRET, STOA_EDGE_SECRET given" in said
    assert "ok secrets given one by one" in said
    assert "ok variables every STOA_ variable is read" in said
    wrong = order | {"STOA_ORDER_DATABASE_URL": "postgresql://stoa_order:hush@127.0.0.1:1/stoa_order"}
    status, told = say("doctor", "--topology", "three-services", **wrong)
    said = " ".join(told.split())
    assert status == 1
    assert "mend credentials STOA_ORDER_DATABASE_URL: the database at 127.0.0.1:1 cannot be reached: " in said
    assert "hush" not in said
