"""What stands around the content of a body in chunks: trailers are nobody's headers, and nothing of it is endless."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from tests.runtime.serving import CHUNKED, GET, Seen, answer_of, exchange, serving

from stoa.kit.http import asgi
from stoa.runtime import http_connection
from stoa.runtime.http_connection import MOST_FRAMING_BYTES
from stoa.runtime.http_server import HttpServer


@pytest.fixture
def app() -> Seen:
    return Seen()


@pytest.fixture
async def server(app: Seen) -> AsyncIterator[HttpServer]:
    async with serving(app) as server:
        yield server


@pytest.mark.parametrize("apart", [False, True], ids=["at once", "in pieces"])
async def test_trailers_are_no_headers(server: HttpServer, app: Seen, apart: bool) -> None:
    pieces = [CHUNKED + b"5\r\nhello\r\n", b"0\r\nAuthorization: Bearer x\r\n", b"X-Forwarded-For: 1.1.1.1\r\n\r\n"]
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for piece in pieces if apart else [b"".join(pieces)]:
        writer.write(piece)
        await asyncio.sleep(0.02)
    assert (await answer_of(reader)).endswith(b"\r\n\r\n5")
    assert app.headers == [{b"host": b"shop", b"transfer-encoding": b"chunked"}]
    # The line goes on, with headers that are some.
    writer.write(GET + b"X-Own: yes\r\n\r\n")
    assert (await answer_of(reader)).startswith(b"HTTP/1.1 200")
    assert app.headers[1] == {b"host": b"shop", b"x-own": b"yes"}
    writer.close()


PIECE = 4096
ENDLESS = {
    "a trailer": (CHUNKED + b"0\r\nX-Long: ", b"a" * PIECE),
    "the name of a trailer": (CHUNKED + b"0\r\n", b"a" * PIECE),
    "trailers": (CHUNKED + b"0\r\n", b"X-Many: a\r\n" * (PIECE // 11)),
    "an extension": (CHUNKED + b"1;", b"a" * PIECE),
    "a quoted extension": (CHUNKED + b'1;a="', b"a" * PIECE),
    "the size of a chunk": (CHUNKED, b"0" * PIECE),
    "the smallest chunks": (CHUNKED, b"1\r\nx\r\n" * (PIECE // 6)),
    "extensions of small chunks": (CHUNKED, (b"1;" + b"a" * 200 + b"\r\nx\r\n") * 20),
}


@pytest.mark.parametrize("what", ENDLESS)
async def test_what_stands_around_the_content_has_an_end(server: HttpServer, app: Seen, what: str) -> None:
    begin, piece = ENDLESS[what]
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(begin)
    answer = asyncio.ensure_future(reader.read())
    sent = 0
    while not answer.done() and sent < 100 * MOST_FRAMING_BYTES:
        writer.write(piece)
        sent += len(piece)
        await asyncio.wait([answer], timeout=0.005)
    head, _, body = (await asyncio.wait_for(answer, 5)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert json.loads(body)["type"] == "/problems/body-too-large"
    assert json.loads(body)["limit"] == MOST_FRAMING_BYTES
    assert sent < 10 * MOST_FRAMING_BYTES
    async with asyncio.timeout(5):
        while not app.gone:
            await asyncio.sleep(0.01)
    assert app.headers == []
    writer.close()


async def test_small_chunks_are_welcome_as_long_as_the_body_is(server: HttpServer, app: Seen) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(CHUNKED + b"8\r\n12345678\r\n" * 100_000 + b"0\r\n\r\n")
    assert (await answer_of(reader)).endswith(b"\r\n\r\n800000")
    writer.close()


async def test_the_smallest_chunks_are_welcome_while_they_are_few(server: HttpServer, app: Seen) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(CHUNKED + b"1\r\nx\r\n" * 4_000 + b"0\r\n\r\n")
    assert (await answer_of(reader)).endswith(b"\r\n\r\n4000")
    writer.close()


async def test_small_chunks_without_end_are_a_body_that_is_too_large(server: HttpServer) -> None:
    # The app refuses it when it has read as much as it takes; what this one does then is a 500.
    said = await exchange(server, CHUNKED, *[b"8\r\n12345678\r\n" * 50_000] * 4)
    assert said.startswith(b"HTTP/1.1 500")


async def test_a_trailer_has_as_long_as_the_body(
    server: HttpServer, app: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "BODY_SECONDS", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(CHUNKED + b"0\r\nX-Slow: ")
    said = await asyncio.wait_for(reader.read(), 5)
    assert said.startswith(b"HTTP/1.1 500")  # the app's own: a shop's answers 408
    assert app.headers == []
    writer.close()


async def test_empty_lines_are_no_reason_to_stay(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "HEAD_SECONDS", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(GET + b"\r\n")
    await answer_of(reader)
    writer.write(b"\r\n\r\n")
    assert b"/problems/headers-too-slow" in await asyncio.wait_for(reader.read(), 5)
    writer.close()


async def test_who_is_refused_before_its_turn_has_none(server: HttpServer, app: Seen) -> None:
    answer = await exchange(server, CHUNKED + b"0\r\nX-Long: " + b"a" * (2 * MOST_FRAMING_BYTES))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert app.targets == []
