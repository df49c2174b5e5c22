"""What a service asks of its database: each statement as it is sent, BEGIN and COMMIT among them."""

from __future__ import annotations

from typing import Any

import asyncpg

from stoa.kit.db import Database


class Counting(Database):
    """A pool that keeps what was sent. `await db.close()` ends it, like any other."""

    def __init__(self, like: Database) -> None:
        super().__init__(like.service, like.dsn, like.size)
        self.sent: list[str] = []

    async def _connect(self, *_: object, **__: object) -> asyncpg.Connection:
        connection = await super()._connect()
        connection.add_query_logger(self._note)
        return connection

    def _note(self, logged: Any) -> None:
        # BEGIN may bring a setting along.
        self.sent.append(logged.query.split(";")[0])

    def taken(self) -> list[str]:
        """What was sent since this was last asked."""
        sent, self.sent = self.sent, []
        return sent
