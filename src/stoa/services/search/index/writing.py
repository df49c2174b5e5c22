"""Puts documents in, of each id the newest version, whatever order the versions come in.

What was removed leaves its version behind, so that an older change that comes late does not bring it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import tantivy

from stoa.kit import clock
from stoa.ports.search import Document, Removed
from stoa.services.search.index.fields import CHECKPOINT_ID, REMOVED, Fields, counted, microseconds, term


class Writing:
    """The one writer of an index. Not for several threads at once."""

    def __init__(self, index: tantivy.Index, fields: Fields, *, memory_bytes: int) -> None:
        self._index = index
        self._fields = fields
        self._writer = index.writer(memory_bytes, 1)
        # What a process that was killed was writing when it was.
        self._writer.garbage_collect_files()
        self._uncommitted: dict[str, int] = {}
        self._searcher = index.searcher()

    def write(self, changes: Sequence[Document | Removed]) -> int:
        taken = 0
        for change in changes:
            had = self._version(change.id)
            if had is not None and change.version <= had:
                continue
            made = (
                self._fields.removed(change, clock.now())
                if isinstance(change, Removed)
                else self._fields.product(change)
            )
            if had is not None:
                self._writer.delete_documents_by_term("id", change.id)
            self._writer.add_document(made)
            self._uncommitted[change.id] = change.version
            taken += 1
        return taken

    def commit(self, checkpoint: str) -> None:
        self._writer.delete_documents_by_term("id", CHECKPOINT_ID)
        self._writer.add_document(self._fields.checkpoint(checkpoint))
        self._writer.commit()
        self._index.reload()
        self._searcher = self._index.searcher()
        self._uncommitted.clear()

    def forget_removed(self, before: datetime) -> int:
        old = tantivy.Query.boolean_query(
            [
                (tantivy.Occur.Must, term(self._fields.schema, "kind", REMOVED)),
                (
                    tantivy.Occur.Must,
                    tantivy.Query.range_query(
                        self._fields.schema,
                        "removed_at",
                        tantivy.FieldType.Integer,
                        upper_bound=microseconds(before),
                        include_upper=False,
                    ),
                ),
            ]
        )
        forgotten = counted(self._searcher.search(old, 1))
        if forgotten:
            self._writer.delete_documents_by_query(old)
        return forgotten

    def close(self) -> None:
        """Let go of the folder's lock; merges that run are finished."""
        self._writer.wait_merging_threads()

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
