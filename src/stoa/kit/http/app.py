"""Answers REST requests from the declarations of one process's services: an ASGI app.

What happens to every request, in this order: its context is set; the path finds its route; the token is
checked and the caller authorized; the body is read, within its limit; body and query are decoded; the
idempotency key is claimed; the handler runs; the answer, or the problem, is encoded. So nobody learns
from a refusal of the body whether they were allowed, and nothing is claimed for what could not be read.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from stoa.kit import context, problems
from stoa.kit.context import Context, Principal
from stoa.kit.http import asgi
from stoa.kit.http.decoding import decode_body, decode_query
from stoa.kit.http.openapi import openapi
from stoa.kit.http.refusals import BadHeader, KeyRequired, MethodNotAllowed, NoSuchPath
from stoa.kit.http.router import Router, decode_segments
from stoa.kit.http.routes import ANYONE, OWN, REQUIRED, Answer, BoundRoutes, Raw, Request, Route, Routes, segments_of
from stoa.kit.idempotency import Answer as Encoded
from stoa.kit.idempotency import IdempotencyKeys
from stoa.kit.telemetry import metrics
from stoa.kit.tokens import Verifier

log = logging.getLogger(__name__)

PREFIX = "/api/v1"
MOST_BODY_BYTES = 1024 * 1024
"""A cart of a thousand lines takes a tenth of it."""
LONGEST_REQUEST_SECONDS = 30.0
"""Longer than any step of a checkout; then the caller is told that we gave up."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_IDEMPOTENCY_KEY = re.compile(rb"[\x21-\x7e]{1,255}")

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class _Endpoint:
    route: Route
    target: Any
    keys: IdempotencyKeys | None
    seconds: Histogram


class Overdue(problems.Unavailable):
    title = "The answer took too long"
    slug = "overdue"


