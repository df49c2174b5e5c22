"""One connection to the HTTP server: what a caller may send before, between and after the requests that an app sees.

httptools reads a head of any size for any time, takes trailers for headers, and reads on after the app has answered.
uvicorn keeps as many connections as come. Here each of that has a limit, and what two servers could read differently
(RFC 9112 §11.2) is refused.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

import httptools
from starlette.types import ASGIApp, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stoa.edge.gateway.limits import caller_at
from stoa.kit import problems
from stoa.kit.http import asgi
from stoa.kit.http.asgi import WHOLE
from stoa.kit.http.refusals import (
    BodyTooLarge,
    HeadersTooLarge,
    HeadersTooSlow,
    MalformedRequest,
    Stopping,
    TargetTooLong,
    TooManyConnections,
)
from stoa.runtime.http_fair_queue import FairQueue
from stoa.runtime.http_head import check_head
from stoa.runtime.http_whole import head_of
from stoa.runtime.room import Room

log = logging.getLogger(__name__)

HEAD_SECONDS = 20.0
"""For path and headers, from the connection on or from their first byte: who says nothing costs us a socket."""
MOST_HEAD_BYTES = 64 * 1024
"""More than the gateway takes, which refuses in better words. The parser itself takes all that comes."""

MOST_FRAMING_BYTES = 16 * 1024
"""What a body sent in chunks may have beside its content and beyond as much again: size lines and trailers. To read a
byte of a chunk of one costs five times what a byte of a large one does, before anybody has looked at the request."""

AtOnce = Callable[[Scope], tuple[bytes, bytes] | None]
"""The answer to a whole request, where it is at hand: status line and headers, each with its end of line, and the body.
None for every other request, which goes to the app."""

_END = b"\r\n\r\n"
"""Of a head, and of a body in chunks."""

LINGER_SECONDS = 2.0
LINGER_BYTES = 16 * 1024 * 1024
"""What is read of a body that nobody wants, for its sender's sake: the most that somebody sends by mistake."""


