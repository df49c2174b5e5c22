"""A service's login role reaches its own database and nothing of another's."""

from __future__ import annotations

import itertools

import asyncpg
import pytest

from stoa.app import SERVICES
from stoa.runtime import provision
from stoa.runtime.access import Access
from stoa.runtime.postgres import Postgres
from stoa.runtime.secrets import Secrets

SECRETS = Secrets("a secret of the walls, long enough to be one")


@pytest.fixture(scope="module")
async def provided(postgres_server) -> Postgres:
    server = await postgres_server(durable=False)
    await provision.prepare(Access(server.dsn(), SECRETS), SERVICES.values(), lambda *_: None)
    return server


@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(SERVICES, 2)))
async def test_permission_is_denied_on_anothers_database(provided: Postgres, one: str, other: str) -> None:
    own = Access(provided.dsn(), SECRETS).dsn_of(SERVICES[one])
    foreign = f"{own.rpartition('/')[0]}/stoa_{other}"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match=f'permission denied for database "stoa_{other}"'):
        await asyncpg.connect(foreign)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_is_no_administrator(provided: Postgres, service: str) -> None:
    connection = await asyncpg.connect(Access(provided.dsn(), SECRETS).dsn_of(SERVICES[service]))
    neighbor = next(name for name in SERVICES if name != service)
    for forbidden in (
        "CREATE ROLE mallory",
        "CREATE DATABASE mine",
        f"SET ROLE stoa_{neighbor}",
        "COPY (SELECT 1) TO '/tmp/leak'",
        "SELECT pg_read_file('pg_hba.conf')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(forbidden)
    await connection.close()
