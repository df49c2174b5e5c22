"""Child processes start whatever else their parent is doing."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import grpc

from stoa.runtime import children


async def test_a_child_starts_while_grpc_is_busy(tmp_path: Path) -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:

        async def ask_again_and_again() -> None:
            while True:
                try:
                    await channel.unary_unary("/nobody/Hears")(b"")
                except grpc.aio.AioRpcError:
                    continue

        asking = [asyncio.create_task(ask_again_and_again()) for _ in range(8)]
        ends = []
        for _ in range(30):
            await asyncio.sleep(0)
            child = children.spawn(
                [sys.executable, "-S", "-c", ""],
                folder=tmp_path,
                environment={},
                when_parent_dies=signal.SIGKILL,
            )
            assert await children.ended(child, 10)
            ends.append(child.returncode)
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    await server.stop(None)
    assert ends == [0] * 30
