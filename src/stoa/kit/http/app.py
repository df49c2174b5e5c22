"""Answers REST requests from the declarations of one process's services: an ASGI app.

What happens to every request, in this order: its context is set; the path finds its route; the token is
checked and the caller authorized; the body is read, within its limit; body, query and what the caller expects
(`If-Match`) are decoded; the idempotency key is claimed; the handler runs; the answer, or the problem, is
encoded. So nobody learns from a refusal of the body whether they were allowed, and nothing is claimed for what could
not be read.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import time
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import structs
from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from stoa.kit import context, problems
from stoa.kit.context import Context, Principal
from stoa.kit.http import asgi, edge, streaming
from stoa.kit.http.decoding import decode_body, decode_query
from stoa.kit.http.openapi import openapi
from stoa.kit.http.preconditions import ANYTHING, IfMatch, NothingToMatch, etag_of, if_match_of, known_tag
from stoa.kit.http.refusals import BadHeader, KeyRequired, MethodNotAllowed, UnsupportedMediaType
from stoa.kit.http.router import LONGEST_KEPT, Router, decode_segments
from stoa.kit.http.routes import (
    OPTIONAL,
    OWN,
    OWN_REQUIRED,
    PUBLIC,
    REQUIRED,
    UNKEPT,
    Answer,
    BoundRoutes,
    Raw,
    Request,
    Route,
    Routes,
    Streamed,
    segments_of,
)
from stoa.kit.http.streaming import BodyStream
from stoa.kit.idempotency import Answer as Encoded
from stoa.kit.idempotency import IdempotencyKeys
from stoa.kit.ids import is_uuid
from stoa.kit.panics import ENDS
from stoa.kit.telemetry import metrics
from stoa.kit.time_limit import time_limit
from stoa.kit.tokens import Verifier

log = logging.getLogger(__name__)

PREFIX = "/api/v1"
MOST_BODY_BYTES = 1024 * 1024
"""Unless its service declares another. A cart of a thousand lines takes a tenth; more is not gathered on the way."""
LONGEST_REQUEST_SECONDS = 30.0
"""Longer than any step of a checkout; then the caller is told that we gave up. Of a body in pieces: for each piece."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_IDEMPOTENCY_KEY = re.compile(rb"[\x21-\x7e]{1,255}")

_encode = msgspec.json.Encoder().encode

AnswerT = TypeVar("AnswerT", bound=Encoded | Streamed)


@dataclass(frozen=True)
class _Endpoint:
    route: Route
    target: Any
    keys: IdempotencyKeys | None
    most_body_bytes: int
    seconds: Histogram


@dataclass
class _Arrived:
    """What is known of a request so far, for the log: nothing of a path that names no route."""

    endpoint: _Endpoint | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return "" if self.endpoint is None else PREFIX + self.endpoint.route.shown(self.parameters)


_NOWHERE = _Arrived()


