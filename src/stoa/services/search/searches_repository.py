"""The SQL of what was searched for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import msgspec

from stoa.kit.db import Db, affected


class Counted(NamedTuple):
    """How often, how often in vain, and how many were found of all times together."""

    times: int
    without: int
    results: int


# Of a day that has as many as are kept, what is new is counted as the rest. In the order of the key, as all lock.
ADD_SEARCHES = """
    WITH told AS (
        SELECT new.*, known.there IS NOT NULL AS there, row_number() OVER (PARTITION BY day) AS place
        FROM unnest($1::date[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
             AS new (day, query, times, without, results)
        LEFT JOIN LATERAL (
            SELECT true AS there FROM searches
            WHERE searches.day = new.day AND searches.query = new.query LIMIT 1
        ) AS known ON true
    ), room AS (
        SELECT day, $6 - (SELECT count(*) FROM searches WHERE searches.day = days.day) AS left
        FROM (SELECT DISTINCT day FROM told) AS days
    )
    INSERT INTO searches AS known (day, query, times, without, results)
    SELECT day, CASE WHEN there OR place <= room.left THEN query ELSE '' END AS kept,
           sum(times), sum(without), sum(results)
    FROM told JOIN room USING (day)
    GROUP BY day, kept ORDER BY day, kept
    ON CONFLICT (day, query) DO UPDATE
    SET times = known.times + excluded.times, without = known.without + excluded.without,
        results = known.results + excluded.results
"""


async def add_searches(db: Db, gathered: Mapping[tuple[date, str], Counted], most_a_day: int) -> None:
    """`gathered` by day and query."""
    if gathered:
        counted = gathered.values()
        await db.execute(
            ADD_SEARCHES,
            [day for day, _ in gathered],
            [query for _, query in gathered],
            [one.times for one in counted],
            [one.without for one in counted],
            [one.results for one in counted],
            most_a_day,
        )


class Searched(msgspec.Struct, frozen=True):
    """A search, as searches are compared: how many `times`, how many of them found nothing, and how many products were
    found on the average."""

    query: str
    times: int
    without_results: int
    average_results: float


REPORT = """
    SELECT query, sum(times)::bigint AS times, sum(without)::bigint AS without_results,
           round(sum(results) / sum(times), 1)::float8 AS average_results
    FROM searches
    WHERE day BETWEEN $1 AND $2 AND query <> '' AND (NOT $3 OR without > 0)
    GROUP BY query
    HAVING $4::bigint IS NULL OR (-sum(CASE WHEN $3 THEN without ELSE times END), query) > (-$4, $5)
    ORDER BY sum(CASE WHEN $3 THEN without ELSE times END) DESC, query
    LIMIT $6
"""


async def report(
    db: Db, since: date, until: date, *, in_vain: bool, limit: int, after: tuple[int, str] | None = None
) -> list[Searched]:
    """The most frequent first; with `in_vain` by how often nothing was found. Those behind so many times of a query."""
    often, query = after or (None, None)
    return [Searched(**row) for row in await db.fetch(REPORT, since, until, in_vain, often, query, limit)]


TOTALS = """
    SELECT coalesce(sum(times), 0)::bigint AS times, coalesce(sum(without), 0)::bigint AS without,
           coalesce(sum(results), 0)::bigint AS results
    FROM searches WHERE day BETWEEN $1 AND $2
"""


async def totals(db: Db, since: date, until: date) -> Counted:
    row = await db.fetchrow(TOTALS, since, until)
    assert row is not None
    return Counted(*row)


FORGET_SEARCHES = """
    DELETE FROM searches WHERE (day, query) IN (
        SELECT day, query FROM searches WHERE day < $1 ORDER BY day, query LIMIT $2
    )
"""


async def forget_searches(db: Db, before: date, most: int) -> int:
    """So many of the oldest; how many."""
    return affected(await db.execute(FORGET_SEARCHES, before, most))
