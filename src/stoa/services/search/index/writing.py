"""Puts documents in, of each id the newest version, whatever order the versions come in.

What was removed leaves its version behind, so that an older change that comes late does not bring it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import NamedTuple

import tantivy

from stoa.kit import clock
from stoa.ports.search import BadDocument, Document, Removed
from stoa.services.search.index.fields import CHECKPOINT_ID, REMOVED, Fields, Made, microseconds, of
from stoa.services.search.index.queries import all_of, count_of, term

_MOST_SEEN = 200_000
"""Words of which is known that they are written; one that is forgotten is looked up."""


class Committed(NamedTuple):
    """Which documents a commit changed, and whether it brought a brand or a category."""

    ids: AbstractSet[str]
    names: bool


class Writing:
    """The one writer of an index. Not for several threads at once."""

    def __init__(self, index: tantivy.Index, fields: Fields, *, memory_bytes: int) -> None:
        self._index = index
        self._fields = fields
        self._writer = index.writer(memory_bytes, 1)
        # What a process that was killed was writing when it was.
        self._writer.garbage_collect_files()
        self._uncommitted: dict[str, int] = {}
        self._seen: set[tuple[str, str]] = set()
        self._named = False
        self._searcher = index.searcher()

    def write(self, changes: Sequence[Document | Removed]) -> int:
        """Raises `BadDocument`."""
        taken = 0
        for change in changes:
            had = self._version(change.id)
            if had is not None and change.version <= had:
                continue
            made = self._made(change)
            if had is not None:
                self._writer.delete_documents_by_term("id", change.id)
            self._writer.add_document(made.document)
            self._add_words(made)
            self._named = self._named or not all(self._searcher.doc_freq(*name) for name in made.names)
            self._uncommitted[change.id] = change.version
            taken += 1
        return taken

    def _made(self, change: Document | Removed) -> Made:
        if isinstance(change, Removed):
            return Made(self._fields.removed(change, clock.now()), {}, ())
        try:
            return self._fields.product(change)
        except Exception as error:
            # Nothing was written yet: it is what the document says, and no disk.
            raise BadDocument(change.id) from error

    def commit(self, checkpoint: str) -> Committed:
        self._writer.delete_documents_by_term("id", CHECKPOINT_ID)
        self._writer.add_document(self._fields.checkpoint(checkpoint))
        self._writer.commit()
        self._index.reload()
        self._searcher = self._index.searcher()
        committed = Committed(set(self._uncommitted), self._named)
        self._uncommitted.clear()
        self._named = False
        return committed

    def forget_removed(self, before: datetime) -> int:
        schema, until = self._fields.schema, microseconds(before)
        before_then = tantivy.Query.range_query(
            schema, "removed_at", tantivy.FieldType.Integer, upper_bound=until, include_upper=False
        )
        old = all_of([term(schema, "kind", REMOVED), before_then])
        forgotten = count_of(self._searcher, old)
        if forgotten:
            self._writer.delete_documents_by_query(old)
        return forgotten

    def close(self) -> None:
        """Let go of the folder's lock; merges that run are finished."""
        self._writer.wait_merging_threads()

    def _add_words(self, made: Made) -> None:
        """Each once. A word stays when its products go: nobody is led to one that no product has."""
        if len(self._seen) > _MOST_SEEN:
            self._seen.clear()
        for locale, words in made.words.items():
            field = of("spelled", locale)
            for word, written in words.items():
                if (locale, word) not in self._seen:
                    self._seen.add((locale, word))
                    if not self._searcher.doc_freq(field, word):
                        self._writer.add_document(self._fields.word(locale, word, written))

    def _version(self, id_: str) -> int | None:
        if (uncommitted := self._uncommitted.get(id_)) is not None:
            return uncommitted
        if not self._searcher.doc_freq("id", id_):
            return None
        hits = self._searcher.search(term(self._fields.schema, "id", id_), 1, count=False).hits
        if not hits:
            return None
        [version] = self._searcher.fast_field_values("version", [address for _, address in hits])
        return None if version is None else int(version)
