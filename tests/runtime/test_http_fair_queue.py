"""Many callers at once, on the loop that the shop runs on: nobody waits for the whole of somebody else's burst."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator

import pytest
import uvloop
from tests.runtime.serving import GET, Seen, answer_of, serving

from stoa.runtime import http_door
from stoa.runtime.http_server import HttpServer

BURST = 200
PIPELINED = 10
ROOM_FOR_OTHERS = 4 * http_door.AT_ONCE_WHEN_FULL
FRESH = b"GET /fresh HTTP/1.1\r\nHost: shop\r\n\r\n"


@contextlib.contextmanager
def burst(server: HttpServer) -> Iterator[None]:
    """Lines of one address that all ask for much, opened before the loop of this test does anything else."""
    lines = []
    try:
        for _ in range(BURST):
            lines.append(line := socket.create_connection(("127.0.0.1", server.port), source_address=("127.0.0.9", 0)))
            line.sendall((GET + b"\r\n") * PIPELINED)
        yield
    finally:
        for line in lines:
            line.close()


def on_the_shops_loop(scene: Callable[[], Awaitable[None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(scene(), 30))


@pytest.mark.parametrize("address", ["127.0.0.3", "127.0.0.9"], ids=["another address", "the same address"])
def test_who_comes_after_a_burst_is_let_in_before_it_is_answered(address: str) -> None:
    async def scene() -> None:
        app = Seen()
        async with serving(app, most_connections=2 * BURST) as server:
            with (
                burst(server),
                socket.create_connection(("127.0.0.1", server.port), source_address=(address, 0)) as fresh,
            ):
                fresh.sendall(FRESH)
                reader, writer = await asyncio.open_connection(sock=fresh)
                await answer_of(reader)
                writer.close()
        before = app.targets.index("/fresh")
        assert before < BURST * PIPELINED / 2

    on_the_shops_loop(scene)


def test_who_goes_away_amid_answers_is_no_fault_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        app = Seen()
        async with serving(app) as server:
            line = socket.create_connection(("127.0.0.1", server.port))
            line.sendall(b"GET /large HTTP/1.1\r\nHost: shop\r\n\r\n" * 3)
            async with asyncio.timeout(5):
                while not app.headers:
                    await asyncio.sleep(0.01)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            line.close()
            async with asyncio.timeout(5):
                while server._server.server_state.tasks or server._server.open_connections():
                    await asyncio.sleep(0.01)

    on_the_shops_loop(scene)
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING] == []


def test_what_a_reader_does_not_take_waits_with_us_and_not_in_the_kernel() -> None:
    async def scene() -> None:
        app = Seen()
        async with serving(app) as server:
            with socket.create_connection(("127.0.0.1", server.port)) as line:
                line.sendall(b"GET /large HTTP/1.1\r\nHost: shop\r\n\r\n")
                async with asyncio.timeout(5):
                    while not app.headers:
                        await asyncio.sleep(0.01)
                (connection,) = server._server.open_connections()
                assert connection.transport.get_write_buffer_size() > 7_000_000

    on_the_shops_loop(scene)


def test_a_process_without_free_files_goes_on_when_it_has_some_again() -> None:
    async def scene() -> None:
        app = Seen()
        lines = [socket.socket() for _ in range(3)]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        async with serving(app) as server:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (lines[-1].fileno() + 1, hard))
                for line in lines:
                    line.connect(("127.0.0.1", server.port))
                    line.sendall(GET + b"\r\n")
                await asyncio.sleep(3 * http_door.PAUSE_SECONDS)
                assert app.targets == []
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for line in lines:
                reader, writer = await asyncio.open_connection(sock=line)
                assert (await answer_of(reader)).startswith(b"HTTP/1.1 200")
                writer.close()

    on_the_shops_loop(scene)


def test_a_burst_takes_few_files_more_than_there_is_room_for_connections(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Those that were taken and are not yet among the open ones have a file each, and others need some too."""

    async def scene() -> None:
        lines = [socket.socket() for _ in range(2 * BURST)]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        async with serving(Seen(), most_connections=BURST) as server:
            for line in lines:
                line.connect(("127.0.0.1", server.port))
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (lines[-1].fileno() + 1 + BURST + ROOM_FOR_OTHERS, hard))
                # The last that gives way to those that come behind it.
                reader, writer = await asyncio.open_connection(sock=lines[BURST - 1])
                assert await asyncio.wait_for(reader.read(), 5) == b""
                writer.close()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                for line in lines:
                    line.close()

    on_the_shops_loop(scene)
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING] == []
