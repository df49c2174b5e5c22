"""Heads that two servers could read differently are refused before an app hears of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from tests.runtime.serving import CHUNKED, GET, POST, Seen, answer_of, exchange, serving

from stoa.runtime.http_server import HttpServer

NEXT = b"GET /smuggled HTTP/1.1\r\nHost: shop\r\n\r\n"


@pytest.fixture
def app() -> Seen:
    return Seen()


@pytest.fixture
async def server(app: Seen) -> AsyncIterator[HttpServer]:
    async with serving(app) as server:
        yield server


@pytest.mark.parametrize(
    ("head", "status", "problem", "field"),
    [
        (b"GET / HTTP/1.1\r\n", 400, "bad-header", "Host"),
        (b"GET / HTTP/1.1\r\nHost: \r\n", 400, "bad-header", "Host"),
        (GET + b"Host: shop\r\n", 400, "bad-header", "Host"),
        (GET + b"host: other\r\n", 400, "bad-header", "Host"),
        (b"GET / HTTP/1.1\r\nHost: shop, other\r\n", 400, "bad-header", "Host"),
        (b"GET / HTTP/1.1\r\nHost: shop/path\r\n", 400, "bad-header", "Host"),
        (b"GET / HTTP/1.1\r\nHost: me@shop\r\n", 400, "bad-header", "Host"),
        (b"GET / HTTP/1.1\r\nHost: sh\xf6p\r\n", 400, "bad-header", "Host"),
        (b"GET / HTTP/1.1\r\nHost: shop:80a\r\n", 400, "bad-header", "Host"),
        (b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n", 400, "bad-header", "Host"),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n", 400, "bad-header", "Transfer-Encoding"),
        (POST + b"Transfer-Encoding: identity\r\n", 400, "bad-header", "Transfer-Encoding"),
        (POST + b"Transfer-Encoding: xchunked\r\n", 400, "bad-header", "Transfer-Encoding"),
        (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n", 400, "bad-header", "Transfer-Encoding"),
        (POST + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 40\r\n", 400, "bad-header", "Upgrade"),
        (POST + b"Connection: upgrade\r\nUpgrade: a\r\nTransfer-Encoding: chunked\r\n", 400, "bad-header", "Upgrade"),
        (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400, "malformed-request", None),
        (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400, "malformed-request", None),
        (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400, "malformed-request", None),
        (POST + b"Content-Length: 5\r\nContent-Length: 5\r\n", 400, "malformed-request", None),
        (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n", 400, "malformed-request", None),
        (POST + b"Content-Length: 5, 5\r\n", 400, "malformed-request", None),
        (POST + b"Content-Length: +5\r\n", 400, "malformed-request", None),
        (POST + b"Content-Length: 0x5\r\n", 400, "malformed-request", None),
        (POST + b"Content-Length: \r\n", 400, "malformed-request", None),
        (POST + b"Content-Length: 99999999999999999999\r\n", 400, "malformed-request", None),
        (POST + b"Content-Length : 5\r\n", 400, "malformed-request", None),
        (GET + b"X-Folded: a\r\n b\r\n", 400, "malformed-request", None),
        (GET + b"X-Half: a\nX-Other: b\r\n", 400, "malformed-request", None),
        (GET + b"X-Half: a\rX-Other: b\r\n", 400, "malformed-request", None),
        (GET + b"X-Nothing: a\0b\r\n", 400, "malformed-request", None),
        (GET + b"no colon\r\n", 400, "malformed-request", None),
        (GET + b": no name\r\n", 400, "malformed-request", None),
        (b"GET / HTTP/1.1\nHost: shop\n", 400, "malformed-request", None),
        (b"GET / HTTP/1.1\r\n Host: shop\r\n", 400, "malformed-request", None),
        (b"GET\t/ HTTP/1.1\r\nHost: shop\r\n", 400, "malformed-request", None),
        (b"GET /a#b HTTP/1.1\r\nHost: shop\r\n", 400, "malformed-request", None),
        (b"CONNECT shop:80 HTTP/1.1\r\nHost: shop\r\n", 400, "malformed-request", None),
        (b"GET / HTTP/1.2\r\nHost: shop\r\n", 400, "malformed-request", None),
        (b"GET / HTTP/2.0\r\nHost: shop\r\n", 505, "version-not-supported", None),
        (b"GET / HTTP/0.9\r\nHost: shop\r\n", 505, "version-not-supported", None),
        (b"GET /\r\n", 505, "version-not-supported", None),
    ],
)
@pytest.mark.parametrize("apart", [False, True], ids=["at once", "in two pieces"])
async def test_a_head_that_can_be_read_in_two_ways_is_refused(
    server: HttpServer, app: Seen, head: bytes, status: int, problem: str, field: str | None, apart: bool
) -> None:
    pieces = (head + b"\r\n", NEXT) if apart else (head + b"\r\n" + NEXT,)
    said, _, body = (await exchange(server, *pieces)).partition(b"\r\n\r\n")
    lines = said.split(b"\r\n")
    assert lines[0].split()[1] == str(status).encode()
    assert b"connection: close" in lines
    assert b"content-type: application/problem+json" in lines
    document = json.loads(body)  # and nothing behind it: the next request was not answered
    assert (document["type"], document.get("field")) == (f"/problems/{problem}", field)
    assert app.targets == []


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: shop\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n",
        b"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n",
        b"GET / HTTP/1.1\r\nHost: my_shop.example.:80\r\n",
        b"GET http://shop/ HTTP/1.1\r\nHost: shop\r\n",
        b"GET / HTTP/1.0\r\n",
        POST + b"Content-Length: 0\r\n",
        POST + b"Transfer-Encoding: Chunked\r\n\r\n0\r\n",
    ],
)
async def test_what_can_be_read_in_one_way_is_answered(server: HttpServer, app: Seen, head: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head + b"\r\n")
    assert (await answer_of(reader)).startswith(b"HTTP/1.1 200")
    assert app.targets == ["/"]
    writer.close()


async def test_who_asks_for_another_language_is_answered_in_ours_and_heard_no_more(
    server: HttpServer, app: Seen
) -> None:
    asks = GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
    said = await exchange(server, asks + NEXT, NEXT)
    assert said.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in said
    assert app.targets == ["/"]


async def test_what_is_refused_waits_for_the_answer_before_it_and_does_not_take_the_place_of_another_answer(
    server: HttpServer, app: Seen
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /slow HTTP/1.1\r\nHost: shop\r\n\r\nGET / HTTP/1.1\r\n\r\n" + NEXT)
    await asyncio.wait_for(app.slow.wait(), 5)
    app.go_on.set()
    said = await asyncio.wait_for(reader.read(), 5)
    assert [part.split()[0] for part in said.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400"]
    assert app.targets == ["/slow"]
    writer.close()


async def test_of_many_requests_at_once_each_is_read_when_the_one_before_is_answered(
    server: HttpServer, app: Seen
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    numbered = [b"GET /%d HTTP/1.1\r\nHost: shop\r\n\r\n" % number for number in range(1000)]
    writer.write(b"GET /slow HTTP/1.1\r\nHost: shop\r\n\r\n" + b"".join(numbered))
    await asyncio.wait_for(app.slow.wait(), 5)
    (connection,) = server._server.open_connections()
    assert not connection.pipeline
    app.go_on.set()
    for _ in range(1001):
        assert (await answer_of(reader)).startswith(b"HTTP/1.1 200")
    assert app.targets == ["/slow", *(f"/{number}" for number in range(1000))]
    writer.write(NEXT)
    assert (await answer_of(reader)).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_the_rest_of_what_has_waited_may_come_later(server: HttpServer, app: Seen) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /slow HTTP/1.1\r\nHost: shop\r\n\r\n" + NEXT[:20])
    await asyncio.wait_for(app.slow.wait(), 5)
    app.go_on.set()
    assert (await answer_of(reader)).startswith(b"HTTP/1.1 200")
    writer.write(NEXT[20:])
    assert (await answer_of(reader)).startswith(b"HTTP/1.1 200")
    assert app.targets == ["/slow", "/smuggled"]
    writer.close()


async def test_while_requests_wait_no_others_are_taken_in(server: HttpServer, app: Seen) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /slow HTTP/1.1\r\nHost: shop\r\n\r\n")
    await asyncio.wait_for(app.slow.wait(), 5)
    requests = (GET + b"\r\n") * 100_000
    writer.write(requests)
    (connection,) = server._server.open_connections()
    async with asyncio.timeout(5):
        while not connection._waiting:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert len(connection._waiting) < len(requests) / 5
    app.go_on.set()
    writer.close()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1000])
async def test_requests_may_be_cut_into_pieces_anywhere(server: HttpServer, app: Seen, size: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    whole = POST + b"Content-Length: 6\r\n\r\n\r\n\r\n\r\n" + NEXT + CHUNKED + b"4\r\n\r\n\r\n\r\n0\r\n\r\n" + NEXT
    writer.write(whole[:1])
    async with asyncio.timeout(5):
        while not (connections := server._server.open_connections()) or not connections[0]._head_bytes:
            await asyncio.sleep(0.01)
    for begin in range(1, len(whole), size):
        connections[0].data_received(whole[begin : begin + size])
        assert not connections[0].pipeline
        for _ in range(5):
            await asyncio.sleep(0)
    for body in (b"6", b"0", b"4", b"0"):
        assert (await answer_of(reader)).endswith(b"\r\n\r\n" + body)
    assert app.targets == ["/", "/smuggled"] * 2
    writer.close()


@pytest.mark.parametrize(
    "post",
    [
        POST + b"Content-Length: 40000\r\n\r\n" + b"\r\n\r\n" * 10000,
        CHUNKED + b"9c40\r\n" + b"\r\n\r\n" * 10000 + b"\r\n0\r\n\r\n",
    ],
    ids=["whole", "in chunks"],
)
async def test_a_body_may_look_like_ends_of_heads(server: HttpServer, app: Seen, post: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(post + NEXT)
    assert (await answer_of(reader)).endswith(b"\r\n\r\n40000")
    assert (await answer_of(reader)).endswith(b"\r\n\r\n0")
    assert app.targets == ["/", "/smuggled"]
    writer.close()
