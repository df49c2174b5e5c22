"""The gateway as an ASGI app."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import grpc.aio
from msgspec import structs
from prometheus_client import Counter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stoa.contracts.auth.v1.auth_pb2 import GetSigningKeysRequest
from stoa.contracts.auth.v1.auth_pb2_grpc import AuthServiceStub
from stoa.edge.gateway import encoding, problem_pages
from stoa.edge.gateway.arrival import REQUEST_ID, Arrival, context_of, passed_on
from stoa.edge.gateway.callers import Proxies
from stoa.edge.gateway.departure import Departure
from stoa.edge.gateway.description import Description
from stoa.edge.gateway.encoding import coding_for
from stoa.edge.gateway.headers import HSTS, SECURITY, Cors, Headers
from stoa.edge.gateway.limits import Limit, RateLimited, caller_at
from stoa.edge.gateway.paths import Paths, Resource, Target
from stoa.edge.gateway.plain import plain, stored_path
from stoa.edge.gateway.reads import Read, Reads
from stoa.edge.gateway.response_cache import Entry, ResponseCache, unchanged
from stoa.edge.gateway.sessions import Sessions
from stoa.edge.gateway.settings import GatewaySettings
from stoa.edge.gateway.site import Site
from stoa.edge.gateway.visitors import Visitors, cookie_for
from stoa.kit import context, problems
from stoa.kit.context import Context, Principal
from stoa.kit.events import Event, Refusal
from stoa.kit.http import asgi
from stoa.kit.http.app import Api, send_whole
from stoa.kit.http.edge import ENDED_SESSIONS, ENDED_USER, VISITOR
from stoa.kit.http.refusals import MethodNotAllowed
from stoa.kit.idempotency import Answer
from stoa.kit.service import PublicRead, Service
from stoa.kit.telemetry import metrics
from stoa.kit.tokens import Verifier

log = logging.getLogger(__name__)

PUBLIC_CACHE = "public, no-cache"
"""Browsers and proxies may keep public reads and ask each time whether they changed."""
JWKS_CACHE = "public, max-age=60"

CHEAP = 20
"""What an address may ask for each request that a service may be asked for it: stored bytes, our own pages and refusals
take a tenth to a twentieth of the time. So nobody floods us with what is cheap, and a thousand shoppers behind one
address, at a hundred pages a minute each, are let through."""

_HINT = (b"www-authenticate", asgi.BAD_TOKEN.encode())
"""To a read that is answered as to a guest, because the token that came with it was not good."""

_OF_SERVICES = "/api/v1/"
"""No page of our own is below this."""

_READS = frozenset(("GET", "HEAD"))


class Gateway:
    """Answers for the whole shop, by what its services declare.

    `upstreams` has an ASGI app for each service: its own in this process, or a `RemoteUpstream`. The events
    that change public reads go to `accept`. `visitor_secret` is by what the gateways of an installation know their
    visitor ids. In the folder `pages` are those of the shop's own.
    """

    def __init__(
        self,
        services: Sequence[Service],
        upstreams: Mapping[str, ASGIApp],
        verifier: Verifier,
        auth_channel: grpc.aio.Channel,
        *,
        settings: GatewaySettings,
        visitor_secret: str,
        pages: Path | None = None,
    ) -> None:
        self._paths = Paths(services)
        self._changed_by: dict[str, list[str]] = {}
        for service in services:
            for kind in {kind for read in service.public for kind in read.changed_by}:
                self._changed_by.setdefault(kind, []).append(service.name)
        self._upstreams = upstreams
        self._reads = Reads(self._paths, upstreams)
        self._verifier = verifier
        self._auth = AuthServiceStub(auth_channel)
        self._sessions = Sessions(self._auth)
        self._visitors = Visitors(visitor_secret)
        self._proxies = Proxies(settings.trusted_proxies)
        self._cors = Cors(settings.allowed_origins)
        self._requests = Limit(settings.requests_per_minute)
        self._sign_ins = Limit(settings.sign_ins_per_minute)
        self._everything = Limit(settings.requests_per_minute * CHEAP)
        self._site = Site(pages)
        self._description = Description(upstreams.values(), [read.path for each in services for read in each.public])
        headers = SECURITY | {"cache-control": PUBLIC_CACHE} | ({"vary": "Origin"} if settings.allowed_origins else {})
        self._cache = ResponseCache(settings.remember_seconds, settings.remember_bytes, headers)
        # Unique over restarts and replicas, and a tenth of the price of random bytes for each request.
        self._id_prefix = os.urandom(8).hex()
        self._numbers = itertools.count(1)
        self._hits = metrics.GATEWAY_RESPONSE_CACHE.labels("hit")
        self._misses = metrics.GATEWAY_RESPONSE_CACHE.labels("miss")

    async def accept(self, events: Sequence[Event]) -> Sequence[Refusal]:
        """Forget what the events say has changed. Safe to repeat, in any order; none is refused."""
        for event in events:
            for service in self._changed_by.get(event.type, ()):
                self._cache.drop(service, event.subject)
        return ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await asgi.not_http(scope, receive, send)
        else:
            with context.using(context_of(scope["headers"], self._new_id())) as now:
                await self._answer(now, scope, receive, send)

    def at_once(self, scope: Scope) -> tuple[bytes, bytes] | None:
        """Head and body of a stored answer, if there is one to this request and nothing about its caller must be looked
        at. The server asks before it does anything else.

        This is what most requests to a shop want, so it does nothing else: no task, no context, no ASGI, one pass over
        the headers.
        """
        if scope["method"] not in _READS or scope["scheme"] != "http":
            return None
        key = (stored_path(scope["raw_path"]), scope["query_string"])
        entry = self._cache.find(key)
        asked = plain(scope["headers"]) if entry is not None else None
        if entry is None or asked is None or not self._is_within_limit(scope):
            return None
        self._hits.inc()
        if asked.accept_encoding:
            entry = self._cache.packed(key, entry, coding_for(asked.accept_encoding))
        has_id = asked.request_id and REQUEST_ID.fullmatch(asked.request_id)
        request_id = asked.request_id if has_id else self._new_id()
        own = b"x-request-id: %b\r\n" % request_id
        if asked.if_none_match is not None and unchanged(entry, asked.if_none_match):
            return entry.unchanged_head + own, b""
        return entry.head + own, b"" if scope["method"] == "HEAD" else entry.body

    def _is_within_limit(self, scope: Scope) -> bool:
        """Counted, if so. If not it is told so on the long way."""
        try:
            self._everything.spend(caller_at(self._proxies.address(scope, scope["headers"])))
        except RateLimited:
            return False
        return True

    async def _answer(self, now: Context, scope: Scope, receive: Receive, send: Send) -> None:
        leave = Departure(scope, send, now.request_id)
        try:
            caller = self._proxies.caller(scope, scope["headers"])
            leave.shared += self._cors.headers(scope["headers"])
            if caller.https:
                leave.shared.append(HSTS)
            self._everything.spend(caller_at(caller.address))
            arrival = Arrival(scope, asgi.headers_of(scope), caller, now)
            arrival.refuse_unfit()
            read = self._reads.find(scope, arrival.headers)
            if read is None or not await self._answer_read(arrival, read, receive, leave):
                await self._lead(arrival, receive, leave)
        except asgi.ClientGone:
            return
        except problems.Problem as problem:
            metrics.GATEWAY_REFUSED.labels(problem.slug).inc()
            log.debug(
                "refused",
                extra={
                    "problem": problem.type,
                    "resource": self._paths.first_of(asgi.raw_path_of(scope)),
                    "detail": problem.detail,
                },
            )
            refusal = asgi.problem_answer(problem, now.request_id)
        except Exception:
            log.exception(
                "a request failed",
                extra={"method": scope["method"], "resource": self._paths.first_of(asgi.raw_path_of(scope))},
            )
            refusal = asgi.problem_answer(problems.Fault("The fault is ours and has been noted."), now.request_id)
        else:
            return
        if not leave.begun:
            await asgi.send_answer(leave, refusal, head=scope["method"] == "HEAD")

    async def _answer_read(self, arrival: Arrival, read: Read, receive: Receive, leave: Departure) -> bool:
        """The short way (`reads`). False where it is none for this caller: then nothing has been done."""
        now, caller = arrival.context, arrival.caller
        principal = self._known(arrival.headers)
        if (principal is None and b"authorization" in arrival.headers) or not read.found.admits(principal):
            return False
        self._requests.spend(principal.user_id if principal else caller_at(caller.address))
        context.change(Context(now.trace_id, now.span_id, now.request_id, principal, now.deadline))
        headers = passed_on(arrival.scope["headers"], now)
        answer = await read.api.read(read.found, arrival.scope, headers, principal, caller.address)
        coding = None if read.service.secretive else arrival.coding
        if coding is None and isinstance(answer, Answer):
            sent = self._outward(read.service, arrival, answer.status, asgi.sent_headers(answer))
            await leave.answer(answer.status, sent, b"" if arrival.head else answer.body)
        else:
            send = leave if coding is None else encoding.packing(leave, coding, head=arrival.head)
            send_on = self._sending_on(read.service, arrival, send)
            await send_whole(receive, send_on, answer, head=arrival.head)
        return True

    def _known(self, headers: Mapping[bytes, bytes]) -> Principal | None:
        """Whose token came, where that is known and nothing is to be asked or refused."""
        try:
            token = asgi.bearer_token(headers)
        except problems.Unauthorized:
            return None
        principal = None if token is None else self._verifier.known(token)
        return principal if principal is not None and self._sessions.stands(principal) else None

    async def _lead(self, arrival: Arrival, receive: Receive, send: Send) -> None:
        """To where the path leads: our own pages, stored bytes, or a service."""
        if arrival.method == "OPTIONS" and (allowed := self._cors.preflight(arrival.headers)) is not None:
            await send({"type": "http.response.start", "status": 204, "headers": allowed})
            await send({"type": "http.response.body", "body": b""})
            return
        raw_path = asgi.raw_path_of(arrival.scope)
        if not raw_path.startswith(_OF_SERVICES) and (own := await self._own_page(arrival, raw_path)) is not None:
            if arrival.method != "GET":
                raise MethodNotAllowed("This path allows GET, HEAD.", allow=["GET", "HEAD"])
            page = await encoding.page(own, arrival.coding, arrival.listed(b"if-none-match"))
            await asgi.send_answer(send, page, head=arrival.head)
            return
        resource = self._paths.find(raw_path)
        target = resource.target(arrival.method)
        asgi.refuse_announced(arrival.headers, target.most_body_bytes)
        principal, refused = None, None
        if b"authorization" in arrival.headers:
            principal, refused = await self._identify(arrival)
            context.change(structs.replace(arrival.context, principal=principal))
        if target.public is not None and _as_guest(target.public, principal):
            found = await self._public(arrival, principal, refused, resource, target)
            hint = [_HINT] if refused is not None and refused.status == 401 else []
            if isinstance(found, Entry):
                if_none_match = arrival.listed(b"if-none-match")
                entry = _for_one(found) if hint else found
                await _send_entry(send, entry, if_none_match, hint, head=arrival.head)
                return
            if principal is None or found.status == 200:
                await asgi.send_answer(send, found, hint, head=arrival.head)
                return
            # What a guest may not see, this caller may: a seller his drafts.
        else:
            self._spend(arrival, principal, refused, target)
        visitor = ""
        if principal is None and arrival.changes and b"idempotency-key" in arrival.headers:
            visitor = self._visitors.of(arrival)
        inner = arrival.inner(resource, target, visitor, refused)
        if (coding := arrival.coding) and arrival.method == "GET" and not target.service.secretive:
            send = encoding.packing(send, coding, head=arrival.head)
        await self._pass_on(arrival, inner, target.service, receive, send)

    async def _own_page(self, arrival: Arrival, raw_path: str) -> Answer | None:
        if raw_path == "/api/openapi.json":
            return await self._description.answer()
        if raw_path == "/.well-known/jwks.json":
            self._requests.spend(caller_at(arrival.caller.address))
            keys = await self._auth.GetSigningKeys(GetSigningKeysRequest())
            return Answer(200, keys.jwks_json.encode(), {"content-type": asgi.JSON, "cache-control": JWKS_CACHE})
        if raw_path.startswith(problem_pages.LIST):
            return problem_pages.problem_page(await self._description.problems(), raw_path)
        return self._site.find(raw_path)

    async def _identify(self, arrival: Arrival) -> tuple[Principal | None, problems.Problem | None]:
        """Who calls, or what is wrong with the token that came. Whether that matters the service's route declares."""
        try:
            token = asgi.bearer_token(arrival.headers)
            if token is None:
                return None, None
            principal = await self._verifier.verify(token)
            await self._sessions.check(principal)
        except (problems.Unauthorized, problems.Unavailable) as refused:
            # A signature costs us more to check than it costs to make one up.
            self._requests.spend(caller_at(arrival.caller.address))
            return None, refused
        return principal, None

    def _spend(
        self, arrival: Arrival, principal: Principal | None, refused: problems.Problem | None, target: Target
    ) -> None:
        address = caller_at(arrival.caller.address)
        if target.sign_in:
            self._sign_ins.spend(address)
        # With a token that was refused the request has been counted already.
        if refused is None:
            self._requests.spend(principal.user_id if principal else address)

    async def _pass_on(self, arrival: Arrival, inner: Scope, service: Service, receive: Receive, send: Send) -> None:
        send_on = self._sending_on(service, arrival, send)
        upstream = self._upstreams[service.name]
        try:
            if not isinstance(upstream, Api):
                await upstream(inner, receive, send_on)
                return
            # It is here: nothing goes through HTTP a second time.
            answer = await upstream.answer(context.beneath(arrival.context), inner, receive)
            if isinstance(answer, Answer) and isinstance(send, Departure):
                headers = self._outward(service, arrival, answer.status, asgi.sent_headers(answer))
                await send.answer(answer.status, headers, b"" if arrival.head else answer.body)
            elif answer is not None:
                await send_whole(receive, send_on, answer, head=arrival.head)
        except problems.Unavailable:
            # Nobody knows whether the change was made.
            if arrival.changes:
                self._forget_after_change(service)
            raise

    def _sending_on(self, service: Service, arrival: Arrival, send: Send) -> Send:
        """By what a service's answer in messages goes out."""

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = self._outward(service, arrival, message["status"], message["headers"])
                message = {**message, "headers": headers}
            await send(message)

        return send_on

    def _outward(self, service: Service, arrival: Arrival, status: int, headers: Headers) -> Headers:
        """The headers of a service's answer for outside; what it says to us is taken note of."""
        _answers(service.name, status).inc()
        # What was refused has changed nothing: whoever sends that empties no cache of ours.
        if arrival.changes and not 400 <= status < 500:
            self._forget_after_change(service)
        return self._for_outside(headers, https=arrival.caller.https)

    def _forget_after_change(self, service: Service) -> None:
        """Whoever changes something through this door sees it with the next request, before any event arrives."""
        if service.public:
            self._cache.drop(service.name)

    def _for_outside(self, answered: Headers, *, https: bool) -> Headers:
        """A service's headers without what it tells only us; where a key was counted by the visitor's id, with the
        cookie that keeps the id."""
        kept = answered
        for name, value in answered:
            if name.startswith(b"x-stoa-"):
                kept = [each for each in kept if each[0] != name]
                self._forget_ended(name, value.decode("latin-1"))
            elif name == VISITOR:
                kept = [*kept, cookie_for(value.decode("ascii"), https=https)]
        return kept

    def _forget_ended(self, name: bytes, value: str) -> None:
        """The same for sessions, of which the answer says which have ended: nobody empties what is known of others."""
        if name == ENDED_SESSIONS.encode():
            for session_id in value.split(","):
                self._sessions.forget(session_id)
        elif name == ENDED_USER.encode():
            self._sessions.forget_user(value)

    async def _public(
        self,
        arrival: Arrival,
        principal: Principal | None,
        refused: problems.Problem | None,
        resource: Resource,
        target: Target,
    ) -> Entry | Answer:
        """What a guest gets: stored bytes, or the service's answer, asked for once for all who want it now."""
        query = b"&".join(sorted(filter(None, arrival.scope["query_string"].split(b"&"))))
        key = (resource.raw_path, query)
        entry = self._cache.find(key)
        if entry is not None:
            self._hits.inc()
            return self._cache.packed(key, entry, arrival.coding)
        self._misses.inc()
        self._spend(arrival, principal, refused, target)
        upstream, inner = self._upstreams[target.service.name], arrival.inner_as_guest(resource, target, query)
        found = await self._cache.fetch(key, target, lambda: asgi.ask(upstream, inner))
        if isinstance(found, Answer):
            _answers(target.service.name, found.status).inc()
            return found
        return self._cache.packed(key, found, arrival.coding)

    def _new_id(self) -> bytes:
        return f"{self._id_prefix}-{next(self._numbers):x}".encode()


def _as_guest(read: PublicRead, principal: Principal | None) -> bool:
    """Whether the caller is shown what everybody is."""
    if principal is None:
        return True
    return not (read.by_group and principal.groups) and not any(principal.may(each) for each in read.more_for)


@cache
def _answers(service: str, status: int) -> Counter:
    return metrics.GATEWAY_ANSWERS.labels(service, status)


def _for_one(entry: Entry) -> Entry:
    """The same bytes for a caller who is told something with them: nobody on the way keeps that for others."""
    kept = [each for each in entry.headers if each[0] != b"cache-control"]
    return replace(entry, headers=[*kept, (b"cache-control", b"private, no-cache")])


async def _send_entry(
    send: Send, entry: Entry, if_none_match: bytes | None, more: Headers, *, head: bool = False
) -> None:
    if if_none_match is not None and unchanged(entry, if_none_match):
        await send({"type": "http.response.start", "status": 304, "headers": entry.headers_unchanged + more})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.start", "status": 200, "headers": entry.headers + more})
    await send({"type": "http.response.body", "body": b"" if head else entry.body})
