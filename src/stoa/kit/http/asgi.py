"""The few things to do with an ASGI connection, shared by services and the gateway."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.types import Receive, Scope, Send

from stoa.kit import problems
from stoa.kit.http.refusals import BadHeader, BodyTooLarge
from stoa.kit.idempotency import Answer

JSON = "application/json"

EDGE = b"x-stoa-edge"
EDGE_CLIENT = b"x-stoa-client"
"""Between gateway and service: the secret that proves the gateway, and the caller's address as it saw it."""

# A second one of these would be read by one hop and not by the next.
_SINGLE = frozenset(
    {b"authorization", b"content-length", b"content-type", b"host", b"idempotency-key", b"transfer-encoding"}
)


class ClientGone(Exception):
    """The caller hung up before the request was whole: nobody is there to answer."""


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The request's headers by lower-case name. Raises `BadHeader` when one that must be single is repeated."""
    raw: list[tuple[bytes, bytes]] = scope["headers"]
    headers = dict(raw)
    if len(headers) != len(raw):
        seen = set()
        for name, _ in raw:
            if name in seen and name in _SINGLE:
                raise BadHeader("The header stands more than once.", field=name.decode("latin-1"))
            seen.add(name)
    return headers


def raw_path_of(scope: Scope) -> str:
    """The path as it was sent, still encoded."""
    raw = scope.get("raw_path")
    path: bytes | str = raw or scope["path"]
    return path.decode("latin-1") if isinstance(path, bytes) else path


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, most: int) -> bytes:
    """The whole body. Raises `BodyTooLarge` as soon as more than `most` bytes are announced or have come."""
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > most:
        raise _too_large(most)
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        body += chunk
        if len(body) > most:
            raise _too_large(most)
        if not message.get("more_body", False):
            return body


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(f"A body may have {most} bytes.", limit=most)


async def send_answer(
    send: Send, answer: Answer, more: Iterable[tuple[bytes, bytes]] = (), *, head: bool = False
) -> None:
    """Send an encoded answer, with `more` headers; for a HEAD request without its body."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
    headers.append((b"content-length", str(len(answer.body)).encode()))
    headers.extend(more)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else answer.body})


def problem_answer(problem: problems.Problem, request_id: str, headers: Mapping[str, str] | None = None) -> Answer:
    """A problem as an encoded answer, with the id under which the logs have the request."""
    problem.members.setdefault("request_id", request_id)
    kind = {"content-type": problems.CONTENT_TYPE}
    if problem.status == 401:
        kind["www-authenticate"] = "Bearer"
    return Answer(problem.status, problem.encode(), kind | dict(headers or {}))