class Api:
    """The ASGI app. `describe()` is its OpenAPI document, also served at `/api/v1/openapi.json`."""

    def __init__(
        self,
        bound: Sequence[BoundRoutes],
        *,
        verifier: Verifier,
        keys: Mapping[str, IdempotencyKeys],
        edge_secret: str,
    ) -> None:
        self._verifier = verifier
        self._edge_secret = edge_secret.encode()
        self._router: Router[_Endpoint] = Router()
        self._bound = bound
        for each in (*bound, _OWN_ROUTES.bind(self)):
            for route in each.routes:
                seconds = metrics.HTTP_SECONDS.labels(route.service, route.method, route.path)
                endpoint = _Endpoint(route, each.target, keys.get(each.service), seconds)
                self._router.add(route.method, (*segments_of(PREFIX), *route.segments), endpoint)

    def describe(self) -> dict[str, Any]:
        return openapi(self._bound, PREFIX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await asgi.not_http(scope, receive, send)
            return
        started = time.perf_counter()
        method: str = scope["method"]
        head = method == "HEAD"
        endpoint: _Endpoint | None = None
        request_context = _context_of(scope)
        with context.using(request_context):
            try:
                headers = asgi.headers_of(scope)
                endpoint, path = self._find("GET" if head else method, asgi.raw_path_of(scope))
                answer = await self._answer(endpoint, path, headers, scope, receive)
            except asgi.ClientGone:
                return
            except problems.Problem as problem:
                answer = asgi.problem_answer(problem, request_context.request_id)
            except Exception:
                log.exception("a request failed", extra={"method": method, "path": scope["path"]})
                answer = _fault(request_context)
            _note(endpoint, method, scope["path"], answer.status, time.perf_counter() - started)
            request_id = (b"x-request-id", request_context.request_id.encode())
            await asgi.send_answer(send, answer, (request_id,), head=head)

    def _find(self, method: str, raw_path: str) -> tuple[_Endpoint, Mapping[str, str]]:
        segments = decode_segments(raw_path)
        if segments is None:
            raise NoSuchPath("See /api/docs for the paths that there are.")
        found = self._router.match(method, segments)
        if found is not None:
            return found
        allowed = self._router.allowed(segments)
        if not allowed:
            raise NoSuchPath("See /api/docs for the paths that there are.")
        if "GET" in allowed:
            allowed = sorted([*allowed, "HEAD"])
        raise MethodNotAllowed(f"This path allows {', '.join(allowed)}.", allow=allowed)

    async def _answer(
        self,
        endpoint: _Endpoint,
        path: Mapping[str, str],
        headers: Mapping[bytes, bytes],
        scope: Scope,
        receive: Receive,
    ) -> Encoded:
        route = endpoint.route
        token = asgi.bearer_token(headers)
        principal = None if token is None else await self._verifier.verify(token)
        _authorize(route, principal)
        raw = b"" if route.idempotency is None else await asgi.read_body(headers, receive, MOST_BODY_BYTES)
        request = Request(
            body=decode_body(raw, headers.get(b"content-type", b"").decode("latin-1"), route.body),
            query=decode_query(scope["query_string"], route.query),
            path=path,
            principal=principal,
            idempotency_key=_key_of(route, headers),
            headers=Headers(scope=scope),
            client=self._client(headers, scope),
            raw=raw,
        )
        with context.using(_signed_in(context.current(), principal)):
            if request.idempotency_key is None or route.idempotency is OWN or endpoint.keys is None:
                return await _run(endpoint, request)
            caller = principal.user_id if principal else f"guest {request.client}"
            return await endpoint.keys.once(
                f"{caller} {route.method} {route.path}",
                request.idempotency_key,
                _fingerprint(asgi.raw_path_of(scope), scope["query_string"], raw),
                lambda: _run(endpoint, request),
            )

    def _client(self, headers: Mapping[bytes, bytes], scope: Scope) -> str:
        """The caller's address; the one that the gateway saw, if it was the gateway that asked."""
        secret = headers.get(asgi.EDGE)
        if secret and self._edge_secret and hmac.compare_digest(secret, self._edge_secret):
            return headers.get(asgi.EDGE_CLIENT, b"").decode("latin-1")
        return scope["client"][0] if scope.get("client") else ""


def build(
    bound: Sequence[BoundRoutes],
    *,
    verifier: Verifier,
    keys: Mapping[str, IdempotencyKeys] | None = None,
    edge_secret: str = "",
) -> Api:
    """The app for all of a process's services, under `/api/v1`.

    `keys` has the idempotency keys of each service that has a database. `edge_secret` is what the gateway
    sends so that the client address it names is believed; empty believes nobody.
    """
    return Api(bound, verifier=verifier, keys=keys or {}, edge_secret=edge_secret)


def _context_of(scope: Scope) -> Context:
    request_id = traceparent = None
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            request_id = value.decode("latin-1")
        elif name == b"traceparent":
            traceparent = value.decode("latin-1")
    if request_id is not None and not _REQUEST_ID.fullmatch(request_id):
        request_id = None
    return context.fresh(
        traceparent=traceparent, request_id=request_id, deadline=time.monotonic() + LONGEST_REQUEST_SECONDS
    )


def _signed_in(now: Context, principal: Principal | None) -> Context:
    return Context(now.trace_id, now.span_id, now.request_id, principal, now.deadline)


def _authorize(route: Route, principal: Principal | None) -> None:
    if route.who.admits(principal):
        return
    if principal is None:
        raise problems.Unauthorized("This needs a signed-in user: send an access token as Authorization: Bearer.")
    raise problems.Forbidden(f"This is for {route.who.name}.")


def _key_of(route: Route, headers: Mapping[bytes, bytes]) -> str | None:
    key = headers.get(b"idempotency-key")
    if key is None or route.idempotency is None:
        if route.idempotency is REQUIRED:
            raise KeyRequired("Send an Idempotency-Key that is new for each order you mean.", field="Idempotency-Key")
        return None
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise BadHeader("An idempotency key has 1 to 255 visible ASCII characters.", field="Idempotency-Key")
    return key.decode("ascii")


def _fingerprint(raw_path: str, query_string: bytes, raw: bytes) -> bytes:
    """Everything in a request that its scope does not say: the same key with another of these is refused."""
    return hashlib.sha256(b"\0".join((raw_path.encode(), query_string, raw))).digest()


async def _run(endpoint: _Endpoint, request: Request[Any, Any]) -> Encoded:
    """The handler's answer. Refusals and faults are answers too: a repeat with the same key gets them again."""
    now = context.current()
    try:
        async with asyncio.timeout(LONGEST_REQUEST_SECONDS):
            return _encoded(endpoint.route, await endpoint.route.handler(endpoint.target, request))
    except problems.Problem as problem:
        return asgi.problem_answer(problem, now.request_id)
    except TimeoutError:
        log.exception("a request took too long", extra={"route": endpoint.route.path})
        overdue = Overdue("Nothing is known about the outcome: repeat the request with its idempotency key.")
        return asgi.problem_answer(overdue, now.request_id)
    except Exception:
        log.exception("a request failed", extra={"method": endpoint.route.method, "route": endpoint.route.path})
        return _fault(now)


def _encoded(route: Route, answer: Any) -> Encoded:
    if isinstance(answer, Raw):
        return Encoded(answer.status, answer.body, {"content-type": answer.content_type, **answer.headers})
    if isinstance(answer, Answer):
        if answer.body is None:
            return Encoded(answer.status, b"", answer.headers)
        return Encoded(answer.status, _encode(answer.body), {"content-type": asgi.JSON, **answer.headers})
    if answer is None:
        return Encoded(route.status)
    return Encoded(route.status, _encode(answer), {"content-type": asgi.JSON})


def _fault(now: Context) -> Encoded:
    return asgi.problem_answer(problems.Fault("The fault is ours and has been noted."), now.request_id)


@cache
def _count(service: str, method: str, path: str, status: int) -> Counter:
    # The look-up by labels takes a lock and costs as much as a tenth of a read.
    return metrics.HTTP_REQUESTS.labels(service, method, path, status)


def _note(endpoint: _Endpoint | None, method: str, path: str, status: int, seconds: float) -> None:
    if endpoint is None:
        _count("", "", "", status).inc()
    else:
        _count(endpoint.route.service, endpoint.route.method, endpoint.route.path, status).inc()
        endpoint.seconds.observe(seconds)
    # A line for each read would cost more than the read.
    level = logging.DEBUG if method in {"GET", "HEAD"} else logging.INFO
    if log.isEnabledFor(level):
        fields = {"method": method, "path": path, "status": status, "milliseconds": round(seconds * 1000, 1)}
        log.log(level, "answered", extra=fields)


_OWN_ROUTES: Routes[Api] = Routes("http")


@_OWN_ROUTES.get("/openapi.json", who=ANYONE)
async def _describe(api: Api, _request: Request) -> Raw:
    return Raw(_encode(api.describe()), asgi.JSON)
