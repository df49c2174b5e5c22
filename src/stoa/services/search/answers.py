"""What search answers: out of the index, with what the caller is shown of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from stoa.kit.http.pages import BadCursor
from stoa.ports.search import BadPosition, Filters, Found, Hit, Piece, Query, SearchIndex
from stoa.services.search.asked import SearchQuery, SuggestQuery, query_of
from stoa.services.search.cursors import cursor_of, place_in
from stoa.services.search.document import C, Card, card_in
from stoa.services.search.facets import FacetsView, facets_view
from stoa.services.search.service import Search


class FoundCard(Card, kw_only=True):
    """A product as GET /products lists it, with what of it can be bought as far as was told, and where the search was
    found in it: by `name` and `description`, in pieces that are the text when joined."""

    highlights: Mapping[str, Sequence[Piece]] = {}


class SearchView(msgspec.Struct, kw_only=True):
    """`total` counts all pages. `corrected` is what was searched for instead of `q`, where a word of it is written
    otherwise in this shop; `relaxed`: nothing has all of the words. `redirect` is a page of the shop that is about this
    search."""

    items: list[FoundCard]
    total: int
    facets: FacetsView
    corrected: str | None
    relaxed: bool
    redirect: str | None
    next_cursor: str | None


class SuggestedCategory(msgspec.Struct):
    slug: str
    name: str


class SuggestView(msgspec.Struct, kw_only=True):
    """`texts` are searches that begin like this."""

    products: list[Card]
    texts: Sequence[str]
    categories: Sequence[SuggestedCategory]
    brands: Sequence[str]


_found_card = msgspec.json.Decoder(FoundCard).decode
_card = msgspec.json.Decoder(Card).decode


async def search(service: Search, asked: SearchQuery) -> SearchView:
    """Raises `IndexBehind`, `BadCursor`, and what `query_of` does."""
    index = await service.following.current()
    rules, attributes = service.following.rules, service.following.attributes
    own = service.settings.locales[0]
    query = query_of(asked, rules, attributes, service.settings.price_bounds, after=place_in(asked, own))
    found = await _search(index, query)
    if asked.cursor is None and asked.q and query.filters == Filters():
        # What has but some of the words is not what was looked for.
        service.searches.count(asked.q, 0 if found.relaxed else found.total)
    return SearchView(
        items=[_item(hit, asked.locale) for hit in found.hits],
        total=found.total,
        facets=facets_view(found.facets, attributes, asked.locale),
        corrected=found.corrected,
        relaxed=found.relaxed,
        redirect=rules.of(asked.q).redirect,
        next_cursor=cursor_of(found.next, asked, own),
    )


async def suggest(service: Search, asked: SuggestQuery) -> SuggestView:
    """Raises `IndexBehind`."""
    index = await service.following.current()
    suggested = await index.suggest(asked.q, locale=asked.locale or "", limit=asked.limit)
    return SuggestView(
        products=[_in_language(_card(one.card), one.card, asked.locale) for one in suggested.products],
        texts=suggested.texts,
        categories=[SuggestedCategory(one.slug, one.name) for one in suggested.categories],
        brands=suggested.brands,
    )


async def _search(index: SearchIndex, query: Query) -> Found:
    try:
        return await index.search(query)
    except BadPosition:
        raise BadCursor("Use next_cursor of the page before, unchanged.", field="cursor") from None


def _item(hit: Hit, locale: str | None) -> FoundCard:
    card = _in_language(_found_card(hit.card), hit.card, locale)
    card.highlights = hit.highlights
    return card


def _in_language(card: C, kept: bytes, locale: str | None) -> C:
    return card if locale is None else card_in(locale, card, kept)
