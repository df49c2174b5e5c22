"""Answers that are at hand: sent before the app hears of the request, in the place and by the turn that they have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.types import Scope
from tests.runtime.serving import CHUNKED, Seen, answer_of, exchange, serving

from stoa.runtime import http_connection, http_fair_queue
from stoa.runtime.http_connection import HttpConnection
from stoa.runtime.http_server import HttpServer

KEPT = b"GET /kept HTTP/1.1\r\nHost: shop\r\n\r\n"
OTHER = b"GET /other HTTP/1.1\r\nHost: shop\r\n\r\n"


def at_once(scope: Scope) -> tuple[bytes, bytes] | None:
    if scope["path"] != "/kept":
        return None
    return b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n", b"" if scope["method"] == "HEAD" else b"kept"


@pytest.fixture
def app() -> Seen:
    return Seen()


@pytest.fixture
async def server(app: Seen) -> AsyncIterator[HttpServer]:
    async with serving(app, at_once=at_once) as server:
        yield server


async def line_to(server: HttpServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", server.port)


async def bodies(reader: asyncio.StreamReader, count: int) -> list[bytes]:
    return [(await answer_of(reader)).partition(b"\r\n\r\n")[2] for _ in range(count)]


async def test_it_is_a_whole_answer_and_the_connection_stays(server: HttpServer, app: Seen) -> None:
    reader, writer = await line_to(server)
    for _ in range(3):
        writer.write(KEPT)
        head, _, body = (await answer_of(reader)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert head.count(b"\r\ndate: ") == 1
        assert b"connection" not in head
        assert body == b"kept"
    assert app.targets == []
    writer.close()


@pytest.mark.parametrize(
    "request_",
    [
        KEPT.replace(b"Host: shop\r\n", b"Host: shop\r\nConnection: close\r\n"),
        KEPT.replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
async def test_who_wants_no_other_is_told_that_it_was_the_last(server: HttpServer, request_: bytes) -> None:
    answer = await exchange(server, request_)
    assert b"\r\nconnection: close\r\n" in answer
    assert answer.endswith(b"\r\n\r\nkept")


async def test_head_has_no_body(server: HttpServer) -> None:
    answer = await exchange(
        server, KEPT.replace(b"GET", b"HEAD").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    )
    assert b"\r\ncontent-length: 4\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


async def test_what_is_sent_at_once_is_answered_in_order(server: HttpServer, app: Seen) -> None:
    reader, writer = await line_to(server)
    writer.write(KEPT + KEPT + OTHER + KEPT + OTHER + OTHER + KEPT)
    assert await bodies(reader, 7) == [b"kept", b"kept", b"0", b"kept", b"0", b"0", b"kept"]
    assert app.targets == ["/other"] * 3
    writer.close()


async def test_a_request_in_two_pieces_is_one(server: HttpServer, app: Seen) -> None:
    reader, writer = await line_to(server)
    for piece in (KEPT[:20], KEPT[20:] + KEPT[:-3], KEPT[-3:]):
        writer.write(piece)
        await asyncio.sleep(0.02)
    assert await bodies(reader, 2) == [b"kept", b"kept"]
    assert app.targets == []
    writer.close()


async def test_one_with_a_body_goes_to_the_app(server: HttpServer, app: Seen) -> None:
    reader, writer = await line_to(server)
    writer.write(CHUNKED.replace(b"POST /", b"GET /kept") + b"3\r\nabc\r\n0\r\n\r\n" + KEPT)
    assert await bodies(reader, 2) == [b"3", b"kept"]
    assert app.targets == ["/kept"]
    writer.close()


async def test_what_cannot_be_read_behind_it_is_refused_behind_its_answer(server: HttpServer) -> None:
    answer = await exchange(server, KEPT + b"nonsense\r\n\r\n")
    kept, _, refusal = answer.partition(b"kept")
    assert kept.startswith(b"HTTP/1.1 200 ")
    assert refusal.startswith(b"HTTP/1.1 400 ")


async def test_a_burst_of_one_waits_for_the_turns_of_others(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_fair_queue, "AT_ONCE", 1)
    greedy, other = await line_to(server), await line_to(server)
    greedy[1].write(KEPT * 200)
    other[1].write(KEPT)
    assert await bodies(other[0], 1) == [b"kept"]
    assert await bodies(greedy[0], 200) == [b"kept"] * 200
    for _, writer in (greedy, other):
        writer.close()


async def test_each_of_a_burst_has_a_turn_of_its_own(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever else is ready comes in between."""
    turns = 0
    taken = http_fair_queue.FairQueue._next_turn

    def counted(queue: http_fair_queue.FairQueue) -> None:
        nonlocal turns
        turns += 1
        taken(queue)

    monkeypatch.setattr(http_fair_queue.FairQueue, "_next_turn", counted)
    reader, writer = await line_to(server)
    writer.write(KEPT * 50)
    assert await bodies(reader, 50) == [b"kept"] * 50
    assert turns >= 50
    writer.close()


async def test_what_is_there_is_read_before_any_of_it_is_answered(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []
    read, send = HttpConnection._read, HttpConnection._send_at_once

    def noted_read(connection: HttpConnection, data: bytes) -> None:
        done.append("read")
        read(connection, data)

    def noted_send(connection: HttpConnection, *answer: Any) -> None:
        done.append("answered")
        send(connection, *answer)

    lines = [await line_to(server) for _ in range(4)]
    monkeypatch.setattr(HttpConnection, "_read", noted_read)
    monkeypatch.setattr(HttpConnection, "_send_at_once", noted_send)
    # All of it is with the kernel before the loop goes on.
    for _, writer in lines:
        writer.write(KEPT)
    for reader, writer in lines:
        assert await bodies(reader, 1) == [b"kept"]
        writer.close()
    assert done == ["read"] * 4 + ["answered"] * 4


async def test_one_that_fails_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_fair_queue, "AT_ONCE", 1)
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, failure: failures.append(failure))
    begun = asyncio.Event()
    queue = http_fair_queue.FairQueue()
    queue.wait("192.0.2.1", {}.popitem)
    queue.wait("192.0.2.2", begun.set)
    await asyncio.wait_for(begun.wait(), 5)
    assert [type(each["exception"]) for each in failures] == [KeyError]


async def test_who_was_answered_may_think_about_the_next(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "HEAD_SECONDS", 0.05)
    reader, writer = await line_to(server)
    for _ in range(2):
        writer.write(KEPT)
        assert await bodies(reader, 1) == [b"kept"]
        await asyncio.sleep(0.15)
    # For what was begun there is only so much time.
    writer.write(KEPT[:20])
    assert (await answer_of(reader)).startswith(b"HTTP/1.1 408 ")
    writer.close()
