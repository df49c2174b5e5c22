"""Takes connections: many in a turn of the loop.

libuv takes one from each listener in a turn, and a turn takes as long as everything that is ready in it: whoever came
behind a burst waited for as many turns as it had connections.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from stoa.runtime.room import Room

log = logging.getLogger(__name__)

AT_ONCE = 128
"""About ten milliseconds' worth."""
AT_ONCE_WHEN_FULL = 16
"""They are there before others have given way, and a process has few files more than it takes connections."""

UNSENT_BYTES = 64 * 1024
"""What the kernel takes of an answer before its reader does. It would take four megabytes for each, of memory that all
the sockets of a machine share."""

PAUSE_SECONDS = 0.1
"""When the process may open no more files."""


class Door:
    """Lets in whoever connects to `listener`. `protocol` makes what talks to them; `open_now` says how many are in."""

    def __init__(
        self,
        listener: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        room: Room,
        open_now: Callable[[], int],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._protocol = protocol
        self._room = room
        self._open_now = open_now
        self._pause: asyncio.TimerHandle | None = None
        self._entering: set[asyncio.Task[None]] = set()
        listener.setblocking(False)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            # Of every connection: they get it from the listener.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        self._open()

    async def close(self) -> None:
        """Take no more. Returns when those that were taken are connections."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        await asyncio.gather(*self._entering)

    def _open(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listener, self._take)

    def _take(self) -> None:
        # Those of the turns before this one may not be among the open ones yet, and have a file each.
        left = self._room.most - self._open_now() - len(self._entering)
        for _ in range(min(AT_ONCE, max(AT_ONCE_WHEN_FULL, left))):
            try:
                taken, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                log.warning("no connection can be taken", extra={"error": str(error)})
                self._room.make()
                self._loop.remove_reader(self._listener)
                self._pause = self._loop.call_later(PAUSE_SECONDS, self._open)
                return
            entering = self._loop.create_task(self._enter(taken))
            self._entering.add(entering)
            entering.add_done_callback(self._entering.discard)

    async def _enter(self, taken: socket.socket) -> None:
        taken.setblocking(False)
        try:
            await self._loop.connect_accepted_socket(self._protocol, taken)
        except OSError as error:
            # It has gone away again.
            log.debug("a connection did not come about", extra={"error": str(error)})
            taken.close()
