"""Search's public API: everybody searches, staff say what comes of it and read what was searched for."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from stoa.kit import clock, problems
from stoa.kit.http.pages import BadCursor, decode_cursor, page_of
from stoa.kit.http.routes import PUBLIC, Request, Routes, may
from stoa.kit.http.types import PageQuery
from stoa.services.search import rules_routes, searches_repository
from stoa.services.search.answers import SearchView, SuggestView, search, suggest
from stoa.services.search.asked import SearchQuery, SuggestQuery
from stoa.services.search.rules import MOST_QUERY
from stoa.services.search.searches_repository import Searched
from stoa.services.search.service import Search

READ_REPORT = may("search.report.read")
LONGEST_REPORT = timedelta(days=92)
"""A quarter: at most two million rows."""

routes: Routes[Search] = Routes("search")


class ReportQuery(
    PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"since": "from", "until": "to"}
):
    """Of which days.

    from: the first, as 2027-01-31; left out: 29 days before the last
    to: the last, which counts; left out: today in UTC
    in_vain: only searches that found nothing at least once, the most frequent of these first
    limit: how many searches a page has at most
    """

    since: date | None = None
    until: date | None = None
    in_vain: bool = False
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class ReportView(msgspec.Struct, kw_only=True):
    """All searches of these days, and the most frequent of them; by how often nothing was found, if that was asked.
    `next_cursor` is null on the last page."""

    since: date
    until: date
    searches: int
    without_results: int
    items: list[Searched]
    next_cursor: str | None


class Place(NamedTuple):
    """Behind which search of which report a page begins: what is left out there is as it was on the first page."""

    since: date
    until: date
    in_vain: bool
    often: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    query: Annotated[str, Meta(max_length=MOST_QUERY)]


@routes.get(
    "/search",
    query=SearchQuery,
    answer=SearchView,
    who=PUBLIC,
    summary="Find products",
    also=("/products/search",),
)
async def get_search(service: Search, request: Request[None, SearchQuery]) -> SearchView:
    return await search(service, request.query)


@routes.get("/search/suggest", query=SuggestQuery, answer=SuggestView, who=PUBLIC, summary="What a search may become")
async def get_suggestions(service: Search, request: Request[None, SuggestQuery]) -> SuggestView:
    return await suggest(service, request.query)


@routes.get("/search/report", query=ReportQuery, answer=ReportView, who=READ_REPORT, summary="What was searched for")
async def get_report(service: Search, request: Request[None, ReportQuery]) -> ReportView:
    query = request.query
    place = decode_cursor(query.cursor, Place)
    until = query.until or (place.until if place else clock.now().date())
    since = query.since or (place.since if place else until - min(timedelta(days=29), until - date.min))
    if since > until:
        raise problems.Unprocessable(f"The first day, {since}, is after the last, {until}.", field="from")
    if until - since >= LONGEST_REPORT:
        raise problems.Unprocessable(f"A report is of 1 to {LONGEST_REPORT.days} days.", field="from")
    if place is not None and place[:3] != (since, until, query.in_vain):
        raise BadCursor("Use next_cursor of the page before, unchanged, with the same report.", field="cursor")
    # So that what was searched for a moment ago is in it, as far as it was here.
    await service.searches.write()
    total = await searches_repository.totals(service.db, since, until)
    found = await searches_repository.report(
        service.db, since, until, in_vain=query.in_vain, limit=query.limit + 1, after=place and place[3:]
    )
    page = page_of(found, query.limit, lambda one: Place(since, until, query.in_vain, _often(one, query), one.query))
    return ReportView(
        since=since,
        until=until,
        searches=total.times,
        without_results=total.without,
        items=page.items,
        next_cursor=page.next_cursor,
    )


def _often(one: Searched, query: ReportQuery) -> int:
    return one.without_results if query.in_vain else one.times


routes.include(rules_routes.routes)
