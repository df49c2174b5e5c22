"""uvicorn inside our own loop: we bind the port, we decide when it stops, and signals are ours."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from stoa.runtime.http_connection import AtOnce, HttpConnection
from stoa.runtime.http_door import Door
from stoa.runtime.http_fair_queue import FairQueue
from stoa.runtime.ports import listening_socket
from stoa.runtime.room import Room

KEEP_ALIVE_SECONDS = 65
"""Longer than the gateway's and a load balancer's usual 60 s, so that it is never us who hang up under a request."""

_CUT_OFF_SECONDS = 1
"""For those who have been told to be gone."""

UNREAD_TICKS = 300
"""Of uvicorn's ten in a second: who has read nothing of its answer for so long gets no more of it."""


class HttpServer:
    """Serves one ASGI app on one address; port 0 takes a free one. It does not see what `at_once` has an answer to."""

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        *,
        finish_seconds: int,
        most_connections: int,
        at_once: AtOnce | None = None,
    ) -> None:
        self._socket = listening_socket(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._finish_seconds = finish_seconds
        self._server = _Server(
            uvicorn.Config(
                app,
                # It would look for a coroutine function, and ours hand on what they call.
                interface="asgi3",
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                # The client's address comes from the gateway, under a secret (stoa.kit.http.app), never from a header
                # that anybody may send.
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=finish_seconds + _CUT_OFF_SECONDS,
            ),
            self._socket,
            most_connections,
            at_once,
        )
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when requests are taken."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[]))
        while not self._server.started and not self._serving.done():  # noqa: ASYNC110 - uvicorn tells it by a flag
            await asyncio.sleep(0.001)
        if self._serving.done():
            await self._serving

    async def stop(self) -> None:
        """Take no more, and wait until what is in flight is answered, at most `finish_seconds`. Who would have to wait
        longer is told to come again."""
        if self._serving is None:
            self._socket.close()
            return
        self._server.should_exit = True
        await asyncio.wait([self._serving], timeout=self._finish_seconds)
        for connection in self._server.open_connections():
            connection.cut_off()
        await self._serving
        for connection in self._server.open_connections():
            connection.transport.abort()


class _Server(uvicorn.Server):
    """uvicorn's, with a door of our own."""

    def __init__(
        self, config: uvicorn.Config, listener: socket.socket, most_connections: int, at_once: AtOnce | None
    ) -> None:
        super().__init__(config)
        self._at_once = at_once
        self._listener = listener
        self._most_connections = most_connections

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        room = Room(self._most_connections)
        protocol = partial(
            HttpConnection,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
            room=room,
            queue=FairQueue(),
            at_once=self._at_once,
        )
        self._door = Door(self._listener, protocol, room, lambda: len(self.server_state.connections))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._door.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signals alone."""
        yield

    async def on_tick(self, counter: int) -> bool:
        if counter % UNREAD_TICKS == 0:
            for connection in self.open_connections():
                connection.hang_up_on_who_reads_nothing()
        return await super().on_tick(counter)

    def open_connections(self) -> list[HttpConnection]:
        return [each for each in self.server_state.connections if isinstance(each, HttpConnection)]
