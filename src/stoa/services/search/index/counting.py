"""Counts that are kept: everybody looks at the same shelves, and at each of their pages.

Few hits are counted by looking at each (`tally.py`), more as of each commit. To count very many takes longer than
a search may, so that is done once and kept through commits: what the documents that changed since counted for is taken
off, and what they count for now is added. So it is exact, and costs as much as the documents that changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import tantivy

from stoa.services.search.index.best import MANY
from stoa.services.search.index.fields import columns_of
from stoa.services.search.index.queries import all_of, count_of, worth
from stoa.services.search.index.tally import Tallied, tallied

FEW = 50
"""Hits: about where a look at each takes as long as a pass over all segments."""
MOST_KEPT = 256
"""Questions."""
MOST_CHANGED = 1_000
"""Documents; where more have changed, it is counted again."""

Passes = Mapping[str, Mapping[str, Any]]
Answers = Mapping[str, Any]

K = TypeVar("K")
V = TypeVar("V")


class Hits(NamedTuple):
    """What is known of the hits of a query."""

    total: int | None
    """None: there may be very many."""
    all: Sequence[tantivy.Document] | None = None
    """Where they were looked at already."""


class Recent(Generic[K, V]):
    """What was looked up last. Several threads may use it."""

    def __init__(self) -> None:
        self._kept: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        return self._kept.get(key)

    def put(self, key: K, value: V) -> V:
        if len(self._kept) >= MOST_KEPT:
            self._kept.pop(next(iter(self._kept), key), None)
        self._kept[key] = value
        return value


class _Base:
    """An earlier commit, and what was counted in it."""

    def __init__(self, searcher: tantivy.Searcher) -> None:
        self.searcher = searcher
        self.kept: Recent[str, Answers] = Recent()


class Counts:
    """Of one commit."""

    def __init__(
        self,
        searcher: tantivy.Searcher,
        schema: tantivy.Schema,
        base: _Base | None = None,
        changed: frozenset[str] = frozenset(),
    ) -> None:
        self._searcher = searcher
        self._schema = schema
        self._base = base or _Base(searcher)
        self._changed = changed
        """Since the base: ids."""
        self._kept: Recent[str, Answers] = Recent()
        self._totals: Recent[str, int] = Recent()

    def after(self, searcher: tantivy.Searcher, changed: Collection[str]) -> Counts:
        """Those of the next commit, which changed these."""
        since = self._changed.union(changed)
        if len(since) > MOST_CHANGED:
            return Counts(searcher, self._schema)
        return Counts(searcher, self._schema, self._base, since)

    def few(self, query: tantivy.Query, hits: Hits) -> Tallied | None:
        """All that there is to count of few hits; None for more of them."""
        if hits.total is None or hits.total > FEW:
            return None
        return tallied(map(columns_of, self._few(query) if hits.all is None else hits.all))

    def of(self, query: tantivy.Query, passes: Passes, hits: Hits) -> Answers:
        many = hits.total is None or hits.total > MANY
        # Two queries that look alike are the same: tantivy writes down all that is in one.
        question = f"{query!r} {passes!r}"
        answers = self._kept.get(question)
        if answers is None:
            direct = not many or not self._changed
            answers = self._count(query, passes) if direct else self._since(question, query, passes)
            self._kept.put(question, answers)
            if direct and many:
                self._base.kept.put(question, answers)
        return answers

    def total(self, query: tantivy.Query) -> int:
        """How many hits it has. Kept until the next commit: it is far quicker to count than what they have."""
        question = repr(query)
        total = self._totals.get(question)
        return self._totals.put(question, count_of(self._searcher, query)) if total is None else total

    def _count(self, query: tantivy.Query, passes: Passes) -> Answers:
        answers: Answers = self._searcher.aggregate(query, dict(passes))
        return answers

    def _few(self, query: tantivy.Query) -> Iterator[tantivy.Document]:
        found = self._searcher.search(worth(query, 1.0), FEW, count=False).hits
        return (self._searcher.doc(address) for _, address in found)

    def _since(self, question: str, query: tantivy.Query, passes: Passes) -> Answers:
        before = self._base.kept.get(question)
        if before is None:
            before = self._base.kept.put(question, self._base.searcher.aggregate(query, dict(passes)))
        ids = tantivy.Query.term_set_query(self._schema, "id", list(self._changed))
        changed = all_of([ids, query])
        gone = self._base.searcher.aggregate(changed, dict(passes))
        come = self._searcher.aggregate(changed, dict(passes))
        if _is_cut(before) or _is_cut(come):
            return self._count(query, passes)
        return {
            # Ranges are all wanted, and in their order: an index without documents has none.
            name: {"buckets": _sum(come[name], before[name], gone[name], zeros="range" in wanted)}
            for name, wanted in passes.items()
        }


def _is_cut(answers: Answers) -> bool:
    """Whether there are more values than were given."""
    return any(answer.get("sum_other_doc_count") for answer in answers.values())


def _sum(come: Answers, before: Answers, gone: Answers, *, zeros: bool) -> list[dict[str, Any]]:
    counts: dict[Any, int] = {}
    for answer, sign in ((come, 1), (before, 1), (gone, -1)):
        for bucket in answer["buckets"]:
            counts[bucket["key"]] = counts.get(bucket["key"], 0) + sign * bucket["doc_count"]
    return [{"key": key, "doc_count": count} for key, count in counts.items() if count or zeros]
