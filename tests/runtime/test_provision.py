"""A database and a role per service: made once, kept, closed to all others, and never taken from somebody else."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from stoa.app import SERVICES
from stoa.runtime import provision
from stoa.runtime.access import Access, place_of
from stoa.runtime.failure import Failure
from stoa.runtime.postgres import Postgres
from stoa.runtime.secrets import Secrets

SECRETS = Secrets("a secret of this test, long enough")
OTHER = Secrets("another secret of this test, long enough")
VERIFIERS = "SELECT array_agg(ARRAY[rolname, rolpassword] ORDER BY rolname) FROM pg_authid WHERE rolname LIKE 'stoa%'"
DATABASES = "SELECT array_agg(datname ORDER BY datname) FROM pg_database"
OPEN = """
    SELECT count(*) FROM pg_database
    WHERE datname LIKE 'stoa%' AND has_database_privilege('public', oid, 'CONNECT, TEMPORARY')
"""


@pytest.fixture(scope="module")
async def provided(postgres_server) -> Access:
    server = await postgres_server(durable=False)
    access = Access(server.dsn(), SECRETS)
    await prepare(access)
    return access


async def prepare(access: Access, *names: str, new_secret: bool = False) -> dict[str, int]:
    """How many migrations each took."""
    done: dict[str, int] = {}
    services = [SERVICES[name] for name in names or SERVICES]
    await provision.prepare(access, services, done.__setitem__, new_secret=new_secret)
    return done


async def ask(access: Access, sql: str):
    """As administrator."""
    connection = await asyncpg.connect(access.dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_a_repeat_finds_nothing_to_do(provided: Access) -> None:
    assert await prepare(provided) == dict.fromkeys(SERVICES, 0)


async def test_several_at_once_on_an_empty_server(postgres_server) -> None:
    server: Postgres = await postgres_server(durable=False)
    for name in ("stoa", "other"):
        access = Access(server.dsn(), SECRETS, name)
        done = await asyncio.gather(*(prepare(access) for _ in range(3)))
        for service in SERVICES:
            assert sorted(bool(each[service]) for each in done) == [False, False, True]


async def test_another_installations_roles_are_not_taken_over(provided: Access) -> None:
    stranger = Access(provided.dsn, OTHER)
    before = [await ask(provided, VERIFIERS), await ask(provided, DATABASES)]
    with pytest.raises(Failure) as refused:
        await prepare(stranger)
    assert refused.value.what.startswith(f"the roles on the server at {place_of(provided.dsn)} ")
    assert "have the passwords of another secret (stoa_auth, stoa_user, " in refused.value.what
    assert "`stoa migrate --new-secret`" in refused.value.mend
    with pytest.raises(Failure, match="have the passwords of another secret"):
        await provision.waiting(stranger, [SERVICES["cart"]])
    # One of them would be new: not even that is made.
    await ask(provided, "DROP DATABASE stoa_notification")
    await ask(provided, "DROP ROLE stoa_notification")
    half = [await ask(provided, VERIFIERS), await ask(provided, DATABASES)]
    with pytest.raises(Failure, match="have the passwords of another secret"):
        await prepare(stranger)
    assert [await ask(provided, VERIFIERS), await ask(provided, DATABASES)] == half
    with pytest.raises(
        Failure, match=r"there is no shop stoa on the server at .*: it has no role stoa_notification; make"
    ):
        await provision.waiting(provided, [SERVICES["notification"]])
    assert (await prepare(provided))["notification"] > 0
    after = [await ask(provided, VERIFIERS), await ask(provided, DATABASES)]
    assert [each[0] for each in after[0]] == [each[0] for each in before[0]]
    assert after[1] == before[1]


async def test_a_new_secret_on_purpose_changes_the_passwords_and_keeps_the_data(provided: Access) -> None:
    cart, other = SERVICES["cart"], Access(provided.dsn, OTHER)
    connection = await asyncpg.connect(provided.dsn_of(cart))
    await connection.execute("CREATE TABLE kept (id int)")
    await connection.close()
    await prepare(other, "cart", new_secret=True)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(provided.dsn_of(cart))
    connection = await asyncpg.connect(other.dsn_of(cart))
    assert await connection.fetchval("SELECT to_regclass('kept') IS NOT NULL")
    await connection.execute("DROP TABLE kept")
    await connection.close()
    await prepare(provided, "cart", new_secret=True)


async def test_two_installations_share_a_server(provided: Access) -> None:
    staging = Access(provided.dsn, OTHER, "staging")
    before = await ask(provided, VERIFIERS)
    assert all((await prepare(staging, "cart", "order")).values())
    assert await ask(provided, VERIFIERS) == before
    connection = await asyncpg.connect(staging.dsn_of(SERVICES["cart"]))
    assert await connection.fetchrow("SELECT current_user::text, current_database()::text") == (
        "staging_cart",
        "staging_cart",
    )
    await connection.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(staging.dsn_of(SERVICES["cart"]).rpartition("/")[0] + "/stoa_cart")
    for name in ("staging_cart", "staging_order"):
        await ask(provided, f"DROP DATABASE {name}")
        await ask(provided, f"DROP ROLE {name}")


async def test_a_database_of_somebody_else_is_left_alone(provided: Access) -> None:
    await ask(provided, "CREATE DATABASE shop_cart")
    with pytest.raises(Failure) as refused:
        await prepare(Access(provided.dsn, SECRETS, "shop"), "cart")
    assert str(refused.value) == "the database shop_cart belongs to postgres; choose another --name"
    assert await ask(provided, "SELECT count(*) FROM pg_roles WHERE rolname = 'shop_cart'") == 0
    await ask(provided, "DROP DATABASE shop_cart")


async def test_a_database_that_was_left_open_to_all_is_closed(provided: Access) -> None:
    order = SERVICES["order"]
    await ask(provided, "GRANT CONNECT ON DATABASE stoa_order TO PUBLIC")
    assert await provision.is_open(provided, order)
    await prepare(provided)
    assert await ask(provided, OPEN) == 0
    # A process of a topology has no administrator: it closes the database as its owner.
    await ask(provided, "GRANT TEMPORARY ON DATABASE stoa_order TO PUBLIC")
    assert await provision.is_open(provided, order)
    await provision.close(provided, order)
    assert not await provision.is_open(provided, order)


async def test_a_role_that_a_crash_left_without_a_database_gets_it(provided: Access) -> None:
    await ask(provided, "DROP DATABASE stoa_notification")
    with pytest.raises(Failure) as refused:
        await provision.waiting(provided, [SERVICES["notification"]])
    assert str(refused.value) == "there is no database stoa_notification; run `stoa migrate`"
    assert (await prepare(provided))["notification"] > 0


async def test_a_database_of_a_newer_stoa_is_refused_in_one_line(provided: Access) -> None:
    connection = await asyncpg.connect(provided.dsn_of(SERVICES["user"]))
    await connection.execute("INSERT INTO schema_migrations (name, sha256) VALUES ('user/9999_future.sql', '')")
    with pytest.raises(Failure) as failure:
        await prepare(provided)
    assert str(failure.value) == "user: the database has user/9999_future.sql, which this version lacks; upgrade Stoa"
    await connection.execute("DELETE FROM schema_migrations WHERE name = 'user/9999_future.sql'")
    await connection.close()


async def test_an_unreachable_server_is_named_without_its_password(unused_port: int) -> None:
    with pytest.raises(Failure) as failure:
        await provision.check_server(f"postgresql://admin:hush@127.0.0.1:{unused_port}/postgres")
    assert f"the database at 127.0.0.1:{unused_port} cannot be reached" in str(failure.value)
    assert "hush" not in str(failure.value)
    assert "\n" not in str(failure.value)


async def test_an_administrator_who_is_no_superuser_is_enough(provided: Access) -> None:
    await ask(provided, "CREATE ROLE manager LOGIN CREATEROLE CREATEDB PASSWORD 'manager'")
    await ask(provided, "DROP DATABASE stoa_notification")
    await ask(provided, "DROP ROLE stoa_notification")
    manager = Access(provided.dsn.replace(provided.dsn.partition("@")[0], "postgresql://manager:manager"), SECRETS)
    assert (await prepare(manager, "notification"))["notification"] > 0
    assert (await prepare(Access(manager.dsn, OTHER), "notification", new_secret=True)) == {"notification": 0}
    await prepare(manager, "notification", new_secret=True)
