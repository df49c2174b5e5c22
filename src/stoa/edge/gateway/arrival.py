"""A request as it came in at the door, and as it goes on to a service."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping
from itertools import chain
from typing import NamedTuple

from starlette.types import Scope

from stoa.edge.gateway.callers import Caller
from stoa.edge.gateway.encoding import coding_for
from stoa.edge.gateway.headers import Headers, named_by_connection, passes
from stoa.edge.gateway.paths import Resource, Target
from stoa.kit import context, problems
from stoa.kit.context import Context
from stoa.kit.http import asgi, edge
from stoa.kit.http.app import LONGEST_REQUEST_SECONDS
from stoa.kit.http.refusals import BadHeader, HeadersTooLarge, MethodNotAllowed, TargetTooLong

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
MOST_HEADER_BYTES = 16 * 1024
MOST_TARGET_BYTES = 8 * 1024

_OURS = frozenset((b"x-request-id", b"traceparent", b"accept-encoding"))

# What one caller has already, or is, says nothing about what all get.
_OF_ONE_CALLER = frozenset((b"authorization", b"if-none-match"))

REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class Arrival(NamedTuple):
    """A request with what the gateway found out about it."""

    scope: Scope
    headers: Mapping[bytes, bytes]
    caller: Caller
    context: Context

    @property
    def method(self) -> str:
        """HEAD counts as GET: only the body of the answer is left out."""
        return "GET" if self.head else str(self.scope["method"])

    @property
    def head(self) -> bool:
        return bool(self.scope["method"] == "HEAD")

    @property
    def coding(self) -> str | None:
        """In which content coding the answer goes out, if it is worth it; None for plain bytes."""
        return coding_for(self.listed(b"accept-encoding") or b"") if b"accept-encoding" in self.headers else None

    def listed(self, name: bytes) -> bytes | None:
        """What all lines of a list header say, as one (RFC 9110 §5.3)."""
        lines = [value for each, value in self.scope["headers"] if each == name]
        return b",".join(lines) if lines else None

    @property
    def changes(self) -> bool:
        return self.scope["method"] not in {"GET", "HEAD", "OPTIONS"}

    def inner(
        self, resource: Resource, target: Target, visitor: str = "", refused: problems.Problem | None = None
    ) -> Scope:
        """What a service gets: one spelling of the path, our ids, the caller that we saw. A token that was refused
        ends here: the service hears what was wrong with it."""
        ends_here: set[bytes] = set() if refused is None else {b"authorization"}
        if b"connection" in self.headers:
            ends_here |= named_by_connection(self.scope["headers"])
        headers = passed_on(self.scope["headers"], self.context, ends_here)
        return {
            **self.scope,
            "path": resource.raw_path.decode("ascii"),
            "raw_path": resource.raw_path,
            "headers": headers,
            "client": (self.caller.address, 0),
            edge.SCOPE: edge.Found(self.caller.address, visitor, refused),
            edge.BODY_LIMIT: target.most_body_bytes,
        }

    def inner_as_guest(self, resource: Resource, target: Target, query: bytes) -> Scope:
        """The same as a plain read by nobody in particular, with the query in its one spelling: for bytes that
        everybody will get."""
        scope = self.inner(resource, target)
        headers = [each for each in scope["headers"] if each[0] not in _OF_ONE_CALLER]
        return {**scope, "method": "GET", "query_string": query, "headers": headers}

    def refuse_unfit(self) -> None:
        """Raises for a request that is larger than any of ours or hides a part of itself, before its body is read."""
        if sum(map(len, chain.from_iterable(self.scope["headers"]))) > MOST_HEADER_BYTES:
            raise HeadersTooLarge(f"The headers may have {MOST_HEADER_BYTES} bytes together.")
        if len(self.scope["raw_path"]) + len(self.scope["query_string"]) > MOST_TARGET_BYTES:
            raise TargetTooLong(f"Path and query may have {MOST_TARGET_BYTES} bytes together.")
        if b"connection" in self.headers and named_by_connection(self.scope["headers"]) & asgi.SINGLE:
            raise BadHeader("What a service needs to see cannot end at the connection.", field="Connection")
        if self.scope["method"] not in METHODS:
            raise MethodNotAllowed("This method is not used here.", allow=sorted(METHODS))


def passed_on(headers: Headers, now: Context, ends_here: Collection[bytes] = ()) -> Headers:
    """Those of a request that a service gets to see, with our ids."""
    # Compression is ours too: between processes it would cost more than it saves.
    kept = [each for each in headers if passes(each[0]) and each[0] not in _OURS and each[0] not in ends_here]
    return [*kept, (b"x-request-id", now.request_id.encode()), (b"traceparent", now.traceparent.encode())]


def context_of(headers: Headers, new_id: bytes) -> Context:
    """The context of a request: in the caller's trace, under its id for it if it sent a usable one."""
    traceparent, request_id = None, new_id
    for name, value in headers:
        if name == b"traceparent":
            traceparent = value.decode("latin-1")
        elif name == b"x-request-id" and REQUEST_ID.fullmatch(value):
            request_id = value
    deadline = time.monotonic() + LONGEST_REQUEST_SECONDS
    return context.fresh(traceparent=traceparent, request_id=request_id.decode("ascii"), deadline=deadline)
