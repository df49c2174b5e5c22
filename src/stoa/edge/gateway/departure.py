"""How an answer leaves: with the headers that all answers share, and in one piece where it is all there."""

from __future__ import annotations

from starlette.types import Message, Scope, Send

from stoa.edge.gateway.headers import Headers, with_security
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
            own = [each for each in message["headers"] if each[0] != b"x-request-id"]
            own = asgi.with_retry_after(message["status"], with_security(own))
            start: Message = {**message, "headers": own + self.shared}
            if self._send_whole is not None and any(name == b"content-length" for name, _ in own):
                # Its body is at hand, or comes in a moment.
                self._start = start
                return
            self.begun = True
            await self._send(start)
            return
        self.begun = True
        if self._start is not None:
            held, self._start = self._start, None
            if self._left_whole(held, message):
                return
            await self._send(held)
        await self._send(message)

    def _left_whole(self, start: Message, body: Message) -> bool:
        if self._send_whole is None or body.get("more_body"):
            return False
        return self._send_whole(start["status"], start["headers"], body.get("body", b""))
