"""The heads of requests to which stored bytes are the answer, whoever sends them: most of what a shop is asked.

Apart from `arrival`, which looks at everything: this looks at each header once and at nothing twice.
"""

from __future__ import annotations

from typing import NamedTuple

from stoa.edge.gateway.headers import Headers

# On these the caller or its connection decides about the answer's headers, or about getting one.
_NOT_PLAIN = frozenset((b"authorization", b"origin", b"x-forwarded-proto"))


class Plain(NamedTuple):
    """What such a request says: its id and `Accept-Encoding`, empty where it says none, and what its caller has."""

    request_id: bytes
    accept_encoding: bytes
    if_none_match: bytes | None


def plain(headers: Headers) -> Plain | None:
    """None for a head of any other kind."""
    if_none_match = None
    accept_encoding = b""
    request_id = b""
    for name, value in headers:
        if name in _NOT_PLAIN:
            return None
        if name == b"x-request-id":
            request_id = value
        elif name == b"if-none-match":
            if_none_match = value if if_none_match is None else if_none_match + b"," + value
        elif name == b"accept-encoding":
            accept_encoding += b"," + value
    return Plain(request_id, accept_encoding, if_none_match)


def stored_path(path: bytes) -> bytes:
    """A path under which there may be stored bytes. Only under /api, as `paths` has it: empty for all else."""
    if path.startswith(b"/api/v1/"):
        return path
    return b"/api/v1" + path.removeprefix(b"/api") if path.startswith(b"/api/") else b""
