"""Which service answers a path, and the one spelling under which it is asked.

A path is taken segment by segment. What is not spelled as a resource is (an empty segment, a dot, an
encoded slash that would make a new segment, another case) names nothing: it is refused, not repaired,
because a repaired path is one that two hops may read differently.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from stoa.kit.http.router import decode_segments

VERSION = "v1"

LONGEST_KEPT = 256
"""Characters of a path that is remembered: ours have about a hundred."""

# Catalog's public reads: what a guest may see of them is the same for everybody.
_LISTS = {("products",), ("categories",)}
_DETAILS = {"products", "categories"}

_SERVICES = {
    "auth": "auth",
    "users": "user",
    "products": "catalog",
    "variants": "catalog",
    "categories": "catalog",
    "inventory": "inventory",
    "warehouses": "inventory",
    "reservations": "inventory",
    "stock-discrepancies": "inventory",
    "cart": "cart",
    "checkout": "checkout",
    "checkouts": "checkout",
    "orders": "order",
    "payments": "payment",
    "notifications": "notification",
}

_EXCEPTIONS = {
    ("POST", "users", "register"): "auth",
    ("POST", "users", "change-password"): "auth",
    ("POST", "orders"): "checkout",
}


@dataclass(frozen=True, slots=True)
class Resource:
    """A path under `/api`. `raw_path` is its one spelling, with the version."""

    raw_path: bytes
    segments: tuple[str, ...]

    def service(self, method: str) -> str | None:
        """The service that answers it, None if none does."""
        return _EXCEPTIONS.get((method, *self.segments)) or _SERVICES.get(self.segments[0])

    @property
    def public(self) -> bool:
        """Whether what a guest reads there is what everybody reads."""
        return self.segments in _LISTS or (len(self.segments) == 2 and self.segments[0] in _DETAILS)


def resource_of(raw_path: str) -> Resource | None:
    """The resource that a path names, with or without version; None for anything else."""
    # Anybody may make up paths: ten thousand of the longest would fill a quarter of a gigabyte.
    return _kept(raw_path) if len(raw_path) <= LONGEST_KEPT else _read(raw_path)


def _read(raw_path: str) -> Resource | None:
    segments = decode_segments(raw_path)
    if segments is None or segments[0] != "api" or any("/" in each or "\\" in each for each in segments):
        return None
    rest = segments[2:] if segments[1:2] == [VERSION] else segments[1:]
    if not rest:
        return None
    spelled = "/".join(["/api", VERSION, *(quote(each, safe="") for each in rest)])
    return Resource(spelled.encode("ascii"), tuple(rest))


_kept = lru_cache(maxsize=10_000)(_read)
