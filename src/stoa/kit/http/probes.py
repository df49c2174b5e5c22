"""`/healthz`, `/readyz` and `/metrics` of a process, for whoever runs it: no token, outside `/api`.

Alive means that the process answers. Ready means that everything which is its own answers too, and that each neighbor
it calls has answered once; a neighbor that goes away later is named, and turns nobody off who still does the rest. So
is a service that cannot answer for a while, as search is while its index is built.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from stoa.kit.http import asgi
from stoa.kit.http.refusals import NoSuchPath
from stoa.kit.idempotency import Answer
from stoa.kit.panics import ENDS
from stoa.kit.problems import first_line
from stoa.kit.telemetry import metrics

log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[None]]
"""Returns when what it looks at is usable, raises when it is not; the message is shown to operators."""

Measure = Callable[[], Awaitable[None]]
"""Sets gauges that have to be looked up, which is done when somebody asks for them."""

CHECK_SECONDS = 2.0
"""An orchestrator asks every few seconds and gives up after about as many."""
KEEP_SECONDS = 0.1
"""Anybody may ask, and every look costs each database a statement."""
MEASURED_SECONDS = 5.0
"""How long gauges that were looked up are good for: whoever scrapes comes less often, and several may."""


class Probes:
    """`own` are the checks of what this process cannot do without, `neighbors` those of the processes it calls, and
    `services` those of its services that may be unable to answer while the others are not."""

    def __init__(
        self,
        process: str,
        own: Mapping[str, Check],
        neighbors: Mapping[str, Check] | None = None,
        services: Mapping[str, Check] | None = None,
    ) -> None:
        self._process = process
        self._own = own
        self._neighbors = neighbors or {}
        self._services = services or {}
        self._met: set[str] = set()
        self._looking: asyncio.Task[Answer] | None = None
        self._look_again_at = 0.0
        self._answers = {"/healthz": self._alive, "/readyz": self._ready}
        self._stopping = False

    def stopping(self) -> None:
        """From now on it is alive, and not ready."""
        self._stopping = True
        self._look_again_at = 0.0

    def before(self, app: ASGIApp) -> ASGIApp:
        """An ASGI app that says whether the process is alive and ready, and hands everything else to `app`."""

        def answer(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            probe = self._answers.get(scope["path"]) if scope["type"] == "http" else None
            return app(scope, receive, send) if probe is None else _send(probe, scope, send)

        return answer

    async def _alive(self) -> Answer:
        return _document(200, {"status": "alive", "process": self._process})

    async def _ready(self) -> Answer:
        if self._looking is None or (self._looking.done() and time.monotonic() >= self._look_again_at):
            self._looking = asyncio.create_task(self._look())
        # Shielded: others may wait for the same look.
        return await asyncio.shield(self._looking)

    async def _look(self) -> Answer:
        own, around, inside = await asyncio.gather(
            _troubles(self._own), _troubles(self._neighbors), _troubles(self._services)
        )
        self._look_again_at = time.monotonic() + KEEP_SECONDS
        self._met |= self._neighbors.keys() - around.keys()
        troubles = own | {name: trouble for name, trouble in around.items() if name not in self._met}
        if self._stopping:
            troubles[self._process] = "it is stopping"
        document: dict[str, object] = {"status": "not ready" if troubles else "ready", "process": self._process}
        if troubles:
            document["troubles"] = troubles
        if self._neighbors:
            document["neighbors"] = {name: around.get(name, "answers") for name in self._neighbors}
        if self._services:
            document["services"] = {name: inside.get(name, "answers") for name in self._services}
        return _document(503 if troubles else 200, document)


async def _send(probe: Callable[[], Awaitable[Answer]], scope: Scope, send: Send) -> None:
    await asgi.send_answer(send, await probe(), head=scope["method"] == "HEAD")


class MetricsPage:
    """An ASGI app that has `/metrics` and nothing else; `measures` set the gauges that have to be looked up."""

    def __init__(self, measures: Mapping[str, Measure] | None = None) -> None:
        self._measures = measures or {}
        self._measured_at = float("-inf")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await asgi.not_http(scope, receive, send)
        elif scope["path"] == "/metrics":
            await self._measure()
            body, content_type = metrics.exposition()
            answer = Answer(200, body, {"content-type": content_type})
            await asgi.send_answer(send, answer, head=scope["method"] == "HEAD")
        else:
            nothing = NoSuchPath("There are /healthz, /readyz and /metrics.")
            await asgi.send_answer(send, asgi.problem_answer(nothing, "-"), head=scope["method"] == "HEAD")

    async def _measure(self) -> None:
        if time.monotonic() < self._measured_at + MEASURED_SECONDS:
            return
        self._measured_at = time.monotonic()
        for name, trouble in (await _troubles(self._measures)).items():
            log.warning("gauges are as they were", extra={"of": name, "reason": trouble})


async def _troubles(checks: Mapping[str, Check]) -> dict[str, str]:
    found = await asyncio.gather(*(_try(check) for check in checks.values()))
    return {name: trouble for name, trouble in zip(checks, found, strict=True) if trouble}


async def _try(check: Check) -> str | None:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:g} s"
    except ENDS:
        raise
    except BaseException as error:
        return first_line(error)
    return None


def _document(status: int, document: dict[str, object]) -> Answer:
    return Answer(status, msgspec.json.encode(document), {"content-type": asgi.JSON, "cache-control": "no-store"})
