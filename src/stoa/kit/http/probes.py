"""`/healthz`, `/readyz` and `/metrics` of a process, for whoever runs it: no token, outside `/api`.

Alive means that the process answers; ready means that everything it needs answers too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from stoa.kit.http import asgi
from stoa.kit.idempotency import Answer
from stoa.kit.telemetry import metrics

Check = Callable[[], Awaitable[None]]
"""Returns when what it looks at is usable, raises when it is not; the message is shown to operators."""

CHECK_SECONDS = 2.0
"""An orchestrator asks every few seconds and gives up after about as many."""


class Probes:
    """An ASGI app that answers the three paths and hands everything else to `app`."""

    def __init__(self, app: ASGIApp, process: str, checks: Mapping[str, Check]) -> None:
        self._app = app
        self._process = process
        self._checks = checks
        self._answers = {"/healthz": self._alive, "/readyz": self._ready, "/metrics": self._metrics}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        probe = self._answers.get(scope["path"]) if scope["type"] == "http" else None
        if probe is None:
            await self._app(scope, receive, send)
        else:
            await asgi.send_answer(send, await probe(), head=scope["method"] == "HEAD")

    async def _alive(self) -> Answer:
        return _document(200, {"status": "alive", "process": self._process})

    async def _ready(self) -> Answer:
        found = await asyncio.gather(*(_try(check) for check in self._checks.values()))
        troubles = {name: trouble for name, trouble in zip(self._checks, found, strict=True) if trouble}
        if troubles:
            return _document(503, {"status": "not ready", "process": self._process, "troubles": troubles})
        return _document(200, {"status": "ready", "process": self._process})

    async def _metrics(self) -> Answer:
        body, content_type = metrics.exposition()
        return Answer(200, body, {"content-type": content_type})


async def _try(check: Check) -> str | None:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:g} s"
    except Exception as error:
        return str(error) or type(error).__name__
    return None


def _document(status: int, document: dict[str, object]) -> Answer:
    return Answer(status, msgspec.json.encode(document), {"content-type": asgi.JSON, "cache-control": "no-store"})
