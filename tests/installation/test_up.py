"""`stoa up` as a person uses it: a shop from nothing, whatever happened to it before."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from stoa import __version__
from stoa.cli.databases import every_database
from stoa.runtime.access import Access
from stoa.runtime.failure import Failure
from stoa.runtime.secrets import Secrets
from stoa.testing import processes
from stoa.testing.ports import free_addresses

READY_SECONDS = 90


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    data_dir: Path
    port: int
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text()

    def family(self) -> list[psutil.Process]:
        """Itself and everything it started, the database server included."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return answer.read()


def stoa(*words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stoa.cli.main", *map(str, words)]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | environ, timeout=60)


def until(condition: Callable[[], bool], seconds: float = READY_SECONDS) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it did not come true in time"
        time.sleep(0.02)


def gone(family: list[psutil.Process]) -> bool:
    return not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in family)


def posted(url: str, body: dict) -> tuple[int, dict]:
    """The status of the answer and what it says. Raises OSError where nobody answers."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def roles(shop: Running, email: str, password: str) -> list[str] | None:
    """Of the account that this e-mail address and password sign in to; None where they do not."""
    url = f"http://127.0.0.1:{shop.port}/api/v1/auth/login"
    status, body = posted(url, {"email": email, "password": password})
    return body["user"]["roles"] if status == 200 else None


@pytest.fixture
def up(tmp_path: Path, unused_port: int) -> Iterator[Callable[..., Running]]:
    with contextlib.ExitStack() as stack:
        logs = (tmp_path / f"{number}.log" for number in itertools.count())

        def start(*words: str, **environ: str) -> Running:
            log = next(logs)
            environ = free_addresses("all-in-one") | environ
            command = ["up", "--data-dir", tmp_path / "data", "--port", str(unused_port), *words]
            process = stack.enter_context(processes.running(command, log, **environ))
            running = Running(process, tmp_path / "data", unused_port, log)
            until(lambda: "Ctrl-C stops everything" in running.said or process.poll() is not None)
            assert process.poll() is None, running.said
            return running

        yield start


def test_from_nothing_to_a_shop_and_back(up: Callable[..., Running]) -> None:
    first = up()
    assert b"olive-oil-soap" in first.get("/api/v1/products/olive-oil-soap")
    kept = first.data_dir / "admin.txt"
    assert kept.stat().st_mode & 0o777 == (first.data_dir / "secrets.json").stat().st_mode & 0o777 == 0o600
    password = re.search(r"password: (\S+)", kept.read_text())
    assert password and password[1] in first.said
    refused = stoa("up", "--data-dir", first.data_dir, "--port", "1")
    assert refused.returncode == 1
    family = first.family()

    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(timeout=30) == 0
    assert gone(family)

    second = up()
    assert password[1] not in second.said
    assert kept.read_text().endswith(f"{password[1]}\n")
    assert b"olive-oil-soap" in second.get("/api/v1/products/olive-oil-soap")
    # kill -9: the kernel takes the database server along, and the next start finds everything.
    family = second.family()
    second.process.kill()
    second.process.wait()
    until(lambda: gone(family), 20)
    third = up()
    assert b"olive-oil-soap" in third.get("/api/v1/products/olive-oil-soap")
    # Somebody ends the database server alone, the polite way: it comes back under the shop, and all else with it.
    server = next(each for each in third.family() if each.name() == "postgres" and "-D" in each.cmdline())
    server.send_signal(signal.SIGTERM)
    until(lambda: gone([server]), 30)
    until(lambda: _answers(third, "/api/v1/products?brand=soap"))
    asked = stoa("psql", "--data-dir", third.data_dir, "catalog", "--command=SELECT 41 + 1")
    assert (asked.returncode, "42" in asked.stdout) == (0, True), asked.stderr


def test_the_administrator_is_there_before_the_door_opens(
    up: Callable[..., Running], tmp_path: Path, unused_port: int
) -> None:
    """Somebody tries to register the administrator's address from the first moment on."""
    account = {"email": "admin@stoa.example", "password": "a passphrase of mine", "first_name": "E", "last_name": "Ve"}
    address = f"http://127.0.0.1:{unused_port}/api/v1/auth/register"
    answers: list[int] = []
    with ThreadPoolExecutor(1) as elsewhere:
        done = threading.Event()

        def knock() -> None:
            while not done.is_set():
                with contextlib.suppress(OSError):
                    answers.append(posted(address, account)[0])
                time.sleep(0.1)

        knocking = elsewhere.submit(knock)
        try:
            shop = up()
            until(lambda: bool(answers))
        finally:
            done.set()
        knocking.result()
    assert 201 not in answers
    kept = dict(line.split(": ") for line in (shop.data_dir / "admin.txt").read_text().splitlines())
    assert roles(shop, kept["email"], kept["password"]) == ["admin"]

    # Others are made at the command line, beside the shop that runs. The file of a password comes first: without it
    # nobody has the password.
    here = ("--data-dir", shop.data_dir)
    boss = ("user", "create", "boss@shop.example", "--role", "admin")
    nowhere = stoa(*boss, "--to", tmp_path / "nowhere" / "password.txt", *here)
    assert (nowhere.returncode, nowhere.stdout) == (1, "")
    assert "password.txt cannot be written: No such file or directory" in nowhere.stderr
    added = stoa(*boss, "--reason", "opens the shop", *here)
    password = added.stdout.split()[-1]
    assert (added.returncode, added.stderr, len(password)) == (0, "", 16)
    assert roles(shop, "boss@shop.example", password) == ["admin"]
    unused = tmp_path / "unused.txt"
    again = stoa(*boss, "--to", unused, *here)
    assert not unused.exists()
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == (
        "stoa: boss@shop.example has an account already; `stoa user grant` gives it a role, "
        "`stoa user reset-password` another password\n"
    )
    assert roles(shop, "boss@shop.example", password) == ["admin"]

    to = tmp_path / "password.txt"
    for _ in range(2):
        reset = stoa("user", "reset-password", "boss@shop.example", "--to", to, "--reason", "left on a train", *here)
    assert (reset.returncode, reset.stderr) == (1, f"stoa: {to} is there already; choose another file with --to\n")
    assert to.stat().st_mode & 0o777 == 0o600
    assert roles(shop, "boss@shop.example", password) is None
    assert roles(shop, "boss@shop.example", to.read_text().split()[-1]) == ["admin"]
    stoa("user", "reset-password", kept["email"], *here)
    assert kept["password"] not in (shop.data_dir / "admin.txt").read_text()
    renewed = dict(line.split(": ") for line in (shop.data_dir / "admin.txt").read_text().splitlines())
    assert roles(shop, kept["email"], renewed["password"]) == ["admin"]

    ada = account | {"email": "ada@example.com"}
    assert posted(address, ada)[0] == 201
    for said in ("has the role admin now", "had the role admin already"):
        granted = stoa("user", "grant", "ada@example.com", "admin", *here)
        assert (granted.returncode, granted.stdout, granted.stderr) == (0, f"ada@example.com {said}.\n", "")
    assert roles(shop, "ada@example.com", ada["password"]) == ["admin", "customer"]
    for act in (("grant", "eve@example.com", "admin"), ("reset-password", "eve@example.com")):
        nobody = stoa("user", *act, *here)
        assert (nobody.returncode, nobody.stdout) == (1, "")
        assert nobody.stderr == (
            "stoa: eve@example.com has no account; make one with `stoa user create eve@example.com`\n"
        )
    wrong = stoa("user", "create", "no address", *here)
    assert wrong.stderr == ("stoa: no address is not an e-mail address that mail could reach; see how it is written\n")
    with Path("/dev/full").open("wb") as full:
        words = [sys.executable, "-m", "stoa.cli.main", "user", "create", "eve@shop.example", *here]
        unsaid = subprocess.run(words, check=False, stdout=full, stderr=subprocess.PIPE, text=True)
    assert unsaid.stderr == (
        "stoa: the account of eve@shop.example has a new password, and that could not be said here: No space left on "
        "device; make another with `stoa user reset-password eve@shop.example --to FILE`\n"
    )
    near = stoa("user", "create", "bea@shop.example", "--role", "admn", *here)
    assert near.stderr.startswith("stoa: There is no role 'admn'; did you mean admin? choose from admin, ")
    unknown = stoa("user", "grant", "ada@example.com", "emperor", *here)
    assert unknown.stderr == ("stoa: There is no role 'emperor'; choose from admin, customer, seller\n")
    eve = stoa("user", "create", "eve@example.com", "--first-name", "Eve", "--to", unused, *here)
    assert (eve.returncode, eve.stdout) == (0, f"The password of eve@example.com is in {unused}.\n")
    assert roles(shop, "eve@example.com", unused.read_text().split()[-1]) == ["customer"]
    acts = stoa("acts", "--actor", "operator", "--service", "auth", *here).stdout
    assert "left on a train" in acts
    assert "opens the shop" in acts
    counts = [acts.count(f"user.{what}") for what in ("imported", "password_reset", "roles_changed")]
    assert counts == [2, 2, 1]
    assert shop.said.count("no money moves") == 1


