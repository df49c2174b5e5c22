"""Answers in fewer bytes: brotli or gzip for who takes it, where it saves something and gives nothing away.

Compressed length tells what stands twice in an answer. Where something secret stands beside what somebody else may have
put there, that is a way to guess it (BREACH). So what a secretive service answers, auth with tokens and cart with the
ids that open a guest's, is never compressed, and of the rest only what is read.
"""

from __future__ import annotations

import asyncio
import zlib
from functools import lru_cache

import brotli
from starlette.types import Message, Send

from stoa.kit.http.app import MOST_BODY_BYTES
from stoa.kit.http.preconditions import coded, known_tag
from stoa.kit.idempotency import Answer

VARY = (b"vary", b"Accept-Encoding")

BEST_FIRST = ("br", "gzip")
LEAST_BYTES = 1024
"""What is smaller goes in one packet anyway."""
GZIP_LEVEL = 5
"""A page of 100 products, most of it ids, becomes a fifth in 0.34 ms; 9 takes 0.85 ms and saves 3 % more."""
BROTLI_QUALITY = 5
"""The same page becomes 8 % less than by gzip, in 0.47 ms; 9 saves 2 % more in 27 ms, 11 saves 11 % in 133 ms."""

_KINDS = ("application/json", "application/problem+json", "text/")


@lru_cache(maxsize=256)
def coding_for(accept_encoding: bytes) -> str | None:
    """What a caller likes best of what we have, if no less than plain bytes (RFC 9110 §12.5.3)."""
    liked: dict[str, float] = {}
    for each in accept_encoding.decode("latin-1").lower().split(","):
        coding, *parameters = (part.strip() for part in each.split(";"))
        quality = next((value for name, _, value in (part.partition("=") for part in parameters) if name == "q"), "1")
        try:
            liked[coding.removeprefix("x-")] = float(quality)
        except ValueError:
            return None
    ours = {coding: liked.get(coding, liked.get("*", 0.0)) for coding in BEST_FIRST}
    best = max(BEST_FIRST, key=ours.__getitem__)
    return best if ours[best] > 0 and ours[best] >= liked.get("identity", 0.0) else None


def is_worth_it(content_type: str, size: int) -> bool:
    """Whether an answer of this kind and so many bytes is compressed for whoever takes it."""
    return size >= LEAST_BYTES and content_type.startswith(_KINDS)


def pack(body: bytes, coding: str) -> bytes:
    """The same bytes for the same body, always."""
    if coding == "br":
        packed: bytes = brotli.compress(body, quality=BROTLI_QUALITY)
        return packed
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return packer.compress(body) + packer.flush()


# For pages that are the same bytes until the next start, or the next upgrade of a service.
_packed_once = lru_cache(maxsize=32)(pack)


async def page(answer: Answer, coding: str | None, if_none_match: bytes | None = None) -> Answer:
    """A page of our own, as it is sent to who takes this coding, or none; without its body to who has it already."""
    worth_it = is_worth_it(answer.headers.get("content-type", ""), len(answer.body))
    headers = {**answer.headers, "vary": "Accept-Encoding"} if worth_it else dict(answer.headers)
    etag = headers.get("etag")
    if etag and if_none_match and (known := known_tag([if_none_match.decode("latin-1")], etag)):
        del headers["content-type"]
        return Answer(304, b"", headers | {"etag": known})
    if coding is None or not worth_it:
        return Answer(answer.status, answer.body, headers)
    # The largest takes a twentieth of a second, for which nobody else has to wait.
    packed = await asyncio.to_thread(_packed_once, answer.body, coding)
    own = {"content-encoding": coding} | ({"etag": coded(etag, coding)} if etag else {})
    return Answer(answer.status, packed, headers | own)


def packing(send: Send, coding: str, *, head: bool) -> Send:
    """Compresses what passes, if it is worth it and says that it is not large: what may be is not gathered for that.
    Such answers are one caller's, and nobody on the way keeps them: they need not say that it varies."""
    start: Message | None = None
    body = b""

    async def send_on(message: Message) -> None:
        nonlocal start, body
        if message["type"] == "http.response.start" and _is_packable(message):
            start = message
        elif start is None:
            await send(message)
        else:
            body += message.get("body", b"")
            if not message.get("more_body"):
                packed = b"" if head else pack(body, coding)
                await send(_packed_start(start, coding, None if head else len(packed)))
                await send({"type": "http.response.body", "body": packed})

    return send_on


def _is_packable(start: Message) -> bool:
    headers = dict(start["headers"])
    size = int(headers.get(b"content-length", b"0"))
    kind = headers.get(b"content-type", b"").decode("latin-1")
    return b"content-encoding" not in headers and is_worth_it(kind, size) and size <= MOST_BODY_BYTES


def _packed_start(start: Message, coding: str, length: int | None) -> Message:
    """The same of the packed answer, whose length nobody knows who does not pack it."""
    headers = [each for each in start["headers"] if each[0] not in {b"content-length", b"etag"}]
    headers.append((b"content-encoding", coding.encode()))
    etag = dict(start["headers"]).get(b"etag")
    if etag is not None:
        headers.append((b"etag", coded(etag.decode("latin-1"), coding).encode("latin-1")))
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    return {**start, "headers": headers}
