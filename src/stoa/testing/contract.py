"""Holds every answer that a test gets to what clients are told of it.

    http = aiohttp.ClientSession(url, trace_configs=[traced()])

An answer of the shop whose status its operation does not declare, or whose body is of another shape, fails the test
that got it, there and then.
"""

from __future__ import annotations

import importlib
from functools import cache
from types import SimpleNamespace
from typing import Any

import aiohttp
import msgspec

from stoa.app import SERVICES
from stoa.edge.gateway.description import with_tags
from stoa.kit import problems
from stoa.kit.http.app import PREFIX
from stoa.kit.http.openapi import Document, merge, openapi
from stoa.kit.http.router import Router, decode_segments
from stoa.kit.http.routes import BoundRoutes, segments_of

try:
    import jsonschema_rs
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(f"{missing}, which stoa.testing needs: pip install 'stoa[testing]'") from None


class NotAsDescribed(AssertionError):
    """An answer that no client was told of."""


class Contract:
    """What a document says of the answers of its operations."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._operations: Router[Document] = Router()
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                self._operations.add(method.upper(), segments_of(path), operation)
        self._validators: dict[str, jsonschema_rs.Validator] = {}

    def check(self, method: str, raw_path: str, status: int, content_type: str, body: bytes | None) -> None:
        """Raises `NotAsDescribed`. Without a `body` the status alone is looked at."""
        asked = f"{method} {raw_path}"
        operation = self._operation("GET" if method == "HEAD" else method, raw_path)
        if operation is None:
            return
        declared = operation["responses"].get(str(status))
        if declared is None:
            raise NotAsDescribed(f"{asked}: {status} is not declared for {operation['operationId']}: {body!r}")
        if body is None or method == "HEAD":
            return
        if "$ref" in declared:
            declared = self.document["components"]["responses"][declared["$ref"].rpartition("/")[2]]
        content = declared.get("content", {})
        kind = content_type.partition(";")[0]
        if not content and not body:
            return
        if kind not in content:
            raise NotAsDescribed(f"{asked}: {status} is {kind!r}, declared are {list(content)}: {body[:200]!r}")
        if "schema" not in content[kind]:
            return  # a file
        document = msgspec.json.decode(body)
        if kind == problems.CONTENT_TYPE and not self._has_page(document["type"]):
            raise NotAsDescribed(f"{asked}: {document['type']} has no page")
        for error in self._validator(content[kind]["schema"]).iter_errors(document):
            place = "/".join(map(str, error.instance_path))
            raise NotAsDescribed(f"{asked}: {status} is not as described at {place!r}: {error.message}")

    def _has_page(self, kind: str) -> bool:
        return kind.removeprefix(problems.TYPE_BASE) in self.document["x-problems"]

    def _operation(self, method: str, raw_path: str) -> Document | None:
        path = raw_path.partition("?")[0]
        for prefix in (PREFIX, "/api"):
            if path.startswith(f"{prefix}/"):
                segments = decode_segments(path.removeprefix(prefix))
                found = None if segments is None else self._operations.match(method, segments)
                return None if found is None else found[0]
        return None

    def _validator(self, schema: Document) -> jsonschema_rs.Validator:
        key = msgspec.json.encode(schema).decode()
        if key not in self._validators:
            whole = {**schema, "components": {"schemas": self.document["components"]["schemas"]}}
            self._validators[key] = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        return self._validators[key]


def contract_of(*bound: BoundRoutes) -> Contract:
    return Contract(merge([openapi(bound, PREFIX)]))


@cache
def ours() -> Contract:
    """Of the whole shop."""
    importlib.import_module("stoa.edge.gateway.upstream")  # has problems of its own, and is not loaded everywhere
    routes = [importlib.import_module(f"{each.package}.routes").routes for each in SERVICES.values() if each.paths]
    document = merge([openapi([each.bind(None) for each in routes], PREFIX)])
    return Contract(with_tags(document, (read.path for service in SERVICES.values() for read in service.public)))


def traced() -> aiohttp.TraceConfig:
    """Looks at each answer that a session gets, before the test does."""
    config = aiohttp.TraceConfig()

    async def answered(_session: Any, context: SimpleNamespace, params: aiohttp.TraceRequestEndParams) -> None:
        context.status = params.response.status
        context.content_type = params.response.headers.get("Content-Type", "")
        ours().check(params.method, params.url.raw_path, context.status, context.content_type, None)

    async def read(_session: Any, context: SimpleNamespace, params: aiohttp.TraceResponseChunkReceivedParams) -> None:
        ours().check(params.method, params.url.raw_path, context.status, context.content_type, params.chunk)

    config.on_request_end.append(answered)
    config.on_response_chunk_received.append(read)
    return config
