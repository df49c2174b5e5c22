"""An answer that is all there, as the bytes of one write.

ASGI takes an answer in two messages, and uvicorn looks at every header by two regular expressions and takes the parts
apart again: a fifth of what a read costs. So a request's scope has an extension for whoever has all of an answer
(`stoa.kit.http.asgi.whole_of`): what it does not take goes the ordinary way, where it is refused if it is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

_WITHOUT_BODY = frozenset((204, 304))


def head_of(
    status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes, *, to_head: bool, shared: bytes = b""
) -> bytes | None:
    """Status line and headers with their ends of line, then the lines that are `shared`, which are not looked at. None
    for what is not ours to send unseen: a header that would be two, a length that is not the body's, the end of a
    connection."""
    head = b"".join([STATUS_LINE[status], *[b"%b: %b\r\n" % each for each in headers]])
    lines = len(headers) + 1
    if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head or b"\nconnection:" in head:
        return None
    if to_head or status in _WITHOUT_BODY:
        return None if body else head + shared
    return head + shared if b"\ncontent-length: %d\r" % len(body) in head else None