def test_three_processes_are_kept_alive_and_stopped_together(up: Callable[..., Running]) -> None:
    shop = up("--topology", "three-services", **free_addresses("three-services"))
    assert b"olive-oil-soap" in shop.get("/api/v1/products/olive-oil-soap")
    family = shop.family()
    product = next(each for each in family if "product" in each.cmdline() and "serve" in each.cmdline())
    product.kill()
    until(lambda: "a process ended and will be started again" in shop.said)
    until(lambda: _answers(shop, "/api/v1/products/olive-oil-soap"))
    family = shop.family()
    shop.process.send_signal(signal.SIGINT)
    assert shop.process.wait(timeout=60) == 0
    assert gone(family)


def test_what_cannot_be_done_is_one_line(tmp_path: Path, unused_port: int) -> None:
    nowhere = tmp_path / "data"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        cases = {
            f"port {port} on 127.0.0.1 is in use; stop what listens there": ["up", "--port", port],
            "there is no topology round; choose from": ["up", "--topology", "round"],
            "has no process kitchen; choose from ": ["serve", "--topology", "three-services", "--process", "kitchen"],
            "there is no shop in": ["serve", "--process", "shop"],
        }
        for said, words in cases.items():
            refused = stoa(*words, "--data-dir", nowhere)
            assert refused.returncode == 1
            assert said in refused.stderr
            assert refused.stderr.count("\n") == 1
            assert not nowhere.exists(), "nothing was begun"
    unreachable = stoa(
        "up", "--data-dir", nowhere, "--port", str(unused_port), "--database-url", "postgresql://a:hush@127.0.0.1:1/x"
    )
    assert unreachable.returncode == 1
    assert "the database at 127.0.0.1:1 cannot be reached" in unreachable.stderr
    assert "hush" not in unreachable.stderr
    for words in (["--database-urll=postgresql://a:hush@h/x"], ["postgresql://a:hush@h/x"]):
        misspelled = stoa("up", "--data-dir", nowhere, *words)
        assert (misspelled.returncode, "***@h/x" in misspelled.stderr) == (2, True)
        assert "hush" not in misspelled.stderr
    told = stoa("doctor", "--data-dir", tmp_path / "none", STOA_POOLSIZE="3")
    assert told.stderr == "stoa: nothing reads STOA_POOLSIZE (STOA_POOL_SIZE?)\n"
    elsewhere = stoa("serve", "--process", "shop", "--data-dir", tmp_path / "none", STOA_ORDER_HTTP="order:4003")
    assert "stoa: topology all-in-one has nothing for STOA_ORDER_HTTP to be the address of\n" in elsewhere.stderr
    nowhere.joinpath("layout").write_text("99\n")
    newer = stoa("up", "--data-dir", nowhere, "--port", str(unused_port))
    assert "was written by a newer version of Stoa; upgrade Stoa" in newer.stderr
    for name, value in {
        "STOA_POOL_SIZE": "many",
        "STOA_LOG_LEVEL": "loud",
        "STOA_FINISH_SECONDS": "0",
        "STOA_GATEWAY_REQUESTS_PER_MINUTE": "many",
        "STOA_CART_GUEST_CART_DAYS": "0",
        "STOA_BIND": "999.1.1.1",
    }.items():
        bad = stoa("up", "--data-dir", tmp_path / "other", "--port", str(unused_port), **{name: value})
        assert (bad.returncode, bad.stderr.count("\n")) == (1, 1)
        assert name in bad.stderr
        # Whether an address is one of this machine's is known when it is listened on.
        assert (tmp_path / "other").exists() == (name == "STOA_BIND")
    for folder, why in (("", "it is empty"), ("x" * 300, "File name too long")):
        for command in ("up", "audit", "doctor", "migrate"):
            bad = stoa(command, "--data-dir", folder)
            assert (bad.returncode in {1, 2}, "Traceback" in bad.stderr) == (True, False)
            assert why in bad.stderr
    assert stoa("fly").returncode == 2


