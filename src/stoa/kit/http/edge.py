"""What the gateway found out about a caller, and how the service that answers gets to know it.

Within a process it is in the ASGI scope, where no connection can write; between processes it is in headers
that count only beside the installation's secret. Who reaches a service past the gateway has just an address.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import Scope

from stoa.kit import problems
from stoa.kit.problems import Problem

SCOPE = "stoa.edge"
BODY_LIMIT = "stoa.most_body_bytes"
"""In the same place, for the way to another process: more than is gathered there is passed on as it comes."""

VISITOR = b"stoa-visitor"
"""The header in which a guest gets a visitor id and sends it back. It tells guests apart and opens nothing."""

ENDED_SESSIONS = "x-stoa-ended-sessions"
ENDED_USER = "x-stoa-ended-user"
"""In an answer to the gateway, and no further: the sessions that the act has ended, by their ids with a
comma between, or the user of whom it has ended what there was."""

_SECRET = "x-stoa-edge"  # noqa: S105 a name, not a secret
_CLIENT = "x-stoa-client"
_VISITOR = "x-stoa-visitor"
_REFUSED = "x-stoa-refused"


@dataclass(frozen=True, slots=True)
class Found:
    """`client` is the caller's address, `visitor` the id that tells a guest from others, empty where none is needed.

    `refused` says what was wrong with the access token, which is then not in the request any more.
    """

    client: str
    visitor: str = ""
    refused: Problem | None = None


def found_in(scope: Scope, headers: Mapping[bytes, bytes], secret: bytes) -> Found:
    """What the gateway said, if it was the gateway that asked."""
    told: Found | None = scope.get(SCOPE)
    if told is not None:
        return told
    shown = headers.get(_SECRET.encode())
    if shown and secret and hmac.compare_digest(shown, secret):
        refused = _text(headers, _REFUSED)
        return Found(
            _text(headers, _CLIENT),
            _text(headers, _VISITOR),
            problems.decode(base64.urlsafe_b64decode(refused)) if refused else None,
        )
    return Found(scope["client"][0] if scope.get("client") else "")


def headers_for(scope: Scope, secret: str) -> list[tuple[str, str]]:
    """The same for a service in another process; nothing where there is nothing to say."""
    told: Found | None = scope.get(SCOPE)
    if told is None or not secret:
        return []
    pairs = [(_SECRET, secret), (_CLIENT, told.client)]
    if told.visitor:
        pairs.append((_VISITOR, told.visitor))
    if told.refused is not None:
        pairs.append((_REFUSED, base64.urlsafe_b64encode(told.refused.encode()).decode()))
    return pairs


def _text(headers: Mapping[bytes, bytes], name: str) -> str:
    return headers.get(name.encode(), b"").decode("latin-1")