class FoundRead(NamedTuple):
    """A read that a path names, for a gateway in this process."""

    endpoint: _Endpoint
    path: Mapping[str, str]

    def admits(self, principal: Principal | None) -> bool:
        return self.endpoint.route.who.admits(principal)


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
        largest_bodies: Mapping[tuple[str, ...], int],
        edge_secret: str,
    ) -> None:
        self._verifier = verifier
        self._edge_secret = edge_secret.encode()
        self._router: Router[_Endpoint] = Router()
        self._kept = lru_cache(maxsize=10_000)(self._look_for)
        self._bound = bound
        for each in (*bound, _OWN_ROUTES.bind(self)):
            for route in each.routes:
                seconds = metrics.HTTP_SECONDS.labels(route.service, route.method, route.path)
                most = largest_bodies.get((route.method, route.path), MOST_BODY_BYTES)
                endpoint = _Endpoint(route, each.target, keys.get(each.service), most, seconds)
                self._router.add(route.method, (*segments_of(PREFIX), *route.segments), endpoint)

    def describe(self) -> dict[str, Any]:
        return openapi(self._bound, PREFIX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await asgi.not_http(scope, receive, send)
            return
        now = _context_of(scope)
        answer = await self.answer(now, scope, receive)
        if answer is not None:
            request_id = (b"x-request-id", now.request_id.encode())
            with context.using(now):
                await send_whole(receive, send, answer, request_id, head=scope["method"] == "HEAD")

    async def answer(self, now: Context, scope: Scope, receive: Receive) -> Encoded | Streamed | None:
        """What is answered in the context `now`, for a gateway in this process to send on. None where nobody is there
        any more to get it."""
        started = time.perf_counter()
        method: str = scope["method"]
        arrived = _NOWHERE
        with context.using(now):
            try:
                headers = asgi.headers_of(scope)
                endpoint, path = self._find("GET" if method == "HEAD" else method, asgi.raw_path_of(scope))
                arrived = _Arrived(endpoint, path)
                answer = await self._answer(endpoint, path, headers, scope, receive)
            except asgi.ClientGone:
                return None
            except problems.Problem as problem:
                answer = asgi.problem_answer(problem, now.request_id)
            except ENDS:
                raise
            except BaseException:
                log.exception("a request failed", extra={"method": method, "path": arrived.path})
                answer = _fault(now)
            _note(arrived, method, answer.status, time.perf_counter() - started)
        return answer

    def find_read(self, raw_path: str) -> FoundRead | None:
        """The read that a path names, if one does."""
        try:
            return FoundRead(*self._look_for("GET", raw_path))
        except problems.Problem:
            return None

    async def read(
        self,
        found: FoundRead,
        scope: Scope,
        headers: list[tuple[bytes, bytes]],
        principal: Principal | None,
        client: str,
    ) -> Encoded | Streamed:
        """`answer` for a plain read of a caller whom it admits, whose token this process has checked; `headers` are
        those that a handler may see. In the caller's context."""
        started = time.perf_counter()
        endpoint, path = found
        answer: Encoded | Streamed
        try:
            query = decode_query(scope["query_string"], endpoint.route.query)
        except problems.Problem as problem:
            answer = asgi.problem_answer(problem, context.current().request_id)
        else:
            request = Request(None, query, path, principal, headers=Headers(raw=headers), client=client)
            answer = await _run(endpoint, request)
            if "etag" in answer.headers and (expected := _lines(headers, b"if-none-match")):
                answer = _unless_known(answer, expected)
        _note(_Arrived(endpoint, path), scope["method"], answer.status, time.perf_counter() - started)
        return answer

    def _find(self, method: str, raw_path: str) -> tuple[_Endpoint, Mapping[str, str]]:
        return self._kept(method, raw_path) if len(raw_path) <= LONGEST_KEPT else self._look_for(method, raw_path)

    def _look_for(self, method: str, raw_path: str) -> tuple[_Endpoint, Mapping[str, str]]:
        segments = decode_segments(raw_path)
        if segments is None:
            raise self._router.nothing_at(None)
        found = self._router.match(method, segments)
        if found is not None:
            return found
        allowed = sorted(self._router.found(segments))
        if not allowed:
            raise self._router.nothing_at(segments)
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
    ) -> Encoded | Streamed:
        route = endpoint.route
        body: Any
        found = edge.found_in(scope, headers, self._edge_secret)
        principal, refused = await self._identify(route, headers, found)
        _authorize(route, principal)
        if_match = _if_match_of(route, headers, scope)
        if route.body is BodyStream:
            asgi.refuse_announced(headers, endpoint.most_body_bytes)
            raw, body = b"", BodyStream()
        else:
            reads = route.idempotency is None
            raw = b"" if reads else await asgi.read_body(headers, receive, endpoint.most_body_bytes)
            body = None if reads else _body_of(route, raw, headers)
        request = Request(
            body=body,
            query=decode_query(scope["query_string"], route.query),
            path=path,
            principal=principal,
            refused=refused,
            idempotency_key=_key_of(route, headers),
            if_match=if_match,
            headers=Headers(scope=scope),
            client=found.client,
            raw=raw,
        )
        context.change(_signed_in(context.current(), principal))
        answer: Encoded | Streamed
        if isinstance(body, BodyStream):
            filling = body.fill(receive, endpoint.most_body_bytes, LONGEST_REQUEST_SECONDS)
            # It has as long as the body comes, and so have the neighbors that it asks.
            with context.using(structs.replace(context.current(), deadline=None)):
                answer = await _run(endpoint, request, filling)
        elif request.idempotency_key is None or route.idempotency in {OWN, OWN_REQUIRED} or endpoint.keys is None:
            answer = await _run(endpoint, request)
        else:
            fingerprint = _fingerprint(asgi.raw_path_of(scope), scope["query_string"], raw, headers.get(b"if-match"))
            answer = await _once(endpoint, request, found.visitor, fingerprint)
        if b"if-none-match" in headers and "etag" in answer.headers:
            answer = _unless_known(answer, _lines(scope["headers"], b"if-none-match"))
        if refused is not None and refused.status == 401 and route.idempotency is None:
            # What a guest may read, and the caller is told that it was taken for one.
            answer = _with_header(answer, "www-authenticate", asgi.BAD_TOKEN)
        return answer

    async def _identify(
        self, route: Route, headers: Mapping[bytes, bytes], found: edge.Found
    ) -> tuple[Principal | None, problems.Problem | None]:
        """Who calls; where nobody has to be known, what was wrong with the token instead."""
        try:
            if found.refused is not None:
                raise found.refused
            token = asgi.bearer_token(headers)
            return (None if token is None else await self._verifier.verify(token)), None
        except (problems.Unauthorized, problems.Unavailable) as problem:
            if not route.who.forgiving:
                raise
            return None, problem


