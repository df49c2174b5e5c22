"""A server that is full: whoever waits for nothing gives way, and whoever is at work stays."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable

import pytest
from tests.runtime.serving import GET, POST, Seen, answer_of, serving

from stoa.runtime import http_fair_queue, http_server
from stoa.runtime.http_server import HttpServer

SLOW = b"GET /slow HTTP/1.1\r\nHost: shop\r\n\r\n"
MOST = 3

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def app() -> Seen:
    return Seen()


@pytest.fixture
async def server(app: Seen) -> AsyncIterator[HttpServer]:
    async with serving(app, most_connections=MOST) as server:
        yield server


async def line_from(server: HttpServer, address: str) -> Line:
    return await asyncio.open_connection("127.0.0.1", server.port, local_addr=(address, 0))


async def says(line: Line, what: bytes) -> bytes:
    line[1].write(what)
    return await answer_of(line[0])


async def is_open(line: Line) -> bool:
    return (await says(line, GET + b"\r\n")).startswith(b"HTTP/1.1 200")


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.01)


async def until_open(server: HttpServer, count: int) -> None:
    await until(lambda: len(server._server.open_connections()) == count)


async def ended(line: Line) -> bytes:
    """What came last."""
    return await asyncio.wait_for(line[0].read(), 5)


async def test_one_address_with_many_idle_lines_keeps_nobody_out(server: HttpServer) -> None:
    honest = await line_from(server, "127.0.0.2")
    assert await is_open(honest)
    greedy = [await line_from(server, "127.0.0.9") for _ in range(2)]
    await says(greedy[0], GET + b"\r\n")
    await says(greedy[1], GET + b"\r\n")
    for _ in range(3):
        # Others come, and ever the same address pays for it, with the line that has waited longest.
        other = await line_from(server, "127.0.0.3")
        assert await is_open(other)
        assert await ended(greedy[0]) == b""
        for each in (greedy.pop(0), other):
            each[1].close()
        await until_open(server, 2)
        greedy.append(await line_from(server, "127.0.0.9"))
        assert await is_open(greedy[-1])
    assert await is_open(honest)
    for each in (honest, *greedy):
        each[1].close()


@pytest.mark.parametrize("begun", [GET, POST + b"Content-Length: 100\r\n\r\nhello"], ids=["head", "body"])
async def test_who_has_begun_a_request_and_does_not_go_on_is_told(server: HttpServer, app: Seen, begun: bytes) -> None:
    slow = [await line_from(server, "127.0.0.9") for _ in range(MOST)]
    for each in slow:
        each[1].write(begun)
    await asyncio.sleep(0.05)
    other = await line_from(server, "127.0.0.3")
    assert await is_open(other)
    head, _, body = (await ended(slow[0])).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 1\r\n" in head
    assert json.loads(body)["type"] == "/problems/too-many-connections"
    for each in (*slow, other):
        each[1].close()


async def test_whose_request_was_not_begun_yet_gives_way(
    server: HttpServer, app: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_fair_queue, "AT_ONCE", 0)
    waiting = [await line_from(server, "127.0.0.9") for _ in range(MOST)]
    for each in waiting:
        each[1].write(GET + b"\r\n")
    await until(lambda: all(each._at_work for each in server._server.open_connections()))
    other = await line_from(server, "127.0.0.3")
    other[1].write(GET + b"\r\n")
    head, _, body = (await ended(waiting[0])).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert json.loads(body)["type"] == "/problems/too-many-connections"
    await until_open(server, MOST)
    newest = await line_from(server, "127.0.0.4")
    assert (await ended(waiting[1])).startswith(b"HTTP/1.1 503 ")
    # From here on there are turns again, for those who are still there.
    monkeypatch.undo()
    assert await is_open(newest)
    assert len(app.targets) == MOST
    for each in (*waiting, other, newest):
        each[1].close()


async def test_who_is_at_work_stays_and_the_next_is_turned_away(server: HttpServer, app: Seen) -> None:
    busy = [await line_from(server, "127.0.0.9") for _ in range(MOST)]
    for each in busy:
        each[1].write(SLOW)
    async with asyncio.timeout(5):
        while len(app.targets) < MOST:
            await asyncio.sleep(0.01)
    refused = await line_from(server, "127.0.0.3")
    head, _, body = (await ended(refused)).partition(b"\r\n\r\n")
    refused[1].close()
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 1\r\n" in head
    assert json.loads(body)["type"] == "/problems/too-many-connections"
    app.go_on.set()
    for each in busy:
        assert (await answer_of(each[0])).startswith(b"HTTP/1.1 200")
    other = await line_from(server, "127.0.0.3")
    assert await is_open(other)
    for each in (*busy, other):
        each[1].close()


def _reads_little(server: HttpServer) -> socket.socket:
    """A line from 127.0.0.9 that takes in hardly anything."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.bind(("127.0.0.9", 0))
    line.connect(("127.0.0.1", server.port))
    line.sendall(b"GET /large HTTP/1.1\r\nHost: shop\r\n\r\n")
    return line


async def test_who_does_not_read_gives_way(server: HttpServer, app: Seen) -> None:
    lines = [_reads_little(server) for _ in range(MOST)]
    async with asyncio.timeout(5):
        while len(app.headers) < MOST:
            await asyncio.sleep(0.01)
    other = await line_from(server, "127.0.0.3")
    assert await is_open(other)
    other[1].close()
    for each in lines:
        each.close()


async def test_who_reads_nothing_for_long_is_hung_up_on(
    server: HttpServer, app: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "UNREAD_TICKS", 2)
    line = _reads_little(server)
    async with asyncio.timeout(5):
        while not app.headers or server._server.open_connections():
            await asyncio.sleep(0.01)
    line.close()


async def test_a_stop_does_not_wait_for_those_who_do_not_read(app: Seen) -> None:
    async with serving(app, finish_seconds=1) as server:
        line = _reads_little(server)
        async with asyncio.timeout(5):
            while not app.headers:
                await asyncio.sleep(0.01)
        await asyncio.wait_for(server.stop(), 3)
        assert server._server.open_connections() == []
    line.close()


async def test_who_is_not_answered_when_the_server_ends_is_told(app: Seen) -> None:
    async with serving(app, finish_seconds=1) as server:
        line = await line_from(server, "127.0.0.3")
        line[1].write(SLOW)
        await asyncio.wait_for(app.slow.wait(), 5)
        stopping = asyncio.create_task(server.stop())
        head, _, body = (await ended(line)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 2\r\n" in head
        assert json.loads(body)["type"] == "/problems/stopping"
        await asyncio.wait_for(stopping, 3)
        line[1].close()