@pytest.mark.parametrize(
    "words",
    [
        ["audit"],
        ["parked"],
        ["acts"],
        ["rotate-key"],
        ["user", "create", "ada@example.com"],
        ["psql", "order"],
        ["replay", "sales.parquet"],
        ["import", "online-retail", "sales.parquet"],
    ],
)
def test_what_needs_a_shop_makes_none(tmp_path: Path, words: list[str]) -> None:
    command, *rest = words
    typo = tmp_path / "typo"
    for _ in range(2):
        refused = stoa(command, "--data-dir", typo, *rest, STOA_SECRET="")
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        assert f"there is no shop in {typo}; choose another --data-dir" in refused.stderr
        assert not typo.exists()
    elsewhere = stoa(
        command, "--data-dir", typo, "--database-url", "postgresql://a:b@127.0.0.1:1/x", *rest, STOA_SECRET=""
    )
    assert (elsewhere.returncode, elsewhere.stderr.count("\n")) == (1, 1)
    assert not typo.exists()


def test_an_event_is_not_discarded_and_tried_again(tmp_path: Path) -> None:
    words = ["parked", "--data-dir", tmp_path / "none", "discard", str(uuid4()), "--reason", "paid back", "--redrive"]
    refused = stoa(*words)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "an event is discarded or tried again, not both; leave out discard or --redrive" in refused.stderr


