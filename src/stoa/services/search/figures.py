"""How far search is, when somebody asks `/metrics`."""

from __future__ import annotations

from stoa.kit.telemetry import metrics
from stoa.services.search import repository
from stoa.services.search.service import Search

MOST_COUNTED = 100_000
"""Of what waits: more is as bad."""


async def measure(search: Search) -> None:
    """Set the gauges of this process's index, and of what all of them wait for."""
    behind = search.following.behind_seconds
    waiting = await repository.waiting(search.db, MOST_COUNTED)
    metrics.SEARCH_DOCUMENTS.set(search.following.documents)
    # What catalog announced is behind by both: it waits to become a document, and then for the index to have that.
    metrics.SEARCH_BEHIND_SECONDS.set(float("inf") if behind is None else behind + waiting.seconds)
    metrics.SEARCH_BEHIND_REVISIONS.set(max(0, search.following.revision - search.following.at.revision))
    metrics.SEARCH_STALE.set(waiting.marks)
