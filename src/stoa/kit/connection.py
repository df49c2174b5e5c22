"""asyncpg's connection, which asks PostgreSQL less.

It does not ask about PostgreSQL's own types, because another of this process has. asyncpg looks each type that it meets
for the first time up in the catalog, on each connection anew, by a query that takes longer than connecting and leaves
two megabytes behind in the server's process each time. The types that come with PostgreSQL have fixed numbers and never
change: what one connection was told is true for all. Types made in a database are looked up as ever.

And what need not be answered by itself goes out with the next statement, in one message. In PostgreSQL's extended
protocol the server answers when it is asked to (Sync), and asyncpg asks with each statement: what is written before it
without that is run first, and answered together with it. asyncpg skips answers that are not the statement's. Its way of
writing arguments is not ours to use, so these go as text, which PostgreSQL reads as any type. All leaves in one write:
by two the server is woken for the first, and where the machine is busy it then takes the turn of whoever has the
second.

There is no public way for any of it: tests watch them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

FIRST_MADE_TYPE = 16384
"""PostgreSQL numbers what comes with it below, in every database and every release."""

_known: dict[int, list[asyncpg.Record]] = {}
"""By the number of a type, what asyncpg found out when it asked: the type, and those that it is made of."""


class _Transport:
    """Where a connection writes to. What `waits` goes out with what is written next."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.waits: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, message: bytes | memoryview) -> None:
        if self.waits:
            message = b"".join((*self.waits, message))
            self.waits.clear()
        self._transport.write(message)


class _Protocol(asyncpg.protocol.Protocol):
    """asyncpg's, but for where it writes to. asyncpg asks nobody which it is to use: so it takes asyncpg's place."""

    def connection_made(self, transport: Any) -> None:
        self.writes_to = _Transport(transport)
        super().connection_made(self.writes_to)


asyncpg.protocol.Protocol = _Protocol  # type: ignore[misc, assignment]  # it is not meant to be


class Connection(asyncpg.Connection):
    """asyncpg's, with one of its methods replaced and two more."""

    def __init__(self, *made_of: Any) -> None:
        super().__init__(*made_of)
        self._unread: dict[str, PreparedStatement] = {}
        """Those whose answers nobody reads. asyncpg forgets a statement that nobody holds."""

    def before_next(self, commands: Iterable[bytes]) -> None:
        """Have them run before the next statement, which is to be asked at once. They cost no round trip.

        Each is made by `bare` or `unread`. If one fails, the statement is not run, and
        raises its error; `execute` without arguments, which is asked in another protocol, would wait for ever.
        """
        if not self.is_closed():  # otherwise the statement says so
            self._protocol.writes_to.waits += commands  # type: ignore[attr-defined]  # not in the stubs

    async def unread(self, sql: str, *arguments: object) -> bytes:
        """A statement that answers no rows, to be run by `before_next`. The server learns it when it is first made."""
        statement = self._unread.get(sql)
        if statement is None:
            statement = await self.prepare(sql)
            if statement.get_attributes():
                raise TypeError(f"it answers rows, and nobody would read them: {sql}")
            self._unread[sql] = statement
        return _bind(statement.get_name(), [_text(each) for each in arguments])

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
def bare(command: str) -> bytes:
    """One command without parameters that answers no rows: to be run by `before_next`."""
    return _message(b"P", b"\0" + command.encode() + b"\0" + struct.pack("!h", 0)) + _bind("", ())


def _bind(statement: str, arguments: Sequence[bytes | None]) -> bytes:
    """Bind and Execute, without a name of their own; all arguments as text."""
    parts = [b"\0", statement.encode(), b"\0", struct.pack("!hh", 0, len(arguments))]
    for each in arguments:
        parts += (struct.pack("!i", -1),) if each is None else (struct.pack("!i", len(each)), each)
    parts.append(struct.pack("!h", 0))
    return _message(b"B", b"".join(parts)) + _message(b"E", b"\0" + struct.pack("!i", 0))


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _text(value: object) -> bytes | None:
    """A value as PostgreSQL reads it, whatever the type that it is to be of."""
    if value is None:
        return None
    if isinstance(value, list):
        return ("{" + ",".join(map(_element, value)) + "}").encode()
    return _word(value).encode()


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    word = _word(value)
    if "\\" in word or '"' in word:
        word = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{word}"'


def _word(value: object) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int | float):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not written as text")
