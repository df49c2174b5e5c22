"""The short way of a read: which service of this process answers it, looked up once for each path.

Most of what nobody keeps is asked for by a plain request: no body, no header twice, a token that is known or none. Then
nothing has to be found out that is not at hand, and the service is asked at once, in one context and one pass. Every
other request goes the long way, which answers the same, and says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from starlette.types import ASGIApp, Scope

from stoa.edge.gateway.paths import Paths
from stoa.kit import problems
from stoa.kit.http.app import Api, FoundRead
from stoa.kit.http.router import LONGEST_KEPT
from stoa.kit.service import Service

_READS = frozenset(("GET", "HEAD"))

# What says that more comes than the head.
_NOT_ALL = frozenset((b"content-length", b"transfer-encoding", b"expect", b"upgrade"))
_KEEP_ALIVE = b"keep-alive"


class Read(NamedTuple):
    """Where a path leads."""

    service: Service
    api: Api
    found: FoundRead


class Reads:
    def __init__(self, paths: Paths, upstreams: Mapping[str, ASGIApp]) -> None:
        self._paths = paths
        self._upstreams = upstreams
        self._kept = lru_cache(maxsize=10_000)(self._look_for)

    def find(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Read | None:
        """Where a plain request leads, whose `headers` these are; None for another, and to what this process does not
        answer or everybody reads."""
        if scope["method"] not in _READS or len(headers) != len(scope["headers"]) or not _NOT_ALL.isdisjoint(headers):
            return None
        raw_path: bytes = scope["raw_path"]
        if len(raw_path) > LONGEST_KEPT or headers.get(b"connection", _KEEP_ALIVE).lower() != _KEEP_ALIVE:
            return None
        return self._kept(raw_path)

    def _look_for(self, raw_path: bytes) -> Read | None:
        try:
            resource = self._paths.find(raw_path.decode("latin-1"))
            target = resource.target("GET")
        except problems.Problem:
            return None
        api = self._upstreams[target.service.name]
        if target.public is not None or not isinstance(api, Api):
            return None
        found = api.find_read(resource.raw_path.decode("ascii"))
        return None if found is None else Read(target.service, api, found)
