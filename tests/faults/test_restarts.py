"""Whatever shape it runs in and however it ended, the first request after `ready` is served."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from faults.shapes import Apart, Shape, Together

from stoa.testing.plugin import NewServer

ENDS = [signal.SIGINT, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]
SKU = "MUG-WHITE"


async def shape(kind: str, folder: Path, postgres_server: NewServer) -> Shape:
    if kind == "apart":
        server = await postgres_server(durable=False)
        return Apart(folder, "three-services", server.dsn())
    return Together(folder, kind)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["all-in-one", "three-services", "apart"])
async def test_the_first_request_after_ready_is_served(kind: str, tmp_path: Path, postgres_server: NewServer) -> None:
    async with await shape(kind, tmp_path, postgres_server) as shop:
        orders = []
        for how in ENDS:
            await shop.start()
            orders.append(await shop.must_serve(SKU))
            await shop.end(how)
        await shop.start()
        admin = await shop.admin()
        for order_id in orders:
            assert (await admin.ok("GET", f"/orders/{order_id}"))["id"] == order_id
        await shop.end(signal.SIGTERM)
