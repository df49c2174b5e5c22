"""The port, on an index in a folder of this process.

tantivy works outside the interpreter's lock, so searches run in a few threads of their own, and the event loop goes on.
Writes go through one thread, one after another.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

from stoa.ports.search import Document, Found, Query, Removed, SearchIndex, Suggested
from stoa.services.search.index.fields import Fields
from stoa.services.search.index.folder import Folder
from stoa.services.search.index.generation import Generation

log = logging.getLogger(__name__)

READERS = 4
"""Threads that search. More than there are cores, since part of each search waits for the interpreter."""
MOST_WORDS, MOST_VALUES = 8, 20
"""Of a text and of filters. What has more takes up to ten times as long, and has a thread of its own: who asks for very
much waits for others who do, and nobody else."""
MEMORY_BYTES = 50_000_000
"""Of documents that are not on disk yet: beyond it they are written down, and seen with the next commit as before."""


class Failed(Exception):
    """tantivy could not go on."""


P = ParamSpec("P")
T = TypeVar("T")


class EmbeddedIndex:
    """Made by `open_index`."""

    def __init__(
        self,
        folder: Folder,
        generation: Generation,
        empty_because: str | None,
        *,
        memory_bytes: int,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        """`release` lets go of the folder, for the one that has it."""
        self._release = release
        self._folder = folder
        self._generation = generation
        self._empty_because = empty_because
        self._memory_bytes = memory_bytes
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="search-read")
        self._long_reader = ThreadPoolExecutor(1, thread_name_prefix="search-long")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="search-write")
        self._fresh: EmbeddedIndex | None = None

    @property
    def empty_because(self) -> str | None:
        return self._empty_because

    @property
    def checkpoint(self) -> str | None:
        return self._generation.checkpoint

    @property
    def documents(self) -> int:
        return self._generation.documents

    async def search(self, query: Query) -> Found:
        pool = self._long_reader if _is_long(query) else self._readers
        return await _in(pool, lambda: self._generation.search(query))

    async def suggest(self, prefix: str, *, locale: str = "", limit: int = 5) -> Suggested:
        return await self._read(self._generation.suggest, prefix, locale, limit)

    async def versions(self, ids: Sequence[str]) -> Mapping[str, int]:
        return await self._read(self._generation.versions, ids)

    async def write(self, changes: Sequence[Document | Removed]) -> int:
        return await self._write(lambda: self._generation.write(changes))

    async def commit(self, checkpoint: str) -> None:
        await self._write(lambda: self._generation.commit(checkpoint))

    async def forget_removed(self, before: datetime) -> int:
        return await self._write(lambda: self._generation.forget_removed(before))

    async def anew(self) -> SearchIndex:
        if self._fresh is not None:
            await self._fresh.close()
            self._fresh = None

        def make() -> Generation:
            self._folder.sweep(self._generation.folder)
            return Generation(self._folder.new(), self._generation.fields, memory_bytes=self._memory_bytes)

        made = await self._write(make)
        self._fresh = EmbeddedIndex(self._folder, made, "It is being filled anew.", memory_bytes=self._memory_bytes)
        return self._fresh

    async def become(self, fresh: SearchIndex) -> None:
        assert self._fresh is not None and fresh is self._fresh, "only what `anew` gave last"
        after = await self._fresh.hand_over()
        self._fresh = None

        def swap() -> None:
            before = self._generation
            self._folder.let_count(after.folder)
            self._generation = after
            self._empty_because = None
            before.close()
            # Searches that run have the files of the one before open, and finish.
            self._folder.sweep(after.folder)

        await self._write(swap)

    async def hand_over(self) -> Generation:
        """What it has, open; nothing is asked of it afterwards."""
        await self._end_threads()
        return self._generation

    async def close(self) -> None:
        if self._fresh is not None:
            await self._fresh.close()
            self._fresh = None
        await self._write(self._generation.close)
        await self._end_threads()
        self._release()

    async def _end_threads(self) -> None:
        for pool in (self._readers, self._long_reader, self._writer):
            await asyncio.to_thread(pool.shutdown)

    async def _read(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await _in(self._readers, lambda: work(*args, **kwargs))

    async def _write(self, work: Callable[[], T]) -> T:
        return await _in(self._writer, work)


def _is_long(query: Query) -> bool:
    filters = query.filters
    chosen = [wanted for wanted in filters.attributes.values() if isinstance(wanted, Sequence)]
    return len(query.text.split()) > MOST_WORDS or sum(map(len, [filters.brands, *chosen])) > MOST_VALUES


async def _in(pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(pool, lambda: _without_panic(work))


def _without_panic(work: Callable[[], T]) -> T:
    """A panic of Rust's is no Exception, so nobody who waits for this would catch it."""
    try:
        return work()
    except Exception:
        raise
    except BaseException as panic:
        raise Failed(f"tantivy: {panic}") from panic


async def open_index(path: Path, locales: Sequence[str], *, memory_bytes: int = MEMORY_BYTES) -> EmbeddedIndex:
    """The index in the folder; an empty one, which says why, where there is none that can be used.

    The first of `locales` is that of whoever names none. Raises `InUse` where another process has the folder open.
    """
    return await asyncio.to_thread(_without_panic, lambda: _open(path, locales, memory_bytes))


def _open(path: Path, locales: Sequence[str], memory_bytes: int) -> EmbeddedIndex:
    folder = Folder(path, locales)
    try:
        generation, empty_because = _generation(folder, Fields(locales), memory_bytes)
    except BaseException:
        folder.release()
        raise
    folder.sweep(generation.folder)
    return EmbeddedIndex(folder, generation, empty_because, memory_bytes=memory_bytes, release=folder.release)


def _generation(folder: Folder, fields: Fields, memory_bytes: int) -> tuple[Generation, str | None]:
    """The one that counts, or an empty one and why."""
    kept, empty_because = folder.current()
    if kept is not None:
        try:
            return _without_panic(lambda: Generation(kept, fields, memory_bytes=memory_bytes)), None
        except Exception as error:
            empty_because = f"The index was damaged: {error}."
    log.info("The search index starts empty. %s", empty_because)
    made = folder.new()
    generation = Generation(made, fields, memory_bytes=memory_bytes)
    folder.let_count(made)
    return generation, empty_because
