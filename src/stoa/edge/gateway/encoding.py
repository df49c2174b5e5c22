"""Answers in fewer bytes: gzip for who takes it, where it saves something and gives nothing away.

Compressed length tells what stands twice in an answer. Where something secret stands beside what somebody else may have
put there, that is a way to guess it (BREACH). So what a secretive service answers, auth with tokens and cart with the
ids that open a guest's, is never compressed, and of the rest only what is read.
"""

from __future__ import annotations

import zlib
from functools import lru_cache

from starlette.types import Message, Send

from stoa.kit.http.preconditions import coded
from stoa.kit.idempotency import Answer

GZIP = b"gzip"
VARY = (b"vary", b"Accept-Encoding")

LEAST_BYTES = 1024
"""What is smaller goes in one packet anyway."""
LEVEL = 5
"""A page of 20 products, most of it ids, becomes a third in about a millisecond; 9 saves a hundredth of that more."""

_KINDS = ("application/json", "application/problem+json", "text/")


@lru_cache(maxsize=256)
def accepts_gzip(accept_encoding: bytes) -> bool:
    """Whether a caller takes it, and likes it no less than plain bytes (RFC 9110 §12.5.3)."""
    liked: dict[str, float] = {}
    for each in accept_encoding.decode("latin-1").lower().split(","):
        coding, *parameters = (part.strip() for part in each.split(";"))
        quality = next((value for name, _, value in (part.partition("=") for part in parameters) if name == "q"), "1")
        try:
            liked[coding] = float(quality)
        except ValueError:
            return False
    gzip = liked.get("gzip", liked.get("x-gzip", liked.get("*", 0.0)))
    return gzip > 0 and gzip >= liked.get("identity", 0.0)


def is_worth_it(content_type: str, size: int) -> bool:
    """Whether an answer of this kind and so many bytes is compressed for whoever takes it."""
    return size >= LEAST_BYTES and content_type.startswith(_KINDS)


def pack(body: bytes) -> bytes:
    """The same bytes for the same body, always."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return packer.compress(body) + packer.flush()


# For pages that are the same bytes until the next start, or the next upgrade of a service.
_packed_once = lru_cache(maxsize=16)(pack)


def page(answer: Answer, *, gzip: bool) -> Answer:
    """A page of our own, as it is sent to who takes gzip, or does not."""
    if not is_worth_it(answer.headers.get("content-type", ""), len(answer.body)):
        return answer
    vary = {"vary": "Accept-Encoding"}
    if not gzip:
        return Answer(answer.status, answer.body, {**answer.headers, **vary})
    return Answer(answer.status, _packed_once(answer.body), {**answer.headers, **vary, "content-encoding": "gzip"})


def packing(send: Send, *, head: bool) -> Send:
    """Compresses what passes, if it is worth it and comes in one piece, as our services send it. Such answers are one
    caller's, and nobody on the way keeps them: they need not say that it varies."""
    start: Message | None = None

    async def send_on(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            start = message
            return
        assert start is not None, "an answer starts with its start"
        body: bytes = message.get("body", b"")
        headers = dict(start["headers"])
        size = int(headers.get(b"content-length", b"0")) if head else len(body)
        kind = headers.get(b"content-type", b"").decode("latin-1")
        if not message.get("more_body") and b"content-encoding" not in headers and is_worth_it(kind, size):
            others = [each for each in start["headers"] if each[0] not in {b"content-length", b"etag"}]
            if (etag := headers.get(b"etag")) is not None:
                others.append((b"etag", coded(etag.decode("latin-1"), "gzip").encode("latin-1")))
            if not head:
                body = pack(body)
                others.append((b"content-length", str(len(body)).encode()))
            start = {**start, "headers": [*others, (b"content-encoding", GZIP)]}
            message = {**message, "body": body}
        await send(start)
        await send(message)

    return send_on
