"""uvicorn inside our own loop: we bind the port, we decide when it stops, and signals are ours."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stoa.kit import problems
from stoa.runtime.ports import listening_socket

KEEP_ALIVE_SECONDS = 65
"""Longer than the gateway's and a load balancer's usual 60 s, so that it is never us who hang up under a request."""

HEAD_SECONDS = 20.0
"""For path and headers, from the connection on or from their first byte: who says nothing costs us a socket."""
MOST_HEAD_BYTES = 64 * 1024
"""More than the gateway takes, which refuses in better words. The parser itself takes all that comes."""


LINGER_SECONDS = 2.0
LINGER_BYTES = 16 * 1024 * 1024
"""What is read of a body that nobody wants, for its sender's sake: the most that somebody sends by mistake."""


class HttpServer:
    """Serves one ASGI app on one address; port 0 takes a free one."""

    def __init__(self, app: ASGIApp, host: str, port: int, *, finish_seconds: int, most_connections: int) -> None:
        self._socket = listening_socket(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._server = _Server(
            uvicorn.Config(
                app,
                # Its type says that only uvicorn's own fit; what makes a protocol for each connection fits.
                http=partial(_Protocol, most_connections=most_connections),  # type: ignore[arg-type]
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                # The client's address comes from the gateway, under a secret (stoa.kit.http.app), never from a header
                # that anybody may send.
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=finish_seconds,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when requests are taken."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started and not self._serving.done():  # noqa: ASYNC110 - uvicorn tells it by a flag
            await asyncio.sleep(0.001)
        if self._serving.done():
            await self._serving

    async def stop(self) -> None:
        """Take no more, and wait until what is in flight is answered, at most `finish_seconds`."""
        if self._serving is None:
            self._socket.close()
            return
        self._server.should_exit = True
        await self._serving


class _Protocol(HttpToolsProtocol):
    """httptools collects a head of any size for any time, before an app hears of it, and reads a body without end
    after the app has answered. This one does not."""

    def __init__(self, *args: Any, most_connections: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._most_connections = most_connections
        self._in_head = True
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._may_keep_alive = True
        self._linger_bytes: int | None = None
        self._linger_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._most_connections:
            self._refuse(503, "too-many-connections", "This process has as many connections as it takes: come again.")
        else:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        if self._linger_timer is not None:
            self._linger_timer.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        self._may_keep_alive = False
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        if self._linger_bytes is not None:
            self._linger_bytes -= len(data)
            if self._linger_bytes < 0:
                self.transport.close()
            return
        # Not of the piece in which a head begins: before it may stand the rest of another request.
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > MOST_HEAD_BYTES:
            self._refuse(431, "headers-too-large", f"Path and headers may have {MOST_HEAD_BYTES} bytes together.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        if self._head_timer is None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        self._stop_timer()
        super().on_headers_complete()
        # Until the body is whole an answer ends the connection: what is still to come is nothing that anybody wants.
        self._may_keep_alive = self.cycle.keep_alive
        self.cycle.keep_alive = False
        self.cycle.transport = _Parting(self.transport, self._linger)  # type: ignore[assignment]

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if not self.cycle.response_started:
            self.cycle.keep_alive = self._may_keep_alive
            self.cycle.transport = self.transport

    def _linger(self) -> None:
        """Say that this is all, and read on for a moment. A connection that is closed while its caller still sends
        is reset, and the answer is lost with it."""
        if self._linger_bytes is None and not self.transport.is_closing():
            self._linger_bytes = LINGER_BYTES
            self._linger_timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)
            self.transport.write_eof()
            self.flow.resume_reading()

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_overdue)

    def _head_overdue(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            # The request before this one is still being answered.
            self._expect_head()
        else:
            self._refuse(408, "headers-too-slow", f"Path and headers have {HEAD_SECONDS:g} s to come.")

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: int, slug: str, detail: str) -> None:
        """Without the app, which has not heard of this request, and for good."""
        self._stop_timer()
        if self.transport.is_closing():
            return
        phrase = HTTPStatus(status).phrase
        document = {"type": problems.TYPE_BASE + slug, "title": phrase, "status": status, "detail": detail}
        body = msgspec.json.encode(document)
        head = (
            f"HTTP/1.1 {status} {phrase}\r\ncontent-type: {problems.CONTENT_TYPE}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


class _Parting:
    """A connection as an answer sees it that comes before its request is whole: closing takes a moment."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signals alone."""
        yield
