"""Lets the pulse of a process know that somebody asked for something, or did something beside it."""

from __future__ import annotations

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from stoa.kit.http import asgi
from stoa.kit.idempotency import Answer
from stoa.kit.pulse import Pulse

WAKE = "/wake"

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class Quickening:
    """An ASGI app before `app`: a request that is no read may have made work, for now or for later."""

    def __init__(self, app: ASGIApp, pulse: Pulse) -> None:
        self._app = app
        self._pulse = pulse

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and scope["method"] not in _READS:
            self._pulse.quicken()
        return self._app(scope, receive, send)


class Waking:
    """An ASGI app before `app`, for operators: `POST /wake` is for who has left work in the databases, as a command
    does that announces and ends. It is looked for within a second, and not at the next beat of a shop at rest."""

    def __init__(self, app: ASGIApp, pulse: Pulse) -> None:
        self._app = app
        self._pulse = pulse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["method"], scope["path"]) == ("POST", WAKE):
            self._pulse.quicken()
            await asgi.send_answer(send, Answer(204, b"", {}))
        else:
            await self._app(scope, receive, send)
