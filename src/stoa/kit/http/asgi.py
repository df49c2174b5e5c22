"""The few things to do with an ASGI connection, shared by services and the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stoa.kit import problems
from stoa.kit.http.refusals import BadHeader, BodyTooLarge, BodyTooSlow, MethodNotAllowed
from stoa.kit.idempotency import Answer
from stoa.kit.time_limit import time_limit
from stoa.kit.tokens import InvalidToken

JSON = "application/json"

BAD_TOKEN = 'Bearer error="invalid_token"'  # noqa: S105 a challenge, not a secret
"""RFC 6750 §3, in an answer that a guest would get as well: the token that came was not good."""

LATER = frozenset((429, 503))
SOON_SECONDS = 2
"""Of `Retry-After` where nobody knows better: a process that was killed is back within one or two seconds."""

BODY_SECONDS = 20.0
"""For a whole body: a megabyte over a bad mobile line. Who is slower keeps a connection, not a shop."""

SINGLE = frozenset(
    {b"authorization", b"content-length", b"content-type", b"host", b"idempotency-key", b"transfer-encoding"}
)
"""A second one of these would be read by one hop and not by the next."""


WHOLE = "stoa.whole"
"""Among the extensions of a scope, where the server is ours."""


class SendWhole(Protocol):
    def __call__(
        self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes, shared: bytes = b"", /
    ) -> bool:
        """Send status, headers (their names in lower case) and body at once. False where it did not. `shared` are more
        headers, as lines that whoever gives them has made from nothing that was sent to us unseen."""


class ClientGone(Exception):
    """The caller hung up before the request was whole: nobody is there to answer."""


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The request's headers by lower-case name. Raises `BadHeader` when one that must be single is repeated."""
    raw: list[tuple[bytes, bytes]] = scope["headers"]
    headers = dict(raw)
    if len(headers) != len(raw):
        seen = set()
        for name, _ in raw:
            if name in seen and name in SINGLE:
                raise BadHeader("The header stands more than once.", field=name.decode("latin-1"))
            seen.add(name)
    return headers


def raw_path_of(scope: Scope) -> str:
    """The path as it was sent, still encoded."""
    raw = scope.get("raw_path")
    path: bytes | str = raw or scope["path"]
    return path.decode("latin-1") if isinstance(path, bytes) else path


def whole_of(scope: Scope) -> SendWhole | None:
    """By what an answer that is all there can be sent in one piece; None where the server has nothing for that."""
    extensions = scope.get("extensions")
    return extensions.get(WHOLE) if extensions else None


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, most: int) -> bytes:
    """The whole body. Raises `BodyTooLarge` as soon as more than `most` bytes are announced or have come,
    `BodyTooSlow` where it is not whole in time."""
    refuse_announced(headers, most)
    try:
        with time_limit(BODY_SECONDS):
            return await _received(receive, most)
    except TimeoutError:
        raise BodyTooSlow(f"A body has {BODY_SECONDS:g} s to come.") from None


async def _received(receive: Receive, most: int) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        body += chunk
        more = message.get("more_body", False)
        if len(body) > most:
            raise too_large(most)
        if not more:
            return body


def refuse_announced(headers: Mapping[bytes, bytes], most: int) -> None:
    """Raises `BodyTooLarge` for a body that says itself that it is."""
    announced = headers.get(b"content-length", b"0")
    if not announced.isdigit():
        raise BadHeader("The length of the body is not a number.", field="Content-Length")
    if len(announced) > 15 or int(announced) > most:
        raise too_large(most)


def bearer_token(headers: Mapping[bytes, bytes]) -> str | None:
    """The access token that was sent; None without one. Raises `InvalidToken` for any other authorization."""
    authorization = headers.get(b"authorization")
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(b" ")
    if scheme.lower() != b"bearer":
        raise InvalidToken("Send the access token as Authorization: Bearer.")
    return token.strip().decode("latin-1")


def too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(f"A body may have {most} bytes.", limit=most)


async def send_answer(
    send: Send, answer: Answer, more: Iterable[tuple[bytes, bytes]] = (), *, head: bool = False
) -> None:
    """Send an encoded answer, with `more` headers; for a HEAD request without its body."""
    headers = [*sent_headers(answer), *more]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else answer.body})


def sent_headers(answer: Answer) -> list[tuple[bytes, bytes]]:
    """The headers of an encoded answer as they are sent, with its length."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
    if answer.status not in {204, 304}:
        headers.append((b"content-length", b"%d" % len(answer.body)))
    return with_retry_after(answer.status, headers)


def problem_answer(problem: problems.Problem, request_id: str) -> Answer:
    """A problem as an encoded answer, with the id under which the logs have the request."""
    headers = {"content-type": problems.CONTENT_TYPE}
    if problem.status == 401:
        headers["www-authenticate"] = "Bearer"
    if isinstance(problem, MethodNotAllowed):
        headers["allow"] = ", ".join(problem.members["allow"])
    if isinstance(problem, (BodyTooLarge, BodyTooSlow)):
        # What is still to come of the body is nothing that we want to read.
        headers["connection"] = "close"
    seconds = problem.members.get("retry_after_seconds", SOON_SECONDS if problem.status in LATER else None)
    if seconds is not None:
        headers["retry-after"] = str(seconds)
    return Answer(problem.status, problem.encode(request_id), headers)


def with_retry_after(status: int, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """An answer's headers; where it says "later" and not when, with "soon"."""
    if status in LATER and all(name != b"retry-after" for name, _ in headers):
        return [*headers, (b"retry-after", str(SOON_SECONDS).encode())]
    return headers


async def ask(app: ASGIApp, scope: Scope) -> Answer:
    """The whole answer of an app to a request without a body."""
    status = 500
    headers: dict[str, str] = {}
    body = b""
    requests: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if requests:
            return requests.pop()
        # We stay until it is answered.
        stays: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await stays

    async def send(message: Message) -> None:
        nonlocal status, body
        if message["type"] == "http.response.start":
            status = message["status"]
            headers.update((name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"])
            headers.pop("content-length", None)
        else:
            body += message.get("body", b"")

    await app(scope, receive, send)
    return Answer(status, body, headers)


async def not_http(scope: Scope, receive: Receive, send: Send) -> None:
    """Lifespan needs nothing of us; a WebSocket is refused."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})
        return
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
