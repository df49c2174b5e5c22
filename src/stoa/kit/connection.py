"""asyncpg's connection, which asks PostgreSQL less.

It does not ask about PostgreSQL's own types, because another of this process has. asyncpg looks each type that it meets
for the first time up in the catalog, on each connection anew, by a query that takes longer than connecting and leaves
two megabytes behind in the server's process each time. The types that come with PostgreSQL have fixed numbers and never
change: what one connection was told is true for all. Types made in a database are looked up as ever.

And what need not be answered by itself goes out with the next statement, in one message. In PostgreSQL's extended
protocol the server answers when it is asked to (Sync), and asyncpg asks with each statement: what is written before it
without that is run first, and answered together with it. asyncpg skips answers that are not the statement's.

There is no public way for either: tests watch them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import asyncpg

FIRST_MADE_TYPE = 16384
"""PostgreSQL numbers what comes with it below, in every database and every release."""

_known: dict[int, list[asyncpg.Record]] = {}
"""By the number of a type, what asyncpg found out when it asked: the type, and those that it is made of."""


class Connection(asyncpg.Connection):
    """asyncpg's, with one method of its own taken over."""

    def before_next(self, *commands: str) -> None:
        """Have them run before the next statement, which is to be asked at once. They cost no round trip.

        Each is one command without parameters that answers no rows. If one fails, the statement is not run, and
        raises its error; `execute` without arguments, which is asked in another protocol, would wait for ever.
        """
        if not self.is_closed():  # otherwise the statement says so
            self._transport.write(b"".join(map(_unanswered, commands)))  # type: ignore[attr-defined]  # not in the stubs

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


@lru_cache(64)
def _unanswered(command: str) -> bytes:
    """Parse, Bind and Execute, all three unnamed and without parameters."""
    parse = b"\0" + command.encode() + b"\0" + struct.pack("!h", 0)
    bind = b"\0\0" + struct.pack("!hhh", 0, 0, 0)
    execute = b"\0" + struct.pack("!i", 0)
    return b"".join(
        kind + struct.pack("!i", len(body) + 4) + body for kind, body in ((b"P", parse), (b"B", bind), (b"E", execute))
    )
