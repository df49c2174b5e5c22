"""A database and a role per service: made once, kept, and closed to all others."""

from __future__ import annotations

import asyncpg
import pytest

from stoa.app import SERVICES
from stoa.runtime import provision
from stoa.runtime.failure import Failure
from stoa.runtime.postgres import Postgres
from stoa.runtime.secrets import Secrets

SECRETS = Secrets("a secret of this test, long enough")


@pytest.fixture(scope="module")
async def provided(postgres_server) -> Postgres:
    server = await postgres_server(durable=False)
    await provision.prepare(server.dsn(), SECRETS, SERVICES.values(), lambda *_: None)
    return server


async def test_a_repeat_finds_nothing_to_do(provided: Postgres) -> None:
    done: dict[str, int] = {}
    await provision.prepare(provided.dsn(), SECRETS, SERVICES.values(), done.__setitem__)
    assert done == dict.fromkeys(SERVICES, 0)


async def test_a_new_secret_changes_the_passwords_and_keeps_the_data(provided: Postgres) -> None:
    cart = SERVICES["cart"]
    other = Secrets("another secret of this test, long enough")
    connection = await asyncpg.connect(provision.service_dsn(provided.dsn(), cart, SECRETS))
    await connection.execute("CREATE TABLE kept (id int)")
    await connection.close()
    await provision.prepare(provided.dsn(), other, [cart], lambda *_: None)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(provision.service_dsn(provided.dsn(), cart, SECRETS))
    connection = await asyncpg.connect(provision.service_dsn(provided.dsn(), cart, other))
    assert await connection.fetchval("SELECT to_regclass('kept') IS NOT NULL")
    await connection.execute("DROP TABLE kept")
    await connection.close()
    await provision.prepare(provided.dsn(), SECRETS, [cart], lambda *_: None)


async def test_a_database_of_a_newer_stoa_is_refused_in_one_line(provided: Postgres) -> None:
    dsn = provision.service_dsn(provided.dsn(), SERVICES["user"], SECRETS)
    connection = await asyncpg.connect(dsn)
    await connection.execute("INSERT INTO schema_migrations (name, sha256) VALUES ('user/9999_future.sql', '')")
    with pytest.raises(Failure) as failure:
        await provision.prepare(provided.dsn(), SECRETS, SERVICES.values(), lambda *_: None)
    assert str(failure.value) == "user: the database has user/9999_future.sql, which this version lacks; upgrade Stoa"
    await connection.execute("DELETE FROM schema_migrations WHERE name = 'user/9999_future.sql'")
    await connection.close()


async def test_an_unreachable_server_is_named_without_its_password(unused_port: int) -> None:
    with pytest.raises(Failure) as failure:
        await provision.check_server(f"postgresql://admin:hush@127.0.0.1:{unused_port}/postgres")
    assert f"the database at 127.0.0.1:{unused_port} cannot be reached" in str(failure.value)
    assert "hush" not in str(failure.value)
    assert "\n" not in str(failure.value)


async def test_an_administrator_who_is_no_superuser_is_enough(provided: Postgres) -> None:
    admin = await asyncpg.connect(provided.dsn())
    await admin.execute("CREATE ROLE manager LOGIN CREATEROLE CREATEDB PASSWORD 'manager'")
    await admin.execute("DROP DATABASE stoa_notification")
    await admin.execute("DROP ROLE stoa_notification")
    dsn = provided.dsn().replace(provided.dsn().partition("@")[0], "postgresql://manager:manager")
    done: dict[str, int] = {}
    await provision.prepare(dsn, SECRETS, [SERVICES["notification"]], done.__setitem__)
    assert done["notification"] > 0
    await admin.close()
