"""What reaches the server before an app hears of it: heads without end, and callers who say nothing."""

from __future__ import annotations

import asyncio

import pytest

from stoa.kit.http import asgi
from stoa.kit.idempotency import Answer
from stoa.runtime import http_connection
from stoa.runtime.http_connection import MOST_HEAD_BYTES
from stoa.runtime.http_server import HttpServer

GET = b"GET / HTTP/1.1\r\nHost: shop\r\n"
PIECE = 16 * 1024


async def _echo(scope, receive, send):
    body = await asgi.read_body({}, receive, 1024 * 1024)
    await asgi.send_answer(send, Answer(200, str(len(body)).encode()))


@pytest.fixture
async def server():
    server = HttpServer(_echo, "127.0.0.1", 0, finish_seconds=1, most_connections=3)
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
    ("begin", "piece", "status"),
    [
        (GET + b"X-Long: ", b"a" * PIECE, b"431"),
        (GET, b"X-Many: a\r\n" * (PIECE // 11), b"431"),
        (b"GET /", b"a" * PIECE, b"414"),
        (b"GET /?", b"a" * PIECE, b"414"),
        (b"\r\n", b"\r\n" * PIECE, b"431"),
    ],
)
async def test_a_head_without_end_is_refused(line, begin, piece, status):
    answered, sent = await _send_without_end(line, begin, piece)
    assert answered == b"HTTP/1.1 " + status
    assert sent < 4 * MOST_HEAD_BYTES
    assert await line[0].read() != b""  # the rest of the answer, and then the end


@pytest.mark.parametrize("size", [66_000, 70_000, 200_000])
async def test_a_whole_head_with_too_long_a_path_says_so(line, size):
    reader, writer = line
    writer.write(b"GET /" + b"a" * size + b" HTTP/1.1\r\nHost: shop\r\n\r\n")
    head, _, body = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 414 ")
    assert b"content-type: application/problem+json" in head
    assert b'"type":"/problems/target-too-long"' in body


@pytest.mark.parametrize("said", [b"", b"GET /", GET])
async def test_who_does_not_finish_the_head_is_hung_up_on(server, monkeypatch, said):
    monkeypatch.setattr(http_connection, "HEAD_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(said)
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b'"type":"/problems/headers-too-slow"' in answer
    writer.close()


async def test_many_requests_at_once_and_one_after_a_pause_are_answered(line, monkeypatch):
    monkeypatch.setattr(http_connection, "HEAD_SECONDS", 0.2)
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


async def _deaf(scope, receive, send):
    """Refuses before it has looked at the body."""
    await asgi.send_answer(send, Answer(401, b"who are you"))


@pytest.fixture
async def deaf():
    server = HttpServer(_deaf, "127.0.0.1", 0, finish_seconds=1, most_connections=3)
    await server.start()
    yield server
    await server.stop()


CHUNKED = b"POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b"4000\r\n" + b"c" * 0x4000 + b"\r\n"


async def _send_until_hung_up_on(writer: asyncio.StreamWriter, piece: bytes, most: int) -> int:
    sent = 0
    try:
        while sent < most:
            writer.write(piece)
            sent += len(piece)
            await writer.drain()
    except ConnectionError:
        pass
    return sent


async def test_a_body_without_end_is_not_read_after_its_refusal(deaf, monkeypatch):
    monkeypatch.setattr(http_connection, "LINGER_BYTES", 256 * 1024)
    reader, writer = await asyncio.open_connection("127.0.0.1", deaf.port)
    writer.write(CHUNKED)
    sending = asyncio.create_task(_send_until_hung_up_on(writer, CHUNK, 100 * 1024 * 1024))
    answer = await asyncio.wait_for(reader.readuntil(b"who are you"), 5)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"\r\nconnection: close\r\n" in answer
    # What the sockets on both sides hold comes on top of what we read.
    assert await asyncio.wait_for(sending, 5) < 50 * 1024 * 1024
    writer.close()


async def test_who_sends_nothing_more_is_hung_up_on_soon(deaf, monkeypatch):
    monkeypatch.setattr(http_connection, "LINGER_SECONDS", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", deaf.port)
    writer.write(CHUNKED + CHUNK)
    assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"who are you")
    writer.write(CHUNK)
    async with asyncio.timeout(5):
        while deaf._server.open_connections():
            await asyncio.sleep(0.01)
    assert await _send_until_hung_up_on(writer, CHUNK, 10 * 1024 * 1024) < 10 * 1024 * 1024
    writer.close()


async def test_who_sends_the_whole_of_an_unwanted_body_gets_its_answer(deaf):
    reader, writer = await asyncio.open_connection("127.0.0.1", deaf.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 4000000\r\n\r\n")
    answer = await asyncio.wait_for(reader.readuntil(b"who are you"), 5)
    assert answer.startswith(b"HTTP/1.1 401 ")
    writer.write(b"b" * 4_000_000)
    await asyncio.wait_for(writer.drain(), 5)
    # A reset would be raised here.
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_a_small_body_that_nobody_reads_ends_no_connection(deaf):
    reader, writer = await asyncio.open_connection("127.0.0.1", deaf.port)
    for _ in range(3):
        writer.write(b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\nhello")
        answer = await asyncio.wait_for(reader.readuntil(b"who are you"), 5)
        assert b"connection: close" not in answer
    writer.close()
