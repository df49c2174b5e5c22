"""What reaches the server before an app hears of it: heads without end, and callers who say nothing."""

from __future__ import annotations

import asyncio

import pytest

from stoa.kit.http import asgi
from stoa.kit.idempotency import Answer
from stoa.runtime import http_server
from stoa.runtime.http_server import MOST_HEAD_BYTES, HttpServer

GET = b"GET / HTTP/1.1\r\nHost: shop\r\n"
PIECE = 16 * 1024


async def _echo(scope, receive, send):
    body = await asgi.read_body({}, receive, 1024 * 1024)
    await asgi.send_answer(send, Answer(200, str(len(body)).encode()))


@pytest.fixture
async def server():
    server = HttpServer(_echo, "127.0.0.1", 0, finish_seconds=1)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def line(server):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    yield reader, writer
    writer.close()


async def _send_without_end(line, begin: bytes, piece: bytes) -> tuple[bytes, int]:
    """What was answered, and after how many bytes."""
    reader, writer = line
    writer.write(begin)
    sent = len(begin)
    answer = asyncio.ensure_future(reader.read(12))
    while not answer.done() and sent < 100 * MOST_HEAD_BYTES:
        writer.write(piece)
        sent += len(piece)
        await asyncio.wait([answer], timeout=0.01)
    return await asyncio.wait_for(answer, 5), sent


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (GET + b"X-Long: ", b"a" * PIECE),
        (GET, b"X-Many: a\r\n" * (PIECE // 11)),
        (b"GET /", b"a" * PIECE),
    ],
)
async def test_a_head_without_end_is_refused(line, begin, piece):
    answered, sent = await _send_without_end(line, begin, piece)
    assert answered == b"HTTP/1.1 431"
    assert sent < 4 * MOST_HEAD_BYTES
    assert await line[0].read() != b""  # the rest of the answer, and then the end


@pytest.mark.parametrize("said", [b"", b"GET /", GET])
async def test_who_does_not_finish_the_head_is_hung_up_on(server, monkeypatch, said):
    monkeypatch.setattr(http_server, "HEAD_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(said)
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b'"type":"/problems/headers-too-slow"' in answer
    writer.close()


async def test_many_requests_at_once_and_one_after_a_pause_are_answered(line, monkeypatch):
    monkeypatch.setattr(http_server, "HEAD_SECONDS", 0.2)
    reader, writer = line
    body = b"b" * 200_000
    one = b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 200000\r\n\r\n" + body
    for _ in range(2):
        writer.write(one * 5)
        for _ in range(5):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(6) == b"200000"
        # Kept alive: longer than a head may take, for no head has begun.
        await asyncio.sleep(0.4)
