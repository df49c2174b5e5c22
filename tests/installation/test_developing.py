"""`stoa up` for whoever changes the code: started again with it, and stopped at a breakpoint."""

from __future__ import annotations

import json
import shutil
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from docs.pages import ROOT
from terminal import at_terminal

from stoa.testing import processes
from stoa.testing.ports import free_addresses, free_ports

SECONDS = 90.0
LIST = "async def list_products("


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the code, to be changed: what is started with it on its path runs it."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "src"


@pytest.fixture
def environ(source: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}


def until(condition: Callable[[], object], log: Path) -> None:
    give_up = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < give_up, log.read_text()
        time.sleep(0.05)


def get(port: int, path: str) -> dict:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return json.load(answer)


def database_server(process: psutil.Process) -> int:
    (server,) = (each.pid for each in process.children() if each.name() == "postgres")
    return server


def test_it_starts_again_with_the_code(source: Path, environ: dict[str, str], tmp_path: Path) -> None:
    log, (port,) = tmp_path / "log", free_ports(1)
    words = ["up", "--reload", "--data-dir", tmp_path / "data", "--port", str(port)]
    about = source / "stoa" / "kit" / "http" / "openapi.py"
    good = about.read_text()
    with processes.running(words, log, **environ, **free_addresses("all-in-one")) as up:
        until(lambda: log.read_text().count("Ready.") == 1, log)
        server = database_server(psutil.Process(up.pid))
        assert get(port, "/api/openapi.json")["info"]["description"].startswith("A shop: browse")

        about.write_text(good.replace("A shop: browse", "Another shop: browse"))
        until(lambda: log.read_text().count("Ready.") == 2, log)
        assert "Starting again: openapi.py changed." in log.read_text()
        assert get(port, "/api/openapi.json")["info"]["description"].startswith("Another shop: browse")

        # What does not start is told, and waits for the next change.
        about.write_text("this is no Python\n")
        until(lambda: "process shop did not start; its own words are above" in log.read_text(), log)
        migration = source / "stoa" / "services" / "user" / "migrations" / "9000_of_a_test.sql"
        migration.write_text("CREATE TABLE of_a_test ();\n")
        about.write_text(good)
        until(lambda: log.read_text().count("Ready.") == 3, log)
        assert get(port, "/api/openapi.json")["info"]["description"].startswith("A shop: browse")
        assert database_server(psutil.Process(up.pid)) == server
        family = psutil.Process(up.pid).children(recursive=True)
    until(lambda: not any(each.is_running() for each in family), log)


def test_a_breakpoint_in_one_of_several_processes(source: Path, environ: dict[str, str], tmp_path: Path) -> None:
    routes = source / "stoa" / "services" / "catalog" / "listing_routes.py"
    head, _, rest = routes.read_text().partition(LIST)
    body = rest.index(":\n") + 2
    routes.write_text(f"{head}{LIST}{rest[:body]}    breakpoint()\n{rest[body:]}")
    (port,) = free_ports(1)
    words = ["up", "--topology", "three-services", "--foreground", "product"]
    words += ["--data-dir", str(tmp_path / "data"), "--port", str(port)]
    with at_terminal(words, **environ, **free_addresses("three-services")) as up:
        up.until("Ctrl-C stops everything.")
        with ThreadPoolExecutor() as pool:
            asking = pool.submit(get, port, "/api/v1/products")
            up.until("(Pdb) ")
            up.type("p 'at ' + routes.service")
            up.until("'at catalog'")
            up.until("(Pdb) ")
            up.type("c")
            assert asking.result()["items"]
        up.press("C")
        assert up.process.wait(60) == 0