def test_a_silent_database_is_one_sentence() -> None:
    access = Access("postgresql://a:b@127.0.0.1:1/x", Secrets("s" * 32))

    async def look() -> None:
        async with every_database(access) as databases:
            await databases["inventory"].fetch("SELECT 1")

    with pytest.raises(Failure) as failure:
        asyncio.run(look())
    assert failure.value.what.startswith("the database at 127.0.0.1:1 cannot be reached: ")


def test_the_version_in_one_line() -> None:
    said = stoa("--version")
    assert (said.returncode, said.stdout, said.stderr) == (0, f"stoa {__version__}\n", "")


def test_the_doctor_names_what_to_mend(tmp_path: Path) -> None:
    addresses = free_addresses("three-services")
    healthy = stoa("doctor", "--data-dir", tmp_path / "data", "--topology", "three-services", **addresses)
    assert "mend" not in healthy.stdout.replace("three-services", ""), healthy.stdout
    assert not (tmp_path / "data").exists()
    open_to_all = tmp_path / "open"
    open_to_all.mkdir(mode=0o755)
    (open_to_all / "secrets.json").write_text("{}")
    ill = stoa("doctor", "--data-dir", open_to_all)
    assert ill.returncode == 1
    assert f"run `chmod 700 {open_to_all}`" in ill.stdout
    assert f"run `chmod 600 {open_to_all / 'secrets.json'}`" in ill.stdout


def test_a_database_server_alone_serves_single_processes(tmp_path: Path, unused_port: int) -> None:
    addresses = free_addresses("three-services")
    folder, log = tmp_path / "data", tmp_path / "log"

    def serving(name: str) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
        words = ["serve", "--topology", "three-services", "--process", name, "--data-dir", folder]
        return processes.running(words, log, **addresses)

    with processes.running(["postgres", "--data-dir", folder], log):
        until(lambda: "Ctrl-C stops it" in log.read_text())
        opened = "GRANT CONNECT ON DATABASE stoa_catalog TO PUBLIC"
        assert stoa("psql", "--data-dir", folder, "catalog", f"--command={opened}").returncode == 0
        with serving("product") as one:
            shop = Running(one, folder, int(addresses["STOA_PRODUCT_HTTP"].rpartition(":")[2]), log)
            until(lambda: one.poll() is not None or _answers(shop, "/healthz"))
            assert shop.get("/api/v1/products?limit=1").startswith(b'{"items":[')
            # Whoever signs in does so at a process that is not there: it works, and is not ready.
            with pytest.raises(urllib.error.HTTPError) as not_ready:
                shop.get("/readyz")
            with not_ready.value as answer:
                assert (answer.code, list(json.load(answer)["troubles"])) == (503, ["user"])
        assert "others could connect to a service's database; not any more" in shop.said
        who = "SELECT has_database_privilege('public', 'stoa_catalog', 'CONNECT') AS open_to_all"
        assert " f\n" in stoa("psql", "--data-dir", folder, "catalog", f"--command={who}").stdout
        # Nobody has seeded it, and the process that knows the accounts says so.
        with serving("user"):
            until(lambda: "the shop has no administrator: run `stoa user create EMAIL --role admin`" in shop.said)


def _answers(shop: Running, path: str) -> bool:
    try:
        return bool(shop.get(path))
    except OSError:
        return False
