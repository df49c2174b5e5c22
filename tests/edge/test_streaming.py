"""Large bodies and answers pass the gateway as they come: to a service in its process, and to one in another."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.asgi import ask
from tests.edge.uploads import MIB, PIECE, UPLOADS, Uploads, gateway_to

from stoa.edge.gateway.upstream import RemoteUpstream
from stoa.kit.service import LargestBody, Service
from stoa.runtime.http_server import HttpServer

HEAD = b" HTTP/1.1\r\nHost: shop\r\n"


@contextlib.asynccontextmanager
async def serving(app) -> AsyncIterator[HttpServer]:
    server = HttpServer(app, "127.0.0.1", 0, finish_seconds=1, most_connections=20)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@pytest.fixture
def uploads():
    return Uploads()


@pytest.fixture(params=["in one process", "in two"])
async def gateway(request, uploads):
    if request.param == "in one process":
        yield gateway_to(uploads.api())
        return
    async with serving(uploads.api()) as service:
        upstream = RemoteUpstream("uploads", [f"127.0.0.1:{service.port}"], "between us", 5.0)
        yield gateway_to(upstream)
        await upstream.close()


@pytest.fixture
async def line(gateway):
    async with serving(gateway) as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        yield reader, writer
        writer.close()


def pieces(size: int) -> list[bytes]:
    return [PIECE] * (size // len(PIECE))


async def answer_of(reader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return head, await reader.readexactly(length)


@pytest.mark.parametrize("announced", [True, False])
async def test_a_streamed_body_arrives_as_it_was_sent(gateway, uploads, announced):
    body = b"".join(pieces(4 * MIB))
    headers = {"content-length": str(len(body))} if announced else {}

    reply = await ask(gateway, "POST", "/api/uploads", headers=headers, chunks=pieces(4 * MIB))

    assert (reply.status, reply.json) == (200, {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()})
    assert uploads.done == 1


async def test_an_empty_body_is_a_body(gateway, uploads):
    reply = await ask(gateway, "POST", "/api/uploads", raw=b"")
    assert (reply.status, reply.json["size"]) == (200, 0)


async def test_more_than_declared_is_refused_at_once_and_while_it_comes(gateway, uploads):
    announced = await ask(gateway, "POST", "/api/uploads", headers={"content-length": str(64 * MIB + 1)}, chunks=[b"x"])
    assert (announced.status, announced.problem, announced.json["limit"]) == (413, "body-too-large", 64 * MIB)
    assert uploads.taken == 0

    counted = await ask(gateway, "POST", "/api/uploads", chunks=[*pieces(64 * MIB), b"x"])
    assert (counted.status, counted.problem, counted.json["limit"]) == (413, "body-too-large", 64 * MIB)
    assert counted.headers["connection"] == "close"
    await uploads.canceled.wait()
    assert uploads.done == 0


async def test_a_service_gathers_what_it_declares_to_take_whole(gateway, uploads):
    body = b"".join(pieces(2 * MIB))
    reply = await ask(gateway, "POST", "/api/documents", chunks=pieces(2 * MIB))
    assert (reply.status, reply.json["sha256"]) == (200, hashlib.sha256(body).hexdigest())

    refused = await ask(gateway, "POST", "/api/documents", chunks=[*pieces(2 * MIB), b"x"])
    assert (refused.status, refused.problem, refused.json["limit"]) == (413, "body-too-large", 2 * MIB)
    assert uploads.done == 1


async def test_less_than_usual_may_be_declared_too(gateway, uploads):
    assert (await ask(gateway, "POST", "/api/notes", raw=b"x" * 10)).status == 200
    for refused in (
        await ask(gateway, "POST", "/api/notes", raw=b"x" * 11),
        await ask(gateway, "POST", "/api/notes", chunks=[b"x" * 5, b"x" * 6]),
    ):
        assert (refused.status, refused.problem, refused.json["limit"]) == (413, "body-too-large", 10)
    assert uploads.done == 1


async def test_who_sends_waits_for_who_takes(line, uploads):
    reader, writer = line
    uploads.go_on.clear()
    writer.write(b"POST /api/uploads" + HEAD + b"Content-Length: %d\r\n\r\n" % (64 * MIB))

    async def send() -> None:
        for piece in pieces(64 * MIB):
            writer.write(piece)
            await writer.drain()

    sending = asyncio.create_task(send())
    await uploads.arrived.wait()
    # What the kernel and the servers hold between the two is a few megabytes.
    assert (await asyncio.wait([sending], timeout=0.5))[1] == {sending}
    assert uploads.taken <= MIB
    uploads.go_on.set()
    await sending
    head, body = await answer_of(reader)
    assert head.startswith(b"HTTP/1.1 200")
    assert json.loads(body)["size"] == 64 * MIB


async def test_who_goes_away_cancels_what_took_it(line, uploads):
    _, writer = line
    writer.write(b"POST /api/uploads" + HEAD + b"Content-Length: %d\r\n\r\n" % (2 * MIB) + PIECE)
    await uploads.arrived.wait()
    writer.close()
    await uploads.canceled.wait()
    assert uploads.done == 0


async def test_who_goes_away_cancels_what_answers(line, uploads):
    reader, writer = line
    writer.write(b"GET /api/downloads/10000" + HEAD + b"\r\n")
    await reader.readexactly(len(PIECE))
    writer.transport.abort()
    await uploads.canceled.wait()
    assert uploads.given < 10_000 * len(PIECE)


async def test_who_gives_waits_for_who_reads(line, uploads):
    reader, writer = line
    writer.write(b"GET /api/downloads/1024" + HEAD + b"\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    given = -1
    while given != uploads.given:
        given = uploads.given
        await asyncio.sleep(0.3)
    assert given <= 32 * MIB
    length = 1024 * len(PIECE)
    assert b"content-length: %d\r\n" % length in head
    digest = hashlib.sha256()
    while length:
        piece = await reader.read(MIB)
        digest.update(piece)
        length -= len(piece)
    assert digest.hexdigest() == hashlib.sha256(PIECE * 1024).hexdigest()


@pytest.mark.parametrize("count", [0, 1, 10, 64])
async def test_a_streamed_answer_arrives_as_it_was_made(gateway, count):
    reply = await ask(gateway, "GET", f"/api/downloads/{count}", headers={"accept-encoding": "gzip"})
    # What is large, or may be, is not compressed: it would have to be gathered.
    assert "content-encoding" not in reply.headers
    assert (reply.status, reply.body == PIECE * count) == (200, True)
    assert reply.headers["content-type"] == "text/plain"
    assert reply.headers.get("content-length") == (str(count * len(PIECE)) if count > 10 else None)


async def test_a_streamed_answer_that_says_it_is_small_is_compressed(gateway):
    path = "/api/downloads/11"
    reply = await ask(gateway, "GET", path, headers={"accept-encoding": "gzip"})
    assert (reply.status, reply.headers["content-encoding"]) == (200, "gzip")
    assert gzip.decompress(reply.body) == PIECE * 11
    assert reply.headers["content-length"] == str(len(reply.body))

    head = await ask(gateway, "HEAD", path, headers={"accept-encoding": "gzip"})
    assert (head.status, head.body, head.headers["content-encoding"]) == (200, b"", "gzip")


async def test_head_says_the_same_without_the_pieces(gateway, uploads):
    reply = await ask(gateway, "HEAD", "/api/downloads/64", headers={"accept-encoding": "gzip"})
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"", str(64 * len(PIECE)))
    assert "content-encoding" not in reply.headers
    assert uploads.given == 0


async def test_an_answer_that_breaks_is_seen_to_break(line):
    reader, writer = line
    writer.write(b"GET /api/downloads/-5" + HEAD + b"\r\n")
    rest = await reader.read()
    assert rest.startswith(b"HTTP/1.1 200")
    assert not rest.endswith(b"0\r\n\r\n")


async def test_a_service_that_is_not_there_takes_nothing(uploads):
    async with serving(uploads.api()) as service:
        address = f"127.0.0.1:{service.port}"
    upstream = RemoteUpstream("uploads", [address], "between us", 5.0)
    reply = await ask(gateway_to(upstream), "POST", "/api/uploads", chunks=pieces(2 * MIB))
    assert (reply.status, reply.problem) == (503, "upstream-unavailable")
    await upstream.close()


async def test_a_service_that_takes_nothing_more_is_overdue(uploads):
    uploads.go_on.clear()
    async with serving(uploads.api()) as service:
        upstream = RemoteUpstream("uploads", [f"127.0.0.1:{service.port}"], "between us", 0.3)
        reply = await ask(gateway_to(upstream), "POST", "/api/uploads", chunks=pieces(64 * MIB))
        assert (reply.status, reply.problem) == (503, "upstream-overdue")
        uploads.go_on.set()
        await uploads.canceled.wait()
        await upstream.close()
    assert uploads.done == 0


async def test_a_replica_that_is_gone_leaves_the_body_to_the_next(uploads):
    async with serving(uploads.api()) as gone:
        pass
    async with serving(uploads.api()) as service:
        addresses = [f"127.0.0.1:{gone.port}", f"127.0.0.1:{service.port}"]
        upstream = RemoteUpstream("uploads", addresses, "between us", 5.0)
        for _ in range(4):
            reply = await ask(gateway_to(upstream), "POST", "/api/uploads", chunks=pieces(2 * MIB))
            assert (reply.status, reply.json["size"]) == (200, 2 * MIB)
        await upstream.close()


async def process_of(*address: str) -> asyncio.subprocess.Process:
    """The service, or with its address a gateway before it. The first line that it prints is its port."""
    command = (sys.executable, "-m", "tests.edge.uploads", *address)
    return await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)


async def test_a_service_that_is_killed_leaves_no_answer_that_looks_whole() -> None:
    """An answer that says how long it is, one that does not, and a body that is still coming."""
    service = await process_of()
    upstream = RemoteUpstream("uploads", [f"127.0.0.1:{int(await service.stdout.readline())}"], "between us", 5.0)
    async with serving(gateway_to(upstream)) as door:
        lines = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(3)]
        (announced, first), (chunked, second), (uploading, third) = lines
        first.write(b"GET /api/downloads/1000" + HEAD + b"\r\n")
        second.write(b"GET /api/downloads/-1000" + HEAD + b"\r\n")
        third.write(b"POST /api/uploads" + HEAD + b"Content-Length: %d\r\n\r\n" % (2 * MIB) + PIECE)
        length = 1000 * len(PIECE)
        assert b"content-length: %d\r\n" % length in await announced.readuntil(b"\r\n\r\n")
        assert b"transfer-encoding: chunked\r\n" in await chunked.readuntil(b"\r\n\r\n")
        service.kill()
        await service.wait()
        assert len(await announced.read()) < length
        assert not (await chunked.read()).endswith(b"0\r\n\r\n")
        refused = await uploading.read()
        assert refused.startswith(b"HTTP/1.1 503") and b"/problems/upstream-unavailable" in refused
        for _, writer in lines:
            writer.close()
    await upstream.close()


def resident(pid: int) -> int:
    """The most memory that a process has had so far, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(each.split()[1]) * 1024 for each in lines if each.startswith("VmHWM"))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
