"""Tries what a text may mean, one attempt after another, until one finds something.

0. every word, spelled otherwise where this shop does not have it
1. one word spelled otherwise although it is known, since nothing has all of them
2. fewer of the words

What the filters leave of an attempt does not matter here: a text that finds something without them finds nothing with
them, and is not made another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import tantivy

from stoa.ports.search import MOST_SHOWN, BadPosition, FacetCounts, Facets, Found, Hit, Query, Sort, Suggested
from stoa.services.search.index import facets, paging
from stoa.services.search.index.bands import MOST_WORTH
from stoa.services.search.index.best import MANY, Best, Spreads, WorthMost
from stoa.services.search.index.counting import Counts, Hits, Recent
from stoa.services.search.index.fields import PRODUCT, Fields, kept_of, shown_of
from stoa.services.search.index.filters import Narrowing
from stoa.services.search.index.highlights import Marker
from stoa.services.search.index.matching import Lead, Matcher
from stoa.services.search.index.names import Names
from stoa.services.search.index.paging import COLUMNS, Pager, Position, Row
from stoa.services.search.index.queries import MUST, SHOULD, all_of, any_of, count_of, finds, term, worth
from stoa.services.search.index.reading import read
from stoa.services.search.index.understanding import Understanding
from stoa.services.search.index.units import Asked

MOST_PINNED = 50
_PINNED = 1e6
_BURIED = -1e6
MOST_LIMIT = 1_000


class _Attempt(NamedTuple):
    number: int
    asked: Asked
    match: tantivy.Query


class _Page(NamedTuple):
    rows: Sequence[Row]
    more: bool
    total: int
    """On all pages."""


@dataclass(frozen=True)
class Opened:
    """What was committed at one moment, and what is known of it."""

    index: tantivy.Index
    searcher: tantivy.Searcher
    documents: int
    counts: Counts
    spreads: Spreads
    names: Names
    suggested: Recent[tuple[str, str, int], Suggested]
    facets: Recent[str, FacetCounts]


class Search:
    """One query of one searcher."""

    def __init__(self, opened: Opened, fields: Fields, query: Query) -> None:
        index, searcher = opened.index, opened.searcher
        self._opened = opened
        self._searcher = searcher
        self._fields = fields
        self._schema = fields.schema
        self._query = query
        self._locale = fields.known(query.locale)
        self._understanding = Understanding(searcher, fields, self._locale)
        self._matcher = Matcher(searcher, fields, self._locale)
        self._pager = Pager(index, searcher, fields, self._locale)
        self._reading = read(query.text, fields.languages[self._locale])
        # Of a text without a word, such as a picture of a flame, nothing is known.
        says_nothing = self._reading.text.strip() and not self._reading.says_something
        self._everything = tantivy.Query.empty_query() if says_nothing else term(self._schema, "kind", PRODUCT)
        self._filters = Narrowing(query.filters, fields, index, searcher, self._locale)

    def run(self) -> Found:
        query = self._query
        after = None if query.after is None else paging.decode(query.after, query.sort)
        limit = min(max(0, query.limit), MOST_LIMIT)
        if query.sort is Sort.RELEVANCE and after is not None:
            limit = min(limit, MOST_SHOWN - after.shown)
        attempt, page = self._attempt(after, max(limit, 1))
        matches = self._with_pinned(attempt.match)
        shown = page.rows[:limit]
        documents = [self._searcher.doc(row.address) for row in shown]
        return Found(
            hits=self._hits(documents, attempt.asked),
            total=page.total,
            facets=self._counts(matches, page.total, documents) if query.facets != Facets() else FacetCounts(),
            corrected=attempt.asked.corrected,
            relaxed=attempt.asked.at_least is not None,
            next=self._next(shown, attempt, after) if page.more and shown else None,
        )

    def _attempt(self, after: Position | None, limit: int) -> tuple[_Attempt, _Page]:
        """The first that finds something, or that which the page before was of."""
        last: tuple[_Attempt, _Page] | None = None
        for number, asked in enumerate(self._attempts()):
            match = self._matcher.match(asked) if self._reading.says_something else self._everything
            attempt = _Attempt(number, asked, match)
            if after is not None and number < after.attempt:
                continue
            page = self._page(attempt, limit, after)
            if after is not None or self._found(page.total, match):
                return attempt, page
            last = last or (attempt, page)
        if last is None:
            raise BadPosition("There are fewer attempts at this text.")
        return last

    def _page(self, attempt: _Attempt, limit: int, after: Position | None) -> _Page:
        asked = attempt.asked
        narrowed = all_of([self._with_pinned(attempt.match), *self._filters.all()])
        weight = "worth" if self._reading.parts else "standing"
        total: int | None = None
        best: Callable[[int], Best | None] | None = None
        if self._matcher.at_most(asked) > MANY and (after is None or self._query.sort is Sort.RELEVANCE):
            total = self._total(narrowed, many=True)
            best = partial(self._best, asked, narrowed, total)
        scored = self._scored(narrowed, asked)
        rows, more = self._pager.page(scored, self._query.sort, limit, after, weight=weight, best=best)
        if total is None:
            # Counted apart, which takes less than to count what is put in order.
            total = self._total(narrowed) if more or after is not None else len(rows)
        return _Page(rows, more, total)

    def _total(self, narrowed: tantivy.Query, *, many: bool = False) -> int:
        if not self._reading.text.strip() and not self._filters.names:
            return self._opened.documents
        return self._opened.counts.total(narrowed) if many else count_of(self._searcher, narrowed)

    def _best(self, asked: Asked, narrowed: tantivy.Query, total: int, needed: int) -> Best | None:
        """What comes first of many hits is among these."""
        query = self._query
        if total <= MANY:
            return None
        first: tantivy.Query | None = None
        if query.sort in COLUMNS:
            field, falling = COLUMNS[query.sort]
            spreads = self._opened.spreads
            first = spreads.first(self._searcher, self._schema, field, total, needed, falling=falling)
        elif query.sort is Sort.RELEVANCE and self._reading.parts:
            lead = self._matcher.lead(asked)
            return lead and self._leading(lead, asked, total, needed)
        elif query.sort is Sort.RELEVANCE and not (query.pinned or query.buried):
            most = self._worth_most("standing", total, needed)
            first = most and most.query
        return None if first is None else Best(self._scored(all_of([narrowed, first]), asked))

    def _leading(self, lead: Lead, asked: Asked, total: int, needed: int) -> Best:
        """Those with the word in their name; of many of them those that are worth most."""
        least = lead.others * MOST_WORTH
        query = lead.query
        # As many of the hits as of all that have the word.
        leading = total * lead.documents // max(1, self._matcher.at_most(asked))
        if leading > MANY and (most := self._worth_most("worth", leading, needed)):
            query = all_of([query, any_of([most.query, *lead.beside])])
            least = max(least, lead.rest * most.factor)
        return Best(self._scored(all_of([self._with_pinned(query), *self._filters.all()]), asked), least)

    def _worth_most(self, field: str, hits: int, needed: int) -> WorthMost | None:
        return self._opened.spreads.worth_most(self._searcher, self._schema, field, hits, needed)

    def _found(self, total: int, match: tantivy.Query) -> bool:
        """Whether the text finds something, which is not what a filter left of it, nor what was pinned."""
        if total and not self._query.pinned:
            return True
        if not total and not self._filters.names:
            return False
        return finds(self._searcher, match)

    def _attempts(self) -> Iterator[Asked]:
        exact = self._query.exact
        asked = self._understanding.understand(self._reading, self._query.synonyms, exact=exact)
        yield asked
        if not exact and self._reading.parts:
            # Where a word was not wanted, nothing may be left of what has the others.
            if not self._reading.without:
                yield from self._understanding.respelled(self._reading, asked)
            yield from self._understanding.relaxed(asked)

    def _counts(self, matches: tantivy.Query, total: int, shown: Sequence[tantivy.Document]) -> FacetCounts:
        wanted, kept = self._query.facets, self._opened.facets
        question = f"{self._locale} {matches!r} {self._filters!r} {wanted!r}"
        if (counts := kept.get(question)) is not None:
            return counts
        hits = Hits(total, shown if len(shown) == total else None)
        return kept.put(
            question, facets.count(self._opened.counts, matches, self._filters, wanted, hits, locale=self._locale)
        )

    def _with_pinned(self, match: tantivy.Query) -> tantivy.Query:
        ids = self._query.pinned[:MOST_PINNED]
        if not ids:
            return match
        # What was removed has its id still.
        pinned = all_of([any_of(map(self._id, ids)), term(self._schema, "kind", PRODUCT)])
        return any_of([match, pinned])

    def _scored(self, narrowed: tantivy.Query, asked: Asked) -> tantivy.Query:
        """The hits with what makes one come before another, as far as that is asked for."""
        if self._query.sort is not Sort.RELEVANCE:
            return narrowed
        pinned = self._query.pinned[:MOST_PINNED]
        clauses = [(MUST, worth(narrowed, 1.0))]
        clauses.extend((SHOULD, query) for query in self._matcher.scores(asked))
        for place, id_ in enumerate(reversed(pinned)):
            # Each twice the one below it, so that what else is worth something cannot change their order.
            clauses.append((SHOULD, worth(self._id(id_), _PINNED * 2.0**place)))
        clauses.extend((SHOULD, worth(self._id(id_), _BURIED)) for id_ in self._query.buried if id_ not in pinned)
        return tantivy.Query.boolean_query(clauses)

    def _id(self, id_: str) -> tantivy.Query:
        return term(self._schema, "id", id_)

    def _hits(self, documents: Sequence[tantivy.Document], asked: Asked) -> list[Hit]:
        marker = Marker(asked.stems, self._fields.languages[self._locale]) if asked.stems else None
        hits: list[Hit] = []
        for document in documents:
            marked = marker.highlights(shown_of(document, self._locale)) if marker else {}
            hits.append(Hit(str(document.get_first("id")), card_of(document), marked))
        return hits

    def _next(self, rows: Sequence[paging.Row], attempt: _Attempt, after: Position | None) -> str | None:
        shown = len(rows) + (after.shown if after is not None else 0)
        if self._query.sort is Sort.RELEVANCE and shown >= MOST_SHOWN:
            return None
        last = rows[-1]
        return paging.encode(Position(self._query.sort, attempt.number, shown, last.tie, last.key))


def card_of(document: tantivy.Document) -> bytes:
    return kept_of(document, "card")
