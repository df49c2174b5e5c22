"""What search does when it is time, and what the next process that comes finds undone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from stoa.kit import clock
from stoa.kit.rounds import in_rounds
from stoa.kit.service import Job
from stoa.services.search import popularity, repository, sales_repository, searches_repository
from stoa.services.search.service import Search

END_EVERY_SECONDS = 3600.0
FADE_EVERY_SECONDS = 3600.0


async def end_what_is_old(search: Search) -> None:
    """Tombstones, reports, lines of orders. The index may forget what the documents have forgotten, and not before."""
    gone_before = clock.now() - timedelta(days=search.settings.gone_days)
    await in_rounds(partial(repository.forget_gone, search.db, gone_before))
    await search.following.forget_removed(gone_before)
    await repository.forget_indexes(search.db, clock.now() - timedelta(days=1))
    searched_before = clock.now().date() - timedelta(days=search.settings.report_days)
    await in_rounds(partial(searches_repository.forget_searches, search.db, searched_before))
    sold_before = clock.now() - popularity.KEPT_FOR
    await in_rounds(partial(sales_repository.forget_lines, search.db, sold_before))


async def let_fade(search: Search) -> None:
    """What was sold once is worth less by now."""
    if await in_rounds(partial(sales_repository.fade, search.db, clock.now())):
        search.feeding.wake()


def jobs(search: Search) -> Sequence[Job]:
    return [
        Job("feed", search.feeding.run),
        Job("follow-documents", search.following.worker.run),
        Job("let-popularity-fade", partial(let_fade, search), every_seconds=FADE_EVERY_SECONDS),
        Job("end-what-is-old", partial(end_what_is_old, search), every_seconds=END_EVERY_SECONDS),
    ]