def build(
    bound: Sequence[BoundRoutes],
    *,
    verifier: Verifier,
    keys: Mapping[str, IdempotencyKeys] | None = None,
    largest_bodies: Mapping[tuple[str, ...], int] | None = None,
    edge_secret: str = "",
) -> Api:
    """The app for all of a process's services, under `/api/v1`.

    `keys` has the idempotency keys of each service that has a database, `largest_bodies` how many bytes a body may
    have, by method and path, where that was declared. `edge_secret` is what the gateway
    sends so that the client address it names is believed; empty believes nobody.
    """
    return Api(bound, verifier=verifier, keys=keys or {}, largest_bodies=largest_bodies or {}, edge_secret=edge_secret)


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


def _body_of(route: Route, raw: bytes, headers: Mapping[bytes, bytes]) -> Any:
    if route.body_optional and not raw.strip():
        return route.body()
    if route.body not in {None, bytes} and headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedMediaType("Send the body as it is, without Content-Encoding.")
    return decode_body(raw, headers.get(b"content-type", b"").decode("latin-1"), route.body)


def _key_of(route: Route, headers: Mapping[bytes, bytes]) -> str | None:
    if route.idempotency is None or route.idempotency is UNKEPT:
        return None
    key = headers.get(b"idempotency-key")
    if key is None:
        if route.idempotency in {REQUIRED, OWN_REQUIRED}:
            raise KeyRequired(
                "Send an Idempotency-Key, the same for every try of this request.", field="Idempotency-Key"
            )
        return None
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise BadHeader("An idempotency key has 1 to 255 visible ASCII characters.", field="Idempotency-Key")
    return key.decode("ascii")


def _if_match_of(route: Route, headers: Mapping[bytes, bytes], scope: Scope) -> IfMatch:
    """What the caller of a mutation expects. Raises `NothingToMatch` for a condition that nobody here would look at:
    who sends one relies on it. Reads are not conditional on it (RFC 9110 §13.1.1 lets us)."""
    if route.idempotency is None:
        return ANYTHING
    if b"if-none-match" in headers:
        raise NothingToMatch("If-None-Match")
    if b"if-match" not in headers:
        return ANYTHING
    expected = if_match_of(_lines(scope["headers"], b"if-match"))
    if not route.versioned:
        raise NothingToMatch("If-Match")
    return expected


