"""The response cache: the bytes of public reads, kept until an event says that they changed.

An answer that was fetched before something was dropped is not stored after it, and who asks after the
drop does not join a fetch that began before it: so once a change has been heard, nobody gets the old
bytes. What is never heard ends with the time limit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from stoa.edge.gateway import encoding
from stoa.edge.gateway.paths import Target
from stoa.kit.http.preconditions import coded, tag_of
from stoa.kit.idempotency import Answer

Key = tuple[bytes, bytes]
"""A path in its one spelling, and its query with the parameters in order and none of them empty."""

LARGEST_ANSWER = 512 * 1024
"""A page of 100 products has a third of it; what is larger is answered and not kept."""
ENTRY_OVERHEAD = 1024
"""Bytes that an entry takes beside its key, its headers and its body, about."""


@dataclass(slots=True)
class Entry:
    """One stored answer, with its headers as they are sent; `packed` has the same in fewer bytes, by coding, each once
    asked for."""

    body: bytes
    etag: bytes
    headers: list[tuple[bytes, bytes]]
    good_until: float
    service: str
    subject: str
    size: int
    packable: bool
    packed: dict[str, Entry] = field(default_factory=dict)
    head: bytes = field(init=False)
    """Status line and headers as they go over the wire, and the same for who has these bytes already."""
    unchanged_head: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.head = _head(b"200 OK", self.headers)
        self.unchanged_head = _head(b"304 Not Modified", self.headers_unchanged)

    @property
    def headers_unchanged(self) -> list[tuple[bytes, bytes]]:
        return [each for each in self.headers if each[0] not in _OF_CONTENT]


_OF_CONTENT = frozenset((b"content-type", b"content-length", b"content-encoding"))


def _head(status: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join((b"HTTP/1.1 ", status, b"\r\n", *(b"%b: %b\r\n" % each for each in headers)))


class _Named(msgspec.Struct):
    id: str = ""


class ResponseCache:
    """Stored answers by key, bounded in bytes and in age."""

    def __init__(self, seconds: float, most_bytes: int, headers: Mapping[str, str]) -> None:
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._entries: dict[Key, Entry] = {}
        self._keys_of: dict[tuple[str, str], set[Key]] = {}
        self._flights: dict[Key, asyncio.Task[Answer]] = {}
        self._bytes = 0
        self._generation = 0

    def find(self, key: Key) -> Entry | None:
        """The stored answer, unless it is too old."""
        entry = self._entries.get(key)
        if entry is not None and entry.good_until < time.monotonic():
            self._remove(key)
            return None
        return entry

    def packed(self, key: Key, entry: Entry, coding: str | None) -> Entry:
        """What `find` gave, compressed if that is wanted and worth it. Under a tag of its own: the bytes are others."""
        if coding is None or not entry.packable:
            return entry
        if coding in entry.packed:
            return entry.packed[coding]
        body = encoding.pack(entry.body, coding)
        etag = coded(entry.etag.decode("latin-1"), coding).encode("latin-1")
        kept = [each for each in entry.headers if each[0] not in {b"content-length", b"etag"}]
        own = [(b"content-length", str(len(body)).encode()), (b"etag", etag), (b"content-encoding", coding.encode())]
        packed = entry.packed[coding] = replace(entry, body=body, etag=etag, headers=[*kept, *own], packed={})
        if self._entries.get(key) is entry:
            entry.size += len(body)
            self._bytes += len(body)
            self._make_room()
        return packed

    async def fetch(self, key: Key, target: Target, ask: Callable[[], Awaitable[Answer]]) -> Entry | Answer:
        """The answer of `ask`, asked once for all who want it now; an entry if it could be kept.

        Where nothing is to be stored everybody is answered on their own, by an entry that is not kept.
        """
        if not self._seconds:
            answer = await ask()
            return self._entry_of(key, target, answer) if answer.status == 200 else answer
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(self._fly(key, target, ask))
            flight.add_done_callback(_failure_is_known)
        # Shielded: the one who started it may go away, the others still want it.
        answer = await asyncio.shield(flight)
        return self.find(key) or answer

    async def _fly(self, key: Key, target: Target, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        generation = self._generation
        try:
            answer = await ask()
            if answer.status == 200 and generation == self._generation:
                self._keep(key, target, answer)
            return answer
        finally:
            if self._flights.get(key) is asyncio.current_task():
                del self._flights[key]

    def drop(self, service: str, subject: str | None = None) -> None:
        """Forget what of a service shows this subject: its own page and every list. None forgets all of the service."""
        self._generation += 1
        self._flights.clear()
        if subject is None:
            gone = [key for key, entry in self._entries.items() if entry.service == service]
        else:
            gone = [key for each in (subject, "") for key in self._keys_of.get((service, each), ())]
        for key in gone:
            self._remove(key)

    def _keep(self, key: Key, target: Target, answer: Answer) -> None:
        entry = self._entry_of(key, target, answer)
        if entry.size > LARGEST_ANSWER:
            return
        self._remove(key)
        self._make_room(entry.size)
        self._entries[key] = entry
        self._keys_of.setdefault((entry.service, entry.subject), set()).add(key)
        self._bytes += entry.size

    def _entry_of(self, key: Key, target: Target, answer: Answer) -> Entry:
        packable = encoding.is_worth_it(answer.headers.get("content-type", ""), len(answer.body))
        # A service's own tag says which version this is, which who edits it needs to say.
        etag = (answer.headers.get("etag") or tag_of(answer.body)).encode("latin-1")
        headers = [
            (b"content-type", answer.headers.get("content-type", "").encode("latin-1")),
            (b"content-length", str(len(answer.body)).encode()),
            (b"etag", etag),
            *([encoding.VARY] if packable else ()),
            *self._headers,
        ]
        # The key too: whoever asks chooses it, and of a list's parameters there are more than of products.
        size = sum(map(len, key)) + sum(len(part) for each in headers for part in each) + len(answer.body)
        assert target.public is not None, "nothing else is kept"
        # Of the one thing that a page shows the id, whatever name it was asked by; of a list nothing.
        subject = msgspec.json.decode(answer.body, type=_Named).id if target.shows_one else ""
        return Entry(
            body=answer.body,
            etag=etag,
            headers=headers,
            good_until=time.monotonic() + min(self._seconds, target.public.keep_seconds),
            service=target.service.name,
            subject=subject,
            size=size + ENTRY_OVERHEAD,
            packable=packable,
        )

    def _make_room(self, size: int = 0) -> None:
        while self._entries and self._bytes + size > self._most_bytes:
            self._remove(next(iter(self._entries)))

    def _remove(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._bytes -= entry.size
        shown = (entry.service, entry.subject)
        keys = self._keys_of[shown]
        keys.discard(key)
        if not keys:
            del self._keys_of[shown]


def _failure_is_known(task: asyncio.Task[Answer]) -> None:
    """Whoever still waits gets it; when all have gone away nobody has to."""
    if not task.cancelled():
        task.exception()


def unchanged(entry: Entry, if_none_match: bytes) -> bool:
    """Whether the caller already has these bytes (RFC 9110 §13.1.2, compared weakly)."""
    if if_none_match == entry.etag:
        return True
    return if_none_match.strip() == b"*" or any(
        each.strip().removeprefix(b"W/") == entry.etag for each in if_none_match.split(b",")
    )
