"""Lets the pulse of a process know that somebody asked for something."""

from __future__ import annotations

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from stoa.kit.pulse import Pulse

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
