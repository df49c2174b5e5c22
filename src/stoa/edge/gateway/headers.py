"""The headers that all answers share, those of other sites' scripts (CORS), and those that end at the door."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from stoa.kit.settings import BadSetting

Headers = list[tuple[bytes, bytes]]

# RFC 6454 §6.2: scheme and host in lower case, and no port that the scheme has anyway. Anything else would never match.
_ORIGIN = re.compile(
    r"(?:http(?!.*:80\Z)|https(?!.*:443\Z))://"
    r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?"
)

SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HSTS = (b"strict-transport-security", b"max-age=31536000")

_SHARED = [(name.encode(), value.encode()) for name, value in SECURITY.items()] + [(b"cache-control", b"no-store")]
_SHARED_NAMES = frozenset(name for name, _ in _SHARED)
_OURS_TO_SAY = _SHARED_NAMES | {b"x-request-id"}
SHARED_LINES = b"".join(b"%b: %b\r\n" % each for each in _SHARED)
"""What `with_security` adds to an answer that sets none of it, as it goes over the wire."""

_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_REQUEST_HEADERS = (
    b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Stoa-Visitor, Traceparent, Tracestate, "
    b"X-Request-Id"
)
_ANSWER_HEADERS = b"Allow, ETag, Idempotent-Replay, Location, Retry-After, Stoa-Visitor, WWW-Authenticate, X-Request-Id"
_PREFLIGHT_SECONDS = b"600"

# RFC 9110 §7.6.1: these are about one connection, not about the message.
_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"expect",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)

# Only we may say these to a service. Our cookie is for the gateway, and no other is a service's business.
_CLAIMS = (
    b"cookie",
    b"stoa-visitor",
    b"x-stoa-",
    b"x-forwarded-",
    b"x-original-",
    b"x-rewrite-",
    b"x-http-method",
    b"x-real-ip",
    b"forwarded",
)


class Cors:
    """Lets scripts of the allowed origins read answers, and how long those took.

    They may send credentials, which open nothing: tokens come in a header, and our cookie tells guests apart (ADR 18).
    """

    def __init__(self, origins: Sequence[str]) -> None:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin.removesuffix("/")):
                raise BadSetting(f"STOA_GATEWAY_ALLOWED_ORIGINS cannot be used: {_not_an_origin(origin)}.")
        self._origins = {origin.removesuffix("/").encode() for origin in origins}

    def headers(self, request: Headers) -> Headers:
        """What an answer adds: nothing where no other site is allowed at all."""
        if not self._origins:
            return []
        origin = dict(request).get(b"origin")
        if origin not in self._origins:
            return [(b"vary", b"Origin")]
        return [
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", origin or b""),
            (b"access-control-allow-credentials", b"true"),
            (b"timing-allow-origin", origin or b""),
            (b"access-control-expose-headers", _ANSWER_HEADERS),
        ]

    def preflight(self, request: Mapping[bytes, bytes]) -> Headers | None:
        """What a preflight's answer has beside `headers`; None when it is none or its origin is not allowed."""
        if b"access-control-request-method" not in request or request.get(b"origin") not in self._origins:
            return None
        return [
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _REQUEST_HEADERS),
            (b"access-control-max-age", _PREFLIGHT_SECONDS),
        ]


def _not_an_origin(origin: str) -> str:
    if origin == "*":
        return "'*' would let the scripts of every site act for whoever is signed in: name the sites"
    return (
        f"{origin!r} is not what a browser sends as its origin, such as https://shop.example or http://localhost:5173"
    )


@lru_cache(maxsize=1000)
def passes(name: bytes) -> bool:
    """Whether a request's header goes on to a service: not where a caller could pretend with it to be us or a proxy,
    nor where it is about its connection."""
    return not name.startswith(_CLAIMS) and name not in _HOP_BY_HOP


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """A message's headers without those of its connection; `Connection` may name more of them."""
    pairs = list(headers)
    dropped = _HOP_BY_HOP | named_by_connection(pairs)
    return [(name, value) for name, value in pairs if name not in dropped]


def named_by_connection(headers: Iterable[tuple[bytes, bytes]]) -> set[bytes]:
    """The headers that `Connection` names, which end at the next hop."""
    values = [value for name, value in headers if name == b"connection"]
    return {each.strip().lower() for value in values for each in value.split(b",")}


def sets_none_shared(headers: Headers) -> bool:
    """Whether an answer leaves to us what all of them say, its request's id among it."""
    return _OURS_TO_SAY.isdisjoint([name for name, _ in headers])


def with_security(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """An answer's headers with the security headers that it does not set itself; nothing of it is cached."""
    own = list(headers)
    names = {name for name, _ in own}
    if names.isdisjoint(_SHARED_NAMES):
        return own + _SHARED
    return own + [each for each in _SHARED if each[0] not in names]