def _lines(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1") for each, value in headers if each == name]


def _unless_known(answer: Encoded | Streamed, if_none_match: list[str]) -> Encoded | Streamed:
    """304 to a caller who has this answer already, under the tag by which they have it. It says how long that may be
    kept, and the rest of what the answer says but for its body: whoever has that keeps it with these headers."""
    etag = known_tag(if_none_match, answer.headers["etag"])
    if etag is None:
        return answer
    headers = {name: value for name, value in answer.headers.items() if name not in _OF_A_BODY}
    return Encoded(304, b"", headers | {"etag": etag})


_OF_A_BODY = frozenset(("content-type", "content-length", "content-encoding"))


def _whose(route: Route, request: Request[Any, Any]) -> str | None:
    """Within what a key counts beside the route: the user, or what a guest holds. None for a guest who holds nothing.

    Never the address, which many share: whoever guessed a key would get the answer to somebody else's request.
    """
    if request.principal is not None:
        return request.principal.user_id
    held = request.path[route.capability].lower() if route.capability else ""
    return f"holder of {held}" if is_uuid(held) else None


def _fingerprint(raw_path: str, query_string: bytes, raw: bytes, if_match: bytes | None) -> bytes:
    """Everything in a request that its scope does not say: the same key with another of these is refused."""
    parts = (raw_path.encode(), query_string, raw)
    return hashlib.sha256(b"\0".join(parts if if_match is None else (*parts, if_match))).digest()


async def _once(endpoint: _Endpoint, request: Request[Any, Any], visitor: str, fingerprint: bytes) -> Encoded:
    """The handler's answer, kept under the request's key for whoever sent it."""
    assert endpoint.keys is not None
    assert request.idempotency_key is not None
    route = endpoint.route
    whose = _whose(route, request)
    if whose is None and not visitor:
        # Nothing tells this guest from another, so no repeat would be theirs.
        return await _whole(endpoint, request)
    scope = f"{whose or f'visitor {visitor}'} {route.method} {route.path}"
    answer = await endpoint.keys.once(scope, request.idempotency_key, fingerprint, lambda: _whole(endpoint, request))
    return answer if whose else _with_header(answer, edge.VISITOR.decode(), visitor)


async def _whole(endpoint: _Endpoint, request: Request[Any, Any]) -> Encoded:
    """The same of a route that keeps its answers."""
    answer = await _run(endpoint, request)
    assert isinstance(answer, Encoded)
    return answer


async def _run(
    endpoint: _Endpoint, request: Request[Any, Any], filling: Coroutine[Any, Any, None] | None = None
) -> Encoded | Streamed:
    """The handler's answer. Refusals and faults are answers too: a repeat with the same key gets them again.

    `filling` is what brings the body meanwhile, where the handler takes it in pieces.
    """
    now = context.current()
    handling = endpoint.route.handler(endpoint.target, request)
    try:
        if filling is not None:
            return _encoded(endpoint.route, await streaming.watched(handling, filling))
        with time_limit(LONGEST_REQUEST_SECONDS):
            return _encoded(endpoint.route, await handling)
    except asgi.ClientGone:
        raise
    except problems.Problem as problem:
        return asgi.problem_answer(problem, now.request_id)
    except TimeoutError:
        log.exception("a request took too long", extra={"route": endpoint.route.path})
        overdue = Overdue("Nothing is known about the outcome: repeat the request with its idempotency key.")
        return asgi.problem_answer(overdue, now.request_id)
    except ENDS:
        raise
    except BaseException:
        log.exception("a request failed", extra={"method": endpoint.route.method, "route": endpoint.route.path})
        return _fault(now)


def _encoded(route: Route, answer: Any) -> Encoded | Streamed:
    if isinstance(answer, Streamed):
        if route.idempotency in {OPTIONAL, REQUIRED}:
            raise TypeError(f"{route.method} {route.path} keeps its answers, and this one passes")
        return answer
    if isinstance(answer, Raw):
        return Encoded(answer.status, answer.body, {"content-type": answer.content_type, **answer.headers})
    if isinstance(answer, Answer):
        status, shown, headers = answer.status, answer.body, answer.headers
    else:
        status, shown, headers = route.status, answer, {}
    if shown is None:
        return Encoded(status, b"", headers)
    body = _encode(shown)
    tag = {"etag": etag_of(shown.version, body)} if route.tagged else {}
    return Encoded(status, body, {"content-type": asgi.JSON, **tag, **headers})


def _with_header(answer: AnswerT, name: str, value: str) -> AnswerT:
    return structs.replace(answer, headers={**answer.headers, name: value})


async def send_whole(
    receive: Receive, send: Send, answer: Encoded | Streamed, *more: tuple[bytes, bytes], head: bool
) -> None:
    """All of an answer, with `more` headers; of one to HEAD no body."""
    if isinstance(answer, Streamed):
        await _send_streamed(receive, send, answer, more, head=head)
    else:
        await asgi.send_answer(send, answer, more, head=head)


async def _send_streamed(
    receive: Receive, send: Send, answer: Streamed, more: Iterable[tuple[bytes, bytes]], *, head: bool
) -> None:
    """Each piece when the one before has left. What goes wrong on the way is raised: then the server breaks off."""
    headers = {"content-type": answer.content_type, **answer.headers}
    if answer.length is not None:
        headers["content-length"] = str(answer.length)
    pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]

    async def send_all() -> None:
        async for piece in answer.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            # Where neither making nor sending it waits nobody else would have a turn, nor hear that the caller is gone.
            await asyncio.sleep(0)

    async with aclosing(answer.pieces):
        await send({"type": "http.response.start", "status": answer.status, "headers": [*pairs, *more]})
        try:
            if not head:
                await streaming.watched(send_all(), streaming.gone(receive))
        except asgi.ClientGone:
            return
        await send({"type": "http.response.body", "body": b""})


def _fault(now: Context) -> Encoded:
    return asgi.problem_answer(problems.Fault("The fault is ours and has been noted."), now.request_id)


@cache
def _count(service: str, method: str, path: str, status: int) -> Counter:
    # The look-up by labels takes a lock and costs as much as a tenth of a read.
    return metrics.HTTP_REQUESTS.labels(service, method, path, status)


def _note(arrived: _Arrived, method: str, status: int, seconds: float) -> None:
    if arrived.endpoint is None:
        _count("", "", "", status).inc()
    else:
        route = arrived.endpoint.route
        _count(route.service, route.method, route.path, status).inc()
        arrived.endpoint.seconds.observe(seconds)
    # A line for each read would cost more than the read.
    level = logging.DEBUG if method in {"GET", "HEAD"} else logging.INFO
    if log.isEnabledFor(level):
        fields = {"method": method, "path": arrived.path, "status": status, "milliseconds": round(seconds * 1000, 1)}
        log.log(level, "answered", extra=fields)


_OWN_ROUTES: Routes[Api] = Routes("http")


@_OWN_ROUTES.get("/openapi.json", who=PUBLIC)
async def _describe(api: Api, _request: Request) -> Raw:
    return Raw(_encode(api.describe()), asgi.JSON)