class HttpConnection(HttpToolsProtocol):
    """As uvicorn has it, with limits on what comes before an app hears of a request and after it has answered."""

    def __init__(self, *args: Any, room: Room, queue: FairQueue, at_once: AtOnce | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._at_once = at_once
        self._extensions: dict[str, dict[object, object]] = {WHOLE: self._send_whole}  # type: ignore[dict-item]
        self._to_begin: tuple[Any, ASGIApp] | None = None
        """What the parser has just found, until it returns."""
        self.address = ""
        self.url = b""
        self._room = room
        self._queue = queue
        self._in_head = True
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._body_bytes = 0
        self._framing_bytes = 0
        self._may_keep_alive = True
        self._refusal: problems.Problem | None = None
        self._deaf = False
        self._linger_bytes: int | None = None
        self._linger_timer: asyncio.TimerHandle | None = None
        self._unread = 0
        self._waiting = b""
        self._tail = b""
        self._body_left = 0
        self._answered_at_once = False
        self._at_work = False
        """A request that is whole is not answered yet."""
        self._begun = True
        """And it has had its turn."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.address = caller_at(self.client[0]) if self.client else ""
        if len(self.connections) > self._room.most and not self._room.make():
            self._refuse(TooManyConnections("This process has as many connections as it takes.", retry_after_seconds=1))
            self.transport.close()
        else:
            self._room.note(self, waits=True)
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._room.note(self, waits=False)
        self._stop_timer()
        if self._linger_timer is not None:
            self._linger_timer.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        self._may_keep_alive = False
        super().shutdown()

    def give_way(self) -> None:
        """To another connection. Who has sent a request, or a part, is told; who has not sees it as an ordinary end."""
        if not self._begun:
            # Nothing was done, and nothing will be.
            self._at_work = False
        a_part = self._in_head and (self._head_bytes > 0 or self.cycle is not None)
        if a_part or (self.cycle is not None and not self.cycle.response_started):
            self._refuse(
                TooManyConnections("Others come, and nothing was done of this request.", retry_after_seconds=1)
            )
        self.transport.close()
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def cut_off(self) -> None:
        """The server ends. Who waits for an answer that has not begun is told; what comes of it later goes nowhere."""
        if self.cycle is not None and not self.cycle.response_started:
            self.transport.write(_refusal(Stopping("Nothing is known about the outcome: repeat the request.")))
            self.cycle.disconnected = True
        self._deaf = True
        self.transport.close()

    def hang_up_on_who_reads_nothing(self) -> None:
        """Now and then: of the bytes that wait to be read as many as last time are too many, also for a close."""
        unread = self.transport.get_write_buffer_size()
        if unread and unread == self._unread:
            self.transport.abort()
        self._unread = unread

    def data_received(self, data: bytes) -> None:
        if self._linger_bytes is not None:
            self._linger_bytes -= len(data)
            if self._linger_bytes < 0:
                self.transport.close()
        elif not self._deaf:
            self._unset_keepalive_if_required()
            self._read_up_to_a_request(self._waiting + data)

    def _read_up_to_a_request(self, data: bytes) -> None:
        """What comes behind a request is read when that is answered: who sends a hundred at once is not given the time
        of a hundred before anybody else gets his."""
        begin = 0
        self._waiting = b""
        self._answered_at_once = False
        while begin < len(data) and not self._at_work and not self._answered_at_once and not self._deaf:
            end = self._end_of_piece(data, begin)
            self._read(data[begin:end])
            begin = end
        self._waiting = b"" if self._deaf else data[begin:]
        if self._waiting:
            self.flow.pause_reading()
            if self._answered_at_once:
                self.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        if self._waiting and not self._at_work and not self.transport.is_closing():
            self._unset_keepalive_if_required()
            self.flow.resume_reading()
            self._read_up_to_a_request(self._waiting)

    def _end_of_piece(self, data: bytes, begin: int) -> int:
        """How far to read at most, so that no piece has the end of one request and the beginning of another."""
        if self._body_left:
            return min(len(data), begin + self._body_left)
        if self._tail:
            across = (self._tail + data[begin : begin + len(_END) - 1]).find(_END)
            if across >= 0:
                end = begin + across + len(_END) - len(self._tail)
                self._tail = b""
                return end
        found = data.find(_END, begin)
        if found >= 0:
            self._tail = b""
            return found + len(_END)
        self._tail = (self._tail + data[max(begin, len(data) - len(_END) + 1) :])[1 - len(_END) :]
        return len(data)

    def _read(self, data: bytes) -> None:
        # Not of the piece in which a head begins: before it may stand the rest of another request.
        if self._in_head:
            self._head_bytes += len(data)
        request, content_bytes = self.cycle, self._body_bytes
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # We speak nothing else, so the request was an ordinary one; what follows may be in any language.
            self._end_with(self.cycle)
            self._begin_found()
            return
        except httptools.HttpParserError as error:
            # Among what the parser cannot read is a path above 64 KiB.
            malformed = MalformedRequest(f"The request cannot be read: {error}.")
            self._refuse(self._refusal or (self._too_large() if self._target_is_most else malformed))
            self._begin_found()
            return
        self._begin_found()
        if self._in_head:
            if self._head_bytes > MOST_HEAD_BYTES:
                self._refuse(self._too_large())
            elif self._head_timer is None:
                # Only now: most heads come whole, and a timer for each would cost more than looking at it.
                self._expect_head()
        elif self.cycle is request and request.more_body:
            content_bytes = self._body_bytes - content_bytes
            self._framing_bytes = max(0, self._framing_bytes + len(data) - 2 * content_bytes)
            if self._framing_bytes > MOST_FRAMING_BYTES:
                self._refuse(_too_much_framing())
        elif self._head_timer is None and self.cycle.response_complete:
            # Empty lines before a request count as its beginning.
            self._expect_head()

    def _too_large(self) -> problems.Problem:
        kind = TargetTooLong if self._target_is_most else HeadersTooLarge
        return kind(f"Path, query and headers may have {MOST_HEAD_BYTES} bytes together.")

    @property
    def _target_is_most(self) -> bool:
        """Of a head that is too large: whether that is for its path and query, and not for its headers."""
        return len(self.url) > MOST_HEAD_BYTES // 2

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = self._extensions
        self._in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        # After the head come trailers: nobody has asked for them, and they must not pass for headers.
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = self._body_bytes = self._framing_bytes = 0
        self._stop_timer()
        try:
            self._check_head()
        except problems.Problem as problem:
            self._refusal = problem
            raise
        super().on_headers_complete()
        self._may_keep_alive = self.cycle.keep_alive

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        self._body_left = max(0, self._body_left - len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._at_work = not self.cycle.response_complete
        if not self.cycle.response_started:
            self.cycle.keep_alive = self._may_keep_alive
            self.cycle.transport = self.transport
        self._note()

    def on_response_complete(self) -> None:
        self._at_work = False
        super().on_response_complete()
        if not self._answered_at_once:
            self._read_on()
        self._note()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._note()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._note()

    def _start_asgi_task(self, cycle: Any, app: ASGIApp) -> None:  # type: ignore[override]
        # Not from within the parser: what is answered at once may have another request behind it.
        self._to_begin = (cycle, app)

    def _begin_found(self) -> None:
        if self._to_begin is None:
            return
        (cycle, app), self._to_begin = self._to_begin, None
        if cycle.more_body:
            # Until it is whole an answer ends the connection: what is still to come is nothing that anybody wants.
            cycle.keep_alive = False
            cycle.transport = _Parting(self.transport, self._linger)
        self._begun = False
        self._note()
        self._queue.wait(self.address, partial(self._begin, cycle, app, has_body=cycle.more_body))

    def _begin(self, cycle: Any, app: ASGIApp, *, has_body: bool) -> None:
        # While it waited its caller may have gone away, or what it sent of a body was refused.
        if self.transport.is_closing() or self._linger_bytes is not None:
            return
        self._begun = True
        plain = not (has_body or self._deaf or self.flow.write_paused)
        answer = self._at_once(cycle.scope) if plain and self._at_once is not None else None
        if answer is not None:
            self._send_at_once(cycle, *answer)
            return
        self._note()
        super()._start_asgi_task(cycle, app)  # type: ignore[arg-type]

    def _send_whole(
        self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes, shared: bytes = b""
    ) -> bool:
        cycle = self.cycle
        if cycle.response_started or cycle.disconnected or cycle.more_body or self._deaf or self.flow.write_paused:
            return False
        head = head_of(status, headers, body, to_head=cycle.scope["method"] == "HEAD", shared=shared)
        if head is None:
            return False
        self._send_at_once(cycle, head, body)
        return True

    def _send_at_once(self, cycle: Any, head: bytes, body: bytes) -> None:
        cycle.response_started = cycle.response_complete = self._answered_at_once = True
        # Whoever watches the connection for this request need not any more.
        cycle.message_event.set()
        ((_, date),) = self.server_state.default_headers
        close = b"" if cycle.keep_alive else b"connection: close\r\n"
        self.transport.write(b"%bdate: %b\r\n%b\r\n%b" % (head, date, close, body))
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()
        if self._waiting:
            # What is behind it has its turn with the others.
            self.loop.call_soon(self._read_on)

    def _note(self) -> None:
        if not self.transport.is_closing():
            self._room.note(self, waits=not (self._at_work and self._begun) or self.flow.write_paused)

    def _check_head(self) -> None:
        upgrade = self.parser.should_upgrade()
        self._body_left = check_head(self.parser.get_http_version(), self.url, self.headers, upgrade=upgrade)

    def _end_with(self, cycle: Any) -> None:
        """Hang up when this request is answered, and hear no other."""
        cycle.keep_alive = False
        self._deaf = True

    def _linger(self) -> None:
        """Say that this is all, and read on for a moment. A connection that is closed while its caller still sends
        is reset, and the answer is lost with it."""
        self._deaf = True
        if self._linger_bytes is None and not self.transport.is_closing():
            self._linger_bytes = LINGER_BYTES
            self._linger_timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)
            self.transport.write_eof()
            self.flow.resume_reading()

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_overdue)

    def _head_overdue(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            # The request before this one is still being answered.
            self._expect_head()
        else:
            self._refuse(HeadersTooSlow(f"Path and headers have {HEAD_SECONDS:g} s to come."))

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, problem: problems.Problem) -> None:
        """Without the app, which has not heard of this request or not of all of it, and for good."""
        self._stop_timer()
        self._deaf = True
        if self.transport.is_closing():
            return
        if self._at_work:
            # Before it stands a request that is whole: this is its answer's place.
            self._end_with(self.cycle)
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(_refusal(problem))
            self._linger()
        else:
            self.transport.close()


class _Parting:
    """A connection as an answer sees it that comes before its request is whole: closing takes a moment."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close


def _refusal(problem: problems.Problem) -> bytes:
    request_id = os.urandom(8).hex()
    answer = asgi.problem_answer(problem, request_id)
    log.debug("refused", extra={"problem": problem.type, "detail": problem.detail})
    length = str(len(answer.body))
    headers = {**answer.headers, "content-length": length, "x-request-id": request_id, "connection": "close"}
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + answer.body


def _too_much_framing() -> BodyTooLarge:
    return BodyTooLarge(
        f"Size lines, extensions and trailers of a body in chunks may have {MOST_FRAMING_BYTES} bytes more than usual.",
        limit=MOST_FRAMING_BYTES,
    )
