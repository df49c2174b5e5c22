"""Databases that are filled beside the place where they will stand, and are put there all at once.

Whatever happens before that, the installation has none of them: nobody finds a shop of which a part is there. Renaming
is a transaction, so all have their names or none has.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import asyncpg

from stoa.kit import clock
from stoa.kit.migrate import MigrationError, pending
from stoa.kit.service import Service
from stoa.runtime.access import Access, place_of
from stoa.runtime.failure import Failure
from stoa.runtime.provision import as_failure, connect, found_of, make_database, make_roles, migrations_of, turn_of

_BESIDE = "_restoring"

# One that a later migration makes has given nothing.
_SKIP = "SELECT setval(sequence, nextval(sequence) + $2) FROM to_regclass($1) AS sequence WHERE sequence IS NOT NULL"


class Restoring:
    """Empty databases, one for each service: fill each by its `dsn_of`, then `put_in_place`."""

    def __init__(self, admin: asyncpg.Connection, access: Access, services: Iterable[Service]) -> None:
        self._admin = admin
        self._access = access
        self._services = {access.role(service): service for service in services}

    def dsn_of(self, service: Service) -> str:
        """As the service's role, which owns the database."""
        return urlsplit(self._access.dsn_of(service))._replace(path=f"/{self._access.role(service)}{_BESIDE}").geturl()

    async def make(self) -> None:
        """Raises `Failure`, before anything is changed, where a shop is in the way."""
        found = await found_of(self._admin, self._services)
        there = [name for name, each in found.items() if each.owner is not None]
        if there:
            raise Failure(
                f"the server at {place_of(self._access.dsn)} has a shop {self._access.name} ({', '.join(there)})",
                "a backup is not restored over one: choose another --data-dir, --name or --database-url",
            )
        await make_roles(self._admin, self._access, self._services, found)
        await self.remove()
        for name in self._services:
            await make_database(self._admin, f"{name}{_BESIDE}", owner=name)

    async def skip_numbers(self, at: datetime) -> None:
        """What was given out after the moment `at` is not given again: one is passed by for each millisecond since.

        No shop gives more, so it holds for the second restore of the same backup too.
        """
        passed = max(clock.now() - at, timedelta()) // timedelta(milliseconds=1)
        for service in self._services.values():
            if service.numbers:
                connection = await connect(self.dsn_of(service))
                try:
                    for sequence in service.numbers:
                        await connection.execute(_SKIP, sequence, passed)
                finally:
                    await connection.close()

    async def put_in_place(self) -> None:
        """Raises `Failure`, and puts none, where this code cannot run on one of them."""
        for service in self._services.values():
            try:
                await pending(self.dsn_of(service), service.name, migrations_of(service))
            except MigrationError as error:
                raise as_failure(error) from None
        async with self._admin.transaction():
            for name in self._services:
                await self._admin.execute(f"ALTER DATABASE {name}{_BESIDE} RENAME TO {name}")

    async def remove(self) -> None:
        """What was not put in place, of this time or of one that was cut short."""
        for name in self._services:
            await self._admin.execute(f"DROP DATABASE IF EXISTS {name}{_BESIDE} WITH (FORCE)")


@contextlib.asynccontextmanager
async def restoring(access: Access, services: Iterable[Service]) -> AsyncIterator[Restoring]:
    """Alone in making databases on this server for the block. What it did not put in place is removed after it."""
    async with turn_of(access) as admin:
        databases = Restoring(admin, access, services)
        await databases.make()
        try:
            yield databases
        finally:
            await databases.remove()