async def test_the_gateway_holds_little_of_what_passes(uploads):
    async with serving(uploads.api()) as service:
        door = await process_of(f"127.0.0.1:{service.port}")
        try:
            port = int(await door.stdout.readline())
            reader, writer = await asyncio.open_connection("127.0.0.1", port)

            async def up_and_down(count: int) -> None:
                writer.write(b"POST /api/uploads" + HEAD + b"Content-Length: %d\r\n\r\n" % (count * len(PIECE)))
                for _ in range(count):
                    writer.write(PIECE)
                    await writer.drain()
                assert json.loads((await answer_of(reader))[1])["size"] == count * len(PIECE)
                writer.write(b"GET /api/downloads/%d" % count + HEAD + b"\r\n")
                head = await reader.readuntil(b"\r\n\r\n")
                assert b"content-length: %d" % (count * len(PIECE)) in head
                left = count * len(PIECE)
                while left:
                    left -= len(await reader.read(min(left, MIB)))

            await up_and_down(32)
            before = resident(door.pid)
            await up_and_down(64 * MIB // len(PIECE))
            assert resident(door.pid) - before < 16 * MIB
            writer.close()
        finally:
            door.stdin.close()
            await door.wait()


def test_a_body_of_an_endpoint_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="POST /nowhere is not among the paths of lost"):
        Service(name="lost", package="tests.edge.uploads", bodies=(LargestBody("POST /nowhere", 1),))
    assert UPLOADS.largest_bodies["POST", "/uploads"] == 64 * MIB
