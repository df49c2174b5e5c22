"""Bodies in pieces: what is too large to be gathered is passed on as it comes, and no faster than it is taken.

At most one piece waits here to be taken, so a slow end makes the other wait: the server stops reading from the
connection, and its sender's writes wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

from stoa.kit.http import asgi
from stoa.kit.http.refusals import BodyTooSlow

T = TypeVar("T")


class BodyStream:
    """A body that is still coming: `async for piece in request.body`. Whoever takes it takes it once.

    Where it breaks off, is too large or too slow, the one who takes it is canceled: it never looks like a shorter body.
    """

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
        self._next: bytes | None = None
        self._size = 0
        self._more = True
        self._filled = False
        self.ended = False
        """All of it has been taken."""

    def __aiter__(self) -> BodyStream:
        return self

    async def __anext__(self) -> bytes:
        piece = b"" if self.ended else await self._pieces.get()
        if not piece:
            self.ended = True
            raise StopAsyncIteration
        return piece

    async def fill(self, receive: Receive, most: int, seconds: float) -> None:
        """Take what comes, and when that is all, watch the connection. Ends only by raising: `ClientGone`,
        `BodyTooLarge`, `BodyTooSlow`, or `TimeoutError` where whoever takes it does nothing for `seconds`.

        Canceled it may be begun anew, for another who takes the rest: nothing is lost.
        """
        while not self._filled:
            if self._next is None:
                self._next = await self._received(receive, most)
            async with asyncio.timeout(seconds):
                await self._pieces.put(self._next)
            self._filled = not self._next
            self._next = None
        async with asyncio.timeout(seconds):
            await gone(receive)

    async def _received(self, receive: Receive, most: int) -> bytes:
        """The next piece; empty at the end."""
        piece = b""
        while self._more and not piece:
            try:
                async with asyncio.timeout(asgi.BODY_SECONDS):
                    message = await receive()
            except TimeoutError:
                raise BodyTooSlow(f"Each piece of a body has {asgi.BODY_SECONDS:g} s to come.") from None
            if message["type"] == "http.disconnect":
                raise asgi.ClientGone
            piece = message.get("body", b"")
            self._more = message.get("more_body", False)
            self._size += len(piece)
            if self._size > most:
                raise asgi.too_large(most)
        return piece


async def gone(receive: Receive) -> None:
    """Watch a connection of which nothing more is wanted. Raises `ClientGone` when its caller hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass
    raise asgi.ClientGone


async def watched(work: Awaitable[T], watch: Coroutine[Any, Any, None]) -> T:
    """What `work` answers; where `watch` raises before it has, the work is canceled and this raises the same."""
    working, watching = asyncio.ensure_future(work), asyncio.create_task(watch)
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await watching
        return await working
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.wait((working, watching))
        for each in (working, watching):
            # Whoever waited has the one error that counts; of the other nobody needs to hear.
            if not each.cancelled():
                each.exception()
