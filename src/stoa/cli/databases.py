"""Every service's database, for the commands that look over all of them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping

from stoa.app import STORED
from stoa.kit.db import Database
from stoa.kit.problems import Problem
from stoa.runtime.access import Access
from stoa.runtime.failure import failure_of
from stoa.runtime.provision import check

POOL_SIZE = 2  # such a command asks one question at a time
# and reads whole tables
PATIENT = {"statement_timeout": "0", "plan_cache_mode": "auto", "enable_seqscan": "on"}


@contextlib.asynccontextmanager
async def every_database(access: Access) -> AsyncIterator[Mapping[str, Database]]:
    """By the service's name, each with its own role, closed after the block.

    Raises `Failure` where one is silent, not this installation's, or not up to date.
    """
    await check(access, STORED.values())
    databases = {name: Database(name, access.dsn_of(service), POOL_SIZE, PATIENT) for name, service in STORED.items()}
    async with contextlib.AsyncExitStack() as closing:
        for database in databases.values():
            closing.push_async_callback(database.close)
        try:
            yield databases
        except Problem as problem:
            raise failure_of(problem, "run `stoa doctor`") from None
