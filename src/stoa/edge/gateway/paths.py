"""Which service answers a path, and the one spelling under which it is asked.

A path is taken segment by segment. What is not spelled as a resource is (an empty segment, a dot, an
encoded slash that would make a new segment, another case) names nothing: it is refused, not repaired,
because a repaired path is one that two hops may read differently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from stoa.kit.http.app import MOST_BODY_BYTES
from stoa.kit.http.refusals import MethodNotAllowed
from stoa.kit.http.router import LONGEST_KEPT, Router, decode_segments
from stoa.kit.http.routes import segments_of
from stoa.kit.service import PublicRead, Service

VERSION = "v1"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request leads. `public` is None where a guest does not read what everybody reads."""

    service: Service
    public: PublicRead | None
    shows_one: bool
    """A public read of one thing, and not of many."""
    sign_in: bool
    most_body_bytes: int


@dataclass(frozen=True, slots=True)
class Resource:
    """A path under `/api` that somebody answers. `raw_path` is its one spelling, with the version."""

    raw_path: bytes
    first: str
    """Of its segments: what stands further on may be what a guest holds."""
    targets: Mapping[str, Target]

    def target(self, method: str) -> Target:
        """Where a request of this method leads. Raises `MethodNotAllowed`."""
        target = self.targets.get(method)
        if target is None:
            allowed = sorted(self.targets.keys() | ({"HEAD"} if "GET" in self.targets else set()))
            raise MethodNotAllowed(f"This path allows {', '.join(allowed)}.", allow=allowed)
        return target


class Paths:
    """The paths of the services, as each declares them. Raises `ValueError` where two declare the same."""

    def __init__(self, services: Iterable[Service]) -> None:
        self._router: Router[Target] = Router()
        for service in services:
            reads = {each.path: each for each in service.public}
            for method, path in service.endpoints:
                segments = segments_of(path)
                public = reads.get(path) if method == "GET" else None
                shows_one = public is not None and segments[-1].parameter
                sign_in = method == "POST" and path in service.sign_ins
                most = service.largest_bodies.get((method, path), MOST_BODY_BYTES)
                self._router.add(method, segments, Target(service, public, shows_one, sign_in, most))
        self._kept = lru_cache(maxsize=10_000)(self._read)

    def find(self, raw_path: str) -> Resource:
        """The resource that a path names, with or without version. Raises `NoSuchPath` for anything else."""
        resource = self._kept(raw_path) if len(raw_path) <= LONGEST_KEPT else self._read(raw_path)
        if resource is None:
            raise self._router.nothing_at(_below_the_api(raw_path))
        return resource

    def first_of(self, raw_path: str) -> str:
        """What a request is about, for the log; empty for a path that nobody answers."""
        resource = self._kept(raw_path) if len(raw_path) <= LONGEST_KEPT else None
        return resource.first if resource else ""

    def _read(self, raw_path: str) -> Resource | None:
        rest = _below_the_api(raw_path)
        if not rest or not (targets := self._router.found(rest)):
            return None
        spelled = "/".join(["/api", VERSION, *(quote(each, safe="") for each in rest)])
        return Resource(spelled.encode("ascii"), rest[0], targets)


def _below_the_api(raw_path: str) -> list[str] | None:
    """The segments that stand there, version or not; None for what no resource of ours can have."""
    segments = decode_segments(raw_path)
    if segments is None or segments[0] != "api" or any("/" in each or "\\" in each for each in segments):
        return None
    return segments[2:] if segments[1:2] == [VERSION] else segments[1:]
