"""What the parser lets through in the head of a request, and two servers could read differently."""

from __future__ import annotations

import re
from collections.abc import Iterable

from stoa.kit.http.refusals import BadHeader, MalformedRequest, VersionNotSupported

_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")


def check_head(version: str, target: bytes, headers: Iterable[tuple[bytes, bytes]], *, upgrade: bool) -> int:
    """The announced length of the body in bytes, 0 where none is.

    Raises the problem that a request begins with (RFC 9112). Several lengths, a length beside chunks, a folded line and
    a line that ends in half are refused by the parser itself.
    """
    if version not in {"1.1", "1.0"}:
        raise VersionNotSupported("This server speaks HTTP/1.1.")
    if b"#" in target:
        raise MalformedRequest("A path has no fragment.")
    hosts, codings, length = [], [], b""
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name == b"transfer-encoding":
            codings.append(value.lower())
        elif name == b"content-length":
            length = value
    # Section 3.2. Only the first version could do without.
    if (hosts or version == "1.1") and (len(hosts) != 1 or not _HOST.fullmatch(hosts[0])):
        raise BadHeader("Send one Host, with the name by which you call us.", field="Host")
    # Section 6.1.
    if codings and (version != "1.1" or codings != [b"chunked"]):
        raise BadHeader("A body may come in chunks, and encoded in no other way.", field="Transfer-Encoding")
    if upgrade and (codings or length.strip(b"0")):
        # The parser would take it for the next request.
        raise BadHeader("A request to speak something else has no body.", field="Upgrade")
    return int(length or 0)
