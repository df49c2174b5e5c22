"""A server with an app that tells what it has seen, and a raw line to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send

from stoa.kit.http import asgi
from stoa.kit.idempotency import Answer
from stoa.runtime.http_connection import AtOnce
from stoa.runtime.http_server import HttpServer

GET = b"GET / HTTP/1.1\r\nHost: shop\r\n"
POST = b"POST / HTTP/1.1\r\nHost: shop\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

MOST_BODY_BYTES = 1024 * 1024


@dataclass
class Seen:
    """An app that reads every body and answers with its length; requests to /slow wait for `go_on`."""

    targets: list[str] = field(default_factory=list)
    headers: list[dict[bytes, bytes]] = field(default_factory=list)
    gone: int = 0
    slow: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.targets.append(scope["path"])
        try:
            body = await asgi.read_body({}, receive, MOST_BODY_BYTES)
        except asgi.ClientGone:
            self.gone += 1
            return
        # Only now: what comes behind the body must not have been added.
        self.headers.append(dict(scope["headers"]))
        if scope["path"] == "/slow":
            self.slow.set()
            await self.go_on.wait()
        if scope["path"] == "/large":
            await asgi.send_answer(send, Answer(200, b"l" * 8_000_000))
        else:
            await asgi.send_answer(send, Answer(200, str(len(body)).encode()))


@asynccontextmanager
async def serving(
    app: Seen, most_connections: int = 10, finish_seconds: int = 1, at_once: AtOnce | None = None
) -> AsyncIterator[HttpServer]:
    server = HttpServer(
        app, "127.0.0.1", 0, finish_seconds=finish_seconds, most_connections=most_connections, at_once=at_once
    )
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def exchange(server: HttpServer, *pieces: bytes) -> bytes:
    """All that the server says to these pieces, each sent by itself, until it hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.02)
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


async def answer_of(reader: asyncio.StreamReader) -> bytes:
    """The next answer on a line, head and body."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return head + await reader.readexactly(length)
