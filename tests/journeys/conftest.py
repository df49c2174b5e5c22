"""A whole shop per session, started as a user starts it: `stoa up` with the topology under test.

`STOA_JOURNEY_TOPOLOGY` names it (all-in-one by default); STOA_FORCE_GRPC and STOA_FAULTS reach the shop
through the environment. The journeys talk HTTP to it and nothing else.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest
from journeys.client import Shopper

from stoa.testing import processes
from stoa.testing.contract import traced
from stoa.testing.ports import free_addresses, free_ports

START_SECONDS = 90


@pytest.fixture(scope="session")
def running_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    data_dir = tmp_path_factory.mktemp("shop") / "data"
    with shop_on(data_dir) as url:
        yield url, data_dir


@contextlib.contextmanager
def shop_on(data_dir: Path, *options: str) -> Iterator[str]:
    """`stoa up` with the topology under test for the block: its URL."""
    topology = os.environ.get("STOA_JOURNEY_TOPOLOGY", "all-in-one")
    (port,) = free_ports(1)
    command = ["up", "--topology", topology, "--data-dir", data_dir, "--port", str(port), *options]
    log = data_dir.parent / "shop.log"
    log.unlink(missing_ok=True)
    with processes.running(command, log, **free_addresses(topology)) as shop:
        yield _when_ready(shop, port, log)


def _when_ready(shop: subprocess.Popen[bytes], port: int, log: Path) -> str:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        assert shop.poll() is None, log.read_text()[-4000:]
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if b" 200 " in connection.recv(64) and "Ctrl-C stops everything" in log.read_text():
                    return f"http://127.0.0.1:{port}"
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"not ready within {START_SECONDS} s:\n{log.read_text()[-4000:]}")


@pytest.fixture(scope="session")
async def visitor(running_shop: tuple[str, Path]) -> AsyncIterator[Shopper]:
    """Nobody in particular."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60), trace_configs=[traced()]) as session:
        yield Shopper(session, running_shop[0])


@pytest.fixture(scope="module")
async def admin(visitor: Shopper, running_shop: tuple[str, Path]) -> Shopper:
    """Who may do everything, with the password that the first start wrote down. A token is good for a quarter of an
    hour, which a run on a busy machine outlasts."""
    written = dict(
        line.split(": ", 1) for line in (running_shop[1] / "admin.txt").read_text().splitlines() if ": " in line
    )
    return await visitor.sign_in(written["email"], written["password"])


@pytest.fixture
def new_product(admin: Shopper) -> Callable[..., Awaitable[str]]:
    """Adds a product with one variant and stock, and answers with its SKU."""

    async def add(*, price: int, on_hand: int, name: str = "A thing") -> str:
        sku = f"T-{uuid4().hex[:10]}".upper()
        variant = {"sku": sku, "name": "", "price": {"amount": price, "currency": "GBP"}}
        product = {"slug": sku.lower(), "name": name, "status": "active", "variants": [variant]}
        await admin.ok("POST", "/products", product, status=201)
        await admin.ok("PUT", f"/inventory/{sku}", {"on_hand": on_hand})
        return sku

    return add
