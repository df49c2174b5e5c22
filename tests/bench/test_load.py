"""The load client against a server that answers in awkward pieces."""

from __future__ import annotations

import asyncio

import pytest
from bench import load

ANSWER = b"HTTP/1.1 201 Created\r\ncontent-length: 4\r\nx: y\r\n\r\nbody"


async def serve(answer):
    """A server that reads one request at a time and lets `answer(writer)` reply; its port."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await answer(writer)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(connected, load.HOST, 0)
    return server, server.sockets[0].getsockname()[1]


async def test_answers_in_pieces_are_put_together():
    async def in_pieces(writer: asyncio.StreamWriter) -> None:
        for at in range(0, len(ANSWER), 7):
            writer.write(ANSWER[at : at + 7])
            await writer.drain()
            await asyncio.sleep(0)

    server, port = await serve(in_pieces)
    requests = (load.request("GET", f"/{number}") for number in range(10))
    sample = await load.run(port, requests, connections=3, keep_bodies=True)
    server.close()
    assert (sample.answers, sample.statuses, sample.bodies) == (10, {201: 10}, [b"body"] * 10)
    assert sample.refused(201) == 0
    assert len(sample.latencies) == 10


async def test_an_answer_without_its_body_is_whole():
    async def head(writer: asyncio.StreamWriter) -> None:
        writer.write(ANSWER.removesuffix(b"body"))

    server, port = await serve(head)
    requests = (load.request("HEAD", f"/{number}") for number in range(10))
    sample = await load.run(port, requests, connections=3, has_body=False)
    server.close()
    assert sample.statuses == {201: 10}


async def test_a_server_that_hangs_up_ends_the_run():
    async def hang_up(writer: asyncio.StreamWriter) -> None:
        writer.close()

    server, port = await serve(hang_up)
    with pytest.raises(load.NoAnswer):
        await load.run(port, iter([load.request("GET", "/")]), connections=1)
    server.close()


async def test_connections_stay_for_the_next_run_and_a_server_that_hangs_up_ends_it():
    served = []

    async def reply(writer: asyncio.StreamWriter) -> None:
        served.append(writer)
        writer.write(ANSWER)

    server, port = await serve(reply)
    async with load.opened(port, 2) as lines:
        for _ in range(2):
            sample = await lines.run(load.request("GET", f"/{number}") for number in range(6))
            assert sample.statuses == {201: 6}
        assert len(set(served)) == 2
        for each in set(served):
            each.close()
            await each.wait_closed()
        with pytest.raises(load.NoAnswer):
            await lines.run(iter([load.request("GET", "/")] * 2))
    server.close()


async def test_a_server_that_is_silent_ends_the_run(monkeypatch):
    monkeypatch.setattr(load, "ANSWER_WITHIN_SECONDS", 0.05)

    async def say_nothing(writer: asyncio.StreamWriter) -> None: ...

    server, port = await serve(say_nothing)
    with pytest.raises(load.NoAnswer):
        await load.run(port, iter([load.request("GET", "/")]), connections=1)
    server.close()


def test_a_request_as_it_goes_over_the_wire():
    assert load.request("POST", "/a", b"{}", headers={"K": "v"}) == (
        b"POST /a HTTP/1.1\r\nHost: 127.0.0.1\r\nK: v\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    )


def test_quantiles():
    assert [load.quantile([3.0, 1.0, 2.0, 4.0], share) for share in (0.0, 0.5, 0.99)] == [1.0, 3.0, 4.0]
    assert load.quantile([], 0.5) == 0.0
