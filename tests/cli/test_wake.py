"""A command that works beside a shop has its processes look for what it leaves, though they are at rest."""

from __future__ import annotations

import asyncio
from pathlib import Path

from stoa.cli.installation import Installation
from stoa.cli.processes import running_processes, wake
from stoa.kit.http.quickening import Waking
from stoa.kit.pulse import Pulse
from stoa.runtime.data_dir import DataDir
from stoa.runtime.http_server import HttpServer
from stoa.runtime.probing import ask
from stoa.runtime.topology import Address


async def nothing(scope, receive, send):
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def test_each_process_that_runs_here_beats_soon(tmp_path: Path) -> None:
    pulse = Pulse()
    server = HttpServer(Waking(nothing, pulse), "127.0.0.1", 0, finish_seconds=1, most_connections=3)
    await server.start()
    try:
        address = Address("127.0.0.1", server.port)
        gone = Address("127.0.0.1", 1)
        here = Installation(DataDir(tmp_path / "data"), "all-in-one", "", "stoa", {})
        with here.data_dir.open("stoa", {"shop": address, "gone": gone}):
            assert running_processes(here) == [("shop", address), ("gone", gone)]
            pulse._seconds = 300.0
            waiting = asyncio.create_task(pulse.wait(asyncio.Event()))
            await wake(here)
            await asyncio.wait_for(waiting, 30)
        assert await ask(address, "/wake", 5, "GET") == (404, b"")
        assert await ask(address, "/wake", 5, "POST") == (204, b"")
    finally:
        await server.stop()
