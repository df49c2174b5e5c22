"""Asks an ASGI app without a server, with every byte of the request in the test's hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.types import ASGIApp


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def problem(self) -> str:
        """The problem's type without its base, and its field where it names one: `unprocessable items[0].sku`."""
        assert self.headers["content-type"] == "application/problem+json", self
        document = self.json
        assert document["status"] == self.status
        slug = document["type"].removeprefix("/problems/")
        return f"{slug} {document['field']}" if "field" in document else slug


def scope_of(
    method: str, target: str, headers: Iterable[tuple[str, str]], client: str, scheme: str = "http"
) -> dict[str, Any]:
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "method": method,
        "scheme": scheme,
        "path": path,
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": (client, 50000),
    }


async def ask(
    app: ASGIApp,
    method: str,
    target: str,
    body: Any = None,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    *,
    raw: bytes | None = None,
    chunks: Iterable[bytes] | None = None,
    client: str = "192.0.2.7",
    scheme: str = "http",
) -> Reply:
    """Send one request. A `body` goes as JSON, `raw` as it is, `chunks` piece by piece without a length.

    The caller stays until it is answered; with no `chunks` at all it goes before its body came.
    """
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    if body is not None:
        raw = msgspec.json.encode(body)
        pairs.append(("content-type", "application/json"))
    pieces = list(chunks) if chunks is not None else [raw or b""]
    if chunks is None and raw is not None:
        pairs.append(("content-length", str(len(raw))))
    sent: list[Any] = []

    stays = bool(pieces)

    async def receive() -> dict[str, Any]:
        if not pieces and stays:
            await asyncio.get_running_loop().create_future()
        if not pieces:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope_of(method, target, pairs, client, scheme), receive, send)
    if not sent:
        return Reply(0, {}, b"")
    assert [message["type"] for message in sent] == [
        "http.response.start",
        *(["http.response.body"] * (len(sent) - 1)),
    ]
    assert [message.get("more_body", False) for message in sent[1:]] == [True] * (len(sent) - 2) + [False]
    answered = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Reply(sent[0]["status"], answered, b"".join(message["body"] for message in sent[1:]))
