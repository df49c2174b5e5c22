"""What a service asks of its database: each statement, in its place whatever it goes out with, and each COMMIT. BEGIN
goes along with the first."""

from __future__ import annotations

import asyncio
from typing import Any

from stoa.kit.connection import Connection
from stoa.kit.db import Database


class Counting(Database):
    """A pool that keeps what was sent. `await db.close()` ends it, like any other."""

    def __init__(self, like: Database) -> None:
        super().__init__(like.service, like.dsn, like.size)
        self._sent: list[str] = []

    async def _connect(self) -> Connection:
        connection = await super()._connect()
        connection.add_query_logger(self._note)
        unread = connection.unread

        async def noted(sql: str, *arguments: object) -> bytes:
            # As late as the driver tells of the others.
            asyncio.get_running_loop().call_soon(self._sent.append, sql)
            return await unread(sql, *arguments)

        connection.unread = noted  # type: ignore[method-assign]
        return connection

    def _note(self, logged: Any) -> None:
        self._sent.append(logged.query)

    async def taken(self) -> list[str]:
        """What was sent since this was last asked."""
        await asyncio.sleep(0)  # the driver tells it when the loop is next free
        sent, self._sent = self._sent, []
        return sent
