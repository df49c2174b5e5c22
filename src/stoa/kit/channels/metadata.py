"""What travels beside a message: the caller's context, by the names under which it goes on the wire."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

import msgspec

from stoa.kit.context import Context, Principal, fresh
from stoa.kit.permissions import ADMIN, ALL

Pairs = tuple[tuple[str, str | bytes], ...]
"""Metadata as gRPC has it: text, or bytes under a name that ends in `-bin`; a name may occur twice."""

TRACEPARENT = "traceparent"
REQUEST_ID = "x-request-id"
PRINCIPAL = "stoa-principal-bin"
SECRET = "stoa-secret-bin"  # noqa: S105 a name, not a secret
PROBLEM = "stoa-problem-bin"

_OURS = frozenset((TRACEPARENT, REQUEST_ID, PRINCIPAL, SECRET, PROBLEM))
_NAME = re.compile(r"[0-9a-z_.-]+")
_TEXT = re.compile(r"[\x20-\x7e]*")

_encode_principal = msgspec.json.Encoder().encode
_decode_principal = msgspec.json.Decoder(Principal).decode


def from_context(context: Context) -> Pairs:
    """The pairs that carry a context; its deadline goes as the call's own."""
    pairs: Pairs = ((TRACEPARENT, context.traceparent),)
    if _TEXT.fullmatch(context.request_id):
        # One that came from outside and cannot travel is left behind: the callee then names the trace.
        pairs += ((REQUEST_ID, context.request_id),)
    if context.principal is not None:
        pairs += ((PRINCIPAL, _encode_principal(context.principal)),)
    return pairs


def to_context(pairs: Pairs, deadline: float | None) -> Context:
    """The context that a handler runs under: a new span in the caller's trace."""
    traceparent = request_id = principal = None
    for name, value in pairs:
        if name == TRACEPARENT:
            traceparent = str(value)
        elif name == REQUEST_ID:
            request_id = str(value)
        elif name == PRINCIPAL:
            principal = _principal(value)
    return fresh(traceparent=traceparent, request_id=request_id, principal=principal, deadline=deadline)


def _principal(value: str | bytes) -> Principal:
    principal = _decode_principal(value)
    if not principal.permissions and ADMIN in principal.roles:
        # Sent by a process of a release that knew only roles.
        return replace(principal, permissions=ALL)
    return principal


def checked(metadata: Iterable[tuple[str, str | bytes]]) -> Pairs:
    """Metadata of a caller or a servicer, held to the wire's rules in process too. Raises ValueError."""
    pairs = tuple((name, value) for name, value in metadata)
    for name, value in pairs:
        if name in _OURS or name.startswith("grpc-") or not _NAME.fullmatch(name):
            raise ValueError(f"metadata may not be named {name!r}")
        if name.endswith("-bin"):
            fits = isinstance(value, bytes)
        else:
            fits = isinstance(value, str) and _TEXT.fullmatch(value) is not None
        if not fits:
            raise ValueError(f"metadata {name!r} cannot carry {value!r}: printable ASCII, or bytes under a -bin name")
    return pairs
