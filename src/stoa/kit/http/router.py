"""From a path to its routes: a tree of segments, so the order of declarations does not matter.

Matching works on the path as it was sent, segment by segment, and decodes each segment on its own: an
encoded slash stays inside its segment, and nothing is normalized that a check elsewhere saw differently.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote

from stoa.kit.http.refusals import NoSuchId, NoSuchPath
from stoa.kit.http.routes import Segment

T = TypeVar("T")

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LONGEST_SEGMENT = 300

LONGEST_KEPT = 256
"""Characters of a path whose routes are remembered: ours have about a hundred. Anybody may make up paths, and ten
thousand of the longest would fill a quarter of a gigabyte."""


@dataclass
class _Node(Generic[T]):
    fixed: dict[str, _Node[T]] = field(default_factory=dict)
    uuid: _Node[T] | None = None
    any: _Node[T] | None = None
    found: dict[str, tuple[T, tuple[str, ...]]] = field(default_factory=dict)


class Router(Generic[T]):
    """Maps method and path to what was added. A fixed segment wins over a UUID, a UUID over anything."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, method: str, segments: Sequence[Segment], value: T) -> None:
        """Raises `ValueError` when another route already answers this method at the same place."""
        node = self._root
        for segment in segments:
            if not segment.parameter:
                node = node.fixed.setdefault(segment.text, _Node())
            elif segment.uuid:
                node.uuid = node = node.uuid or _Node()
            else:
                node.any = node = node.any or _Node()
        if method in node.found:
            raise ValueError(f"two routes answer {method} /{'/'.join(each.text for each in segments)}")
        node.found[method] = (value, tuple(each.text for each in segments if each.parameter))

    def match(self, method: str, segments: Sequence[str]) -> tuple[T, dict[str, str]] | None:
        """What answers this method at this place, with its parameters; None if nothing does."""
        for node, values in _walk(self._root, segments, 0, ()):
            if entry := node.found.get(method):
                value, names = entry
                return value, dict(zip(names, values, strict=True))
        return None

    def found(self, segments: Sequence[str]) -> dict[str, T]:
        """What answers each method at this place; nothing where there is no such place."""
        values: dict[str, T] = {}
        for node, _ in _walk(self._root, segments, 0, ()):
            for method, (value, _) in node.found.items():
                values.setdefault(method, value)
        return values

    def nothing_at(self, segments: Sequence[str] | None) -> NoSuchPath:
        """What to raise where nothing is found: it tells a path that nobody has from an id that is none."""
        for node, values in _walk(self._root, segments or (), 0, (), no_id=NO_ID):
            _, names = next(iter(node.found.values()))
            return NoSuchId(names[values.index(NO_ID)])
        return NoSuchPath("See /api/docs for the paths that there are.")


NO_ID = ""
"""In the place of what is none: no segment is empty."""


def _walk(
    node: _Node[T], segments: Sequence[str], at: int, values: tuple[str, ...], no_id: str | None = None
) -> Iterator[tuple[_Node[T], tuple[str, ...]]]:
    if at == len(segments):
        if node.found:
            yield node, values
        return
    segment = segments[at]
    if child := node.fixed.get(segment):
        yield from _walk(child, segments, at + 1, values, no_id)
    if node.uuid is not None and (value := segment.lower() if _UUID.fullmatch(segment) else no_id) is not None:
        yield from _walk(node.uuid, segments, at + 1, (*values, value), no_id)
    if node.any is not None:
        yield from _walk(node.any, segments, at + 1, (*values, segment), no_id)


def decode_segments(raw_path: str) -> list[str] | None:
    """The segments of a path, each decoded; None for a path that no resource of ours can have.

    That is one with an empty, over-long, undecodable or dot segment, or with a control character in it.
    """
    if not raw_path.startswith("/"):
        return None
    segments = raw_path[1:].split("/")
    if "%" in raw_path:
        try:
            segments = [unquote(each, errors="strict") for each in segments]
        except UnicodeDecodeError:
            return None
    for segment in segments:
        if not segment or segment in {".", ".."} or len(segment) > _LONGEST_SEGMENT or not segment.isprintable():
            return None
    return segments
