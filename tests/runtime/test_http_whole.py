"""An answer in one piece is what it would be in two, and what is wrong with one is found out as ever."""

from __future__ import annotations

import pytest
from starlette.types import Receive, Scope, Send
from tests.runtime.serving import exchange, serving

from stoa.kit.http import asgi
from stoa.runtime.http_whole import head_of

LENGTH = (b"content-length", b"4")
GET = b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("status", "headers", "body", "to_head"),
    [
        (200, [LENGTH, (b"x", b"a\r\ny: b")], b"body", False),
        (200, [LENGTH, (b"x\r\ny", b"b")], b"body", False),
        (200, [LENGTH, (b"x", b"a\rb")], b"body", False),
        (200, [LENGTH, (b"x", b"a\0b")], b"body", False),
        (200, [LENGTH, (b"connection", b"close")], b"body", False),
        (200, [LENGTH], b"longer", False),
        (200, [(b"x-content-length", b"4")], b"body", False),
        (200, [], b"", False),
        (200, [LENGTH], b"body", True),
        (304, [], b"body", False),
    ],
)
def test_what_is_not_to_be_sent_unseen(status, headers, body, to_head):
    assert head_of(status, headers, body, to_head=to_head) is None


def test_a_head():
    assert head_of(201, [LENGTH, (b"x", b"y")], b"body", to_head=False) == (
        b"HTTP/1.1 201 Created\r\ncontent-length: 4\r\nx: y\r\n"
    )
    assert head_of(200, [LENGTH], b"", to_head=True) == b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n"
    assert head_of(204, [], b"", to_head=False) == b"HTTP/1.1 204 No Content\r\n"
    assert head_of(200, [(b"content-length", b"0")], b"", to_head=False) is not None


class App:
    """Answers with `headers`, in one piece if that is taken."""

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        self.headers = headers
        self.taken: list[bool] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as in ASGI
        send_whole = asgi.whole_of(scope)
        assert send_whole is not None
        body = b"" if scope["method"] == "HEAD" else b"body"
        self.taken.append(send_whole(200, self.headers, body))
        if not self.taken[-1]:
            await send({"type": "http.response.start", "status": 200, "headers": self.headers})
            await send({"type": "http.response.body", "body": body})


def parts(answer: bytes) -> tuple[set[bytes], bytes]:
    """The lines of a head, in whatever order and of whatever second, and the body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return {b"date" if line.startswith(b"date: ") else line for line in head.split(b"\r\n")}, body


@pytest.mark.parametrize("request_", [GET, GET.replace(b"GET", b"HEAD")])
async def test_it_is_the_same_over_the_wire(request_, monkeypatch):
    app = App([LENGTH, (b"x", b"y")])
    async with serving(app) as server:  # type: ignore[arg-type]
        whole = await exchange(server, request_)
        monkeypatch.setattr("stoa.runtime.http_connection.head_of", lambda *_, **__: None)
        in_two = await exchange(server, request_)
    assert app.taken == [True, False]
    assert parts(whole) == parts(in_two)
    assert b"connection: close" in parts(whole)[0]


async def test_one_header_that_would_be_two_breaks_the_answer_off():
    app = App([LENGTH, (b"x", b"a\r\ny: b")])
    async with serving(app) as server:  # type: ignore[arg-type]
        answer = await exchange(server, GET)
    assert app.taken == [False]
    assert b"y: b" not in answer


async def test_before_the_request_is_whole_it_is_not_taken():
    app = App([LENGTH])
    async with serving(app) as server:  # type: ignore[arg-type]
        answer = await exchange(server, b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 3\r\n\r\n")
    assert app.taken == [False]
    assert answer.endswith(b"body")
