"""How an answer leaves: with the headers that all answers share, and in one piece where it is all there."""

from __future__ import annotations

from starlette.types import Message, Scope, Send

from stoa.edge.gateway.headers import SHARED_LINES, Headers, sets_none_shared, with_security
from stoa.kit.http import asgi


class Departure:
    """An ASGI `send`. `shared` go with every answer; `begun` is whether something of one has left."""

    def __init__(self, scope: Scope, send: Send, request_id: str) -> None:
        self._send = send
        self._send_whole = asgi.whole_of(scope)
        self._start: Message | None = None
        self.shared: Headers = [(b"x-request-id", request_id.encode())]
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = self._with_shared(message["status"], message["headers"])
            start: Message = {**message, "headers": headers}
            if self._send_whole is not None and any(name == b"content-length" for name, _ in headers):
                # Its body is at hand, or comes in a moment.
                self._start = start
                return
            self.begun = True
            await self._send(start)
            return
        self.begun = True
        if self._start is not None:
            held, self._start = self._start, None
            if not message.get("more_body") and self._left_whole(held, message.get("body", b"")):
                return
            await self._send(held)
        await self._send(message)

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Send what is all there."""
        self.begun = True
        if self._send_whole is not None and sets_none_shared(headers):
            shared = b"".join([SHARED_LINES, *[b"%b: %b\r\n" % each for each in self.shared]])
            if self._send_whole(status, asgi.with_retry_after(status, headers), body, shared):
                return
        start = {"type": "http.response.start", "status": status, "headers": self._with_shared(status, headers)}
        if not self._left_whole(start, body):
            await self._send(start)
            await self._send({"type": "http.response.body", "body": body})

    def _with_shared(self, status: int, headers: Headers) -> Headers:
        own = [each for each in headers if each[0] != b"x-request-id"]
        return asgi.with_retry_after(status, with_security(own)) + self.shared

    def _left_whole(self, start: Message, body: bytes) -> bool:
        return self._send_whole is not None and self._send_whole(start["status"], start["headers"], body)
