"""The example of a package: its own tests pass, it is sold in one process and in three, and then it is gone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from journeys.client import Shopper
from journeys.conftest import shop_on
from packages.conftest import ROOT, run_tests_of

EXAMPLE = ROOT / "examples" / "giftwrap"
WAIT_SECONDS = 60.0

ASK = "print((await giftwrap.GetWrap(giftwrap_pb2.GetWrapRequest(order_id='{}'))).paper)"


def stoa(*words: str | Path, script: str = "") -> tuple[int, str]:
    """Its exit status, and what it says in one line; `script` comes on its stdin."""
    command = [sys.executable, "-m", "stoa.cli.main", *map(str, words)]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_its_contracts_are_fresh() -> None:
    assert stoa("contracts", "--root", EXAMPLE / "proto", "--out", EXAMPLE / "src", "--check") == (0, "")


def test_stoas_own_are_not_made_beside_it() -> None:
    status, said = stoa("contracts", "--root", ROOT / "proto", "--out", ROOT / "src", "--check")
    assert (status, said.partition("; ")[2]) == (1, "Stoa's own contracts are made by `make contracts`")


def test_its_own_tests_pass(giftwrap: tuple[Path, Path]) -> None:
    source, installed = giftwrap
    assert "9 passed" in run_tests_of(source, installed)


async def wrapped(shopper: Shopper, order_id: str) -> dict:
    """How the order is wrapped, as soon as giftwrap has heard of it."""
    give_up = time.monotonic() + WAIT_SECONDS
    while (answer := await shopper.send("GET", f"/orders/{order_id}/giftwrap")).status != 200:
        assert (answer.problem, time.monotonic() < give_up) == ("no-such-order", True)
        await asyncio.sleep(0.1)
    return answer.body


async def bought(url: str, data_dir: Path) -> tuple[str, str]:
    """Somebody's new order: its id, and by what they sign in."""
    written = dict(line.split(": ", 1) for line in (data_dir / "admin.txt").read_text().splitlines() if ": " in line)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        admin = await Shopper(session, url).sign_in(written["email"], written["password"])
        sku = f"G-{time.monotonic_ns()}"
        variant = {"sku": sku, "name": "", "price": {"amount": 700, "currency": "GBP"}}
        product = {"slug": sku.lower(), "name": "A gift", "status": "active", "variants": [variant]}
        await admin.ok("POST", "/products", product, status=201)
        await admin.ok("PUT", f"/inventory/{sku}", {"on_hand": 5})
        ada = await Shopper(session, url).register()
        await ada.fill_cart(**{sku: 1})
        order = await ada.buy()
        assert ada.user is not None
        return order["id"], ada.user["email"]


async def signed_in(session: aiohttp.ClientSession, url: str, email: str) -> Shopper:
    return await Shopper(session, url).sign_in(email, "a long enough passphrase")


async def test_it_is_sold_and_goes(
    giftwrap: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = tmp_path / "data"
    timeout = aiohttp.ClientTimeout(total=60)
    monkeypatch.setenv("PYTHONPATH", str(giftwrap[1]))
    assert stoa("--version")[1].endswith("stoa-giftwrap 0.1.0 (stoa.services: giftwrap)")
    # The same shop in one process and then in three, of which none names giftwrap: it runs beside order.
    orders: list[tuple[str, str]] = []
    for topology in ("all-in-one", "three-services"):
        monkeypatch.setenv("STOA_JOURNEY_TOPOLOGY", topology)
        with shop_on(data_dir) as url:
            order_id, email = await bought(url, data_dir)
            orders.append((order_id, email))
            async with aiohttp.ClientSession(timeout=timeout) as session:
                ada = await signed_in(session, url, email)
                assert await ada.ok("GET", "/giftwraps") == {"items": ["plain", "stars"]}
                assert (await wrapped(ada, order_id))["paper"] == ""
                await ada.ok("PUT", f"/orders/{order_id}/giftwrap", {"paper": "stars"})
                document = await ada.ok("GET", "/api/openapi.json")
                assert "put" in document["paths"]["/orders/{order_id}/giftwrap"], list(document["paths"])
                before = await signed_in(session, url, orders[0][1])
                assert (await wrapped(before, orders[0][0]))["paper"] == "stars"
            status, said = stoa("audit", "--data-dir", data_dir)
            assert (status, said.endswith("All 10 invariants hold.")) == (0, True), said
            assert "joined stoa-giftwrap 0.1.0 (stoa.services: giftwrap)" in stoa("doctor", "--data-dir", data_dir)[1]
    with_stub = stoa("shell", "--data-dir", data_dir, script=ASK.format(orders[0][0]))
    assert (with_stub[0], with_stub[1].endswith("stars")) == (0, True), with_stub
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setenv("STOA_JOURNEY_TOPOLOGY", "all-in-one")
    with shop_on(data_dir) as url:
        await bought(url, data_dir)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            ada = await signed_in(session, url, orders[0][1])
            assert (await ada.refused("GET", "/giftwraps")).problem == "no-such-path"
            assert (await ada.ok("GET", f"/orders/{orders[0][0]}"))["id"] == orders[0][0]
        said = stoa("doctor", "--data-dir", data_dir)[1]
        assert "joined none beside Stoa; nothing installed uses stoa_giftwrap, which stays as it is" in said
