"""A connection that does not ask PostgreSQL about PostgreSQL's own types, because another of this process has.

asyncpg looks each type that it meets for the first time up in the catalog, on each connection anew, by a
query that takes longer than connecting and leaves two megabytes behind in the server's process each time.
The types that come with PostgreSQL have fixed numbers and never change: what one connection was told is
true for all. Types made in a database are looked up as ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import asyncpg

FIRST_MADE_TYPE = 16384
"""PostgreSQL numbers what comes with it below, in every database and every release."""

_known: dict[int, list[asyncpg.Record]] = {}
"""By the number of a type, what asyncpg found out when it asked: the type, and those that it is made of."""


class Connection(asyncpg.Connection):
    """asyncpg's, with one method of its own taken over (there is no public way); a test watches it."""

    async def _introspect_types(
        self,
        typeoids: Sequence[int],
        timeout: float | None,  # noqa: ASYNC109 - asyncpg's signature
    ) -> tuple[list[Any], Any]:
        unknown = [oid for oid in typeoids if oid not in _known]
        # The caller asks the statement only whether it took the place of another: ours is none.
        statement: Any = SimpleNamespace(name="known")
        rows = [row for oid in typeoids for row in _known.get(oid, ())]
        if len(unknown) > 1:
            # One by one, so that it is known which type needs what.
            for oid in unknown:
                found, statement = await self._introspect_types([oid], timeout)
                rows += found
        elif unknown:
            found, statement = await super()._introspect_types(unknown, timeout)  # type: ignore[misc]  # not in the stubs
            if unknown[0] < FIRST_MADE_TYPE:
                _known[unknown[0]] = found
            rows += found
        return rows, statement
