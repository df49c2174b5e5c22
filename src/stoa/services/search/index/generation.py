"""One index that is open: what is on disk under one folder, read by many threads and written by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import tantivy

from stoa.ports.search import BadDocument, Document, Found, Query, Removed, Suggested
from stoa.services.search.index.best import Spreads
from stoa.services.search.index.counting import Counts, Recent
from stoa.services.search.index.fields import CHECKPOINT, PRODUCT, Fields
from stoa.services.search.index.names import Names
from stoa.services.search.index.queries import all_of, count_of, term
from stoa.services.search.index.searching import Opened, Search
from stoa.services.search.index.suggesting import suggest
from stoa.services.search.index.writing import Writing


class Generation:
    def __init__(self, folder: Path, fields: Fields, *, memory_bytes: int) -> None:
        """Raises what tantivy raises of a folder that it cannot read."""
        self.folder = folder
        self.fields = fields
        self._index = tantivy.Index(fields.schema, str(folder))
        whitespace = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
        self._index.register_tokenizer("whitespace", whitespace)
        self._index.config_reader("manual")
        self._index.reload()
        self._memory_bytes = memory_bytes
        self._writing: Writing | None = self._writer()
        self.checkpoint: str | None = None
        self.documents = 0
        self._spreads = Spreads()
        searcher = self._index.searcher()
        self._look(searcher, Counts(searcher, fields.schema), Names(searcher, fields.locales))

    def search(self, query: Query) -> Found:
        return Search(self._opened, self.fields, query).run()

    def suggest(self, prefix: str, locale: str, limit: int) -> Suggested:
        return suggest(self._opened, self.fields, prefix, locale, limit)

    def versions(self, ids: Sequence[str]) -> Mapping[str, int]:
        searcher = self._opened.searcher
        found: dict[str, int] = {}
        for id_ in ids:
            query = all_of(term(self.fields.schema, *of) for of in (("id", id_), ("kind", PRODUCT)))
            for version in searcher.fast_field_values("version", [at for _, at in searcher.search(query, 1).hits]):
                found[id_] = int(version or 0)
        return found

    def write(self, changes: Sequence[Document | Removed]) -> int:
        with self._written() as writing:
            return writing.write(changes)

    def commit(self, checkpoint: str) -> None:
        with self._written() as writing:
            committed = writing.commit(checkpoint)
        searcher = self._index.searcher()
        names = Names(searcher, self.fields.locales) if committed.names else self._opened.names
        self._look(searcher, self._opened.counts.after(searcher, committed.ids), names)

    def forget_removed(self, before: datetime) -> int:
        with self._written() as writing:
            return writing.forget_removed(before)

    def close(self) -> None:
        if self._writing is not None:
            self._writing.close()

    @contextmanager
    def _written(self) -> Iterator[Writing]:
        """The writer. One that failed, on a full disk say, does nothing any more: the next act has another."""
        if self._writing is None:
            self._writing = self._writer()
        try:
            yield self._writing
        except BadDocument:
            raise
        except BaseException:
            failed, self._writing = self._writing, None
            with suppress(Exception):
                failed.close()
            raise

    def _writer(self) -> Writing:
        return Writing(self._index, self.fields, memory_bytes=self._memory_bytes)

    def _look(self, searcher: tantivy.Searcher, counts: Counts, names: Names) -> None:
        self.documents = count_of(searcher, term(self.fields.schema, "kind", PRODUCT))
        self._opened = Opened(self._index, searcher, self.documents, counts, self._spreads, names, Recent(), Recent())
        kept = searcher.search(term(self.fields.schema, "kind", CHECKPOINT), 1).hits
        if kept:
            self.checkpoint = str(searcher.doc(kept[0][1]).get_first("checkpoint"))
