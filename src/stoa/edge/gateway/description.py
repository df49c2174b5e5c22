"""The OpenAPI document of the whole shop, merged from what each process says about its services.

What the gateway itself adds to an answer is said here: the tags of public reads."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from starlette.types import ASGIApp

from stoa.kit import problems
from stoa.kit.http import asgi
from stoa.kit.http.openapi import ETAG, IF_NONE_MATCH, UNCHANGED, Document, merge
from stoa.kit.http.preconditions import tag_of
from stoa.kit.idempotency import Answer
from stoa.kit.problem_types import ProblemType

PATH = "/api/v1/openapi.json"
FRESH_SECONDS = 60.0
"""After an upgrade of a service its new routes show within this."""


class Description:
    """Fetched when first asked for and then as often as it may have changed. `public` are the paths of public reads."""

    def __init__(self, upstreams: Iterable[ASGIApp], public: Iterable[str]) -> None:
        self._public = frozenset(each.replace(":uuid}", "}") for each in public)
        # Services that share a process share its app.
        self._apps = list({id(app): app for app in upstreams}.values())
        self._answer: Answer | None = None
        self._problems: dict[str, ProblemType] = {}
        self._fetched_at = 0.0

    async def answer(self) -> Answer:
        """The document. Raises `Unavailable` where a process that was never asked before does not answer."""
        if self._answer is None or time.monotonic() - self._fetched_at > FRESH_SECONDS:
            self._fetched_at = time.monotonic()
            try:
                documents = [_document(await asgi.ask(app, _request())) for app in self._apps]
            except problems.Unavailable:
                # Yesterday's document is better than none.
                if self._answer is None:
                    raise
                return self._answer
            merged = merge(documents)
            self._problems = msgspec.convert(merged["x-problems"], dict[str, ProblemType])
            body = msgspec.json.encode(with_tags(merged, self._public))
            headers = {"content-type": asgi.JSON, "cache-control": "no-cache", "etag": tag_of(body)}
            self._answer = Answer(200, body, headers)
        return self._answer

    async def problems(self) -> Mapping[str, ProblemType]:
        """The types of problem that the shop has, by slug."""
        await self.answer()
        return self._problems


def _request() -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "headers": [],
        "client": None,
    }


def _document(answer: Answer) -> Document:
    document: Document = msgspec.json.decode(answer.body)
    return document


def with_tags(document: Document, public: Iterable[str]) -> Document:
    """What everybody reads may be kept, and asked for again only if it has changed."""
    for path in public:
        read = document["paths"].get(path, {}).get("get")
        if read is not None and "304" not in read["responses"]:
            read["parameters"] = [*read.get("parameters", []), IF_NONE_MATCH]
            read["responses"]["200"]["headers"] = ETAG
            read["responses"] |= UNCHANGED
    return document
