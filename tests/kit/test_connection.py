from __future__ import annotations

import asyncpg
import pytest

from stoa.kit.connection import Connection, bare

ASKED = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%typeinfo\\_tree%'"
VALUES = "SELECT $1::bigint[] AS numbers, $2::uuid[] AS ids, $3::text[] AS words, $4::smallint[] AS small"
ARGUMENTS = ([1, 2], [], ["a"], [3])


@pytest.fixture
async def connect(postgres):
    opened = []

    async def one() -> asyncpg.Connection:
        opened.append(await asyncpg.connect(postgres.dsn(), connection_class=Connection))
        return opened[-1]

    yield one
    for each in opened:
        await each.close()


async def test_only_the_first_connection_asks_about_types(connect):
    first, second = await connect(), await connect()
    for connection in (first, second):
        row = await connection.fetchrow(VALUES, *ARGUMENTS)
        assert tuple(row) == ([1, 2], [], ["a"], [3])
    assert await second.fetchval(ASKED) == 0


async def test_a_type_of_one_database_is_looked_up_by_each_connection(connect):
    first, second = await connect(), await connect()
    await first.execute("DROP TYPE IF EXISTS seen_color; CREATE TYPE seen_color AS ENUM ('red', 'blue')")
    for connection in (first, second):
        assert await connection.fetchval("SELECT $1::seen_color[]", ["red", "blue"]) == ["red", "blue"]
        assert await connection.fetchval(ASKED) == 1
    await first.execute("DROP TYPE seen_color")


async def test_a_statement_with_known_and_unknown_types_at_once(connect):
    await (await connect()).fetchval("SELECT $1::bigint[]", [1])
    row = await (await connect()).fetchrow(
        "SELECT $1::bigint[] AS a, $2::float8[] AS b, $3::inet[] AS c", [1], [0.5], []
    )
    assert tuple(row) == ([1], [0.5], [])


async def test_without_a_cache_of_statements(postgres):
    for _ in range(2):
        connection = await asyncpg.connect(postgres.dsn(), connection_class=Connection, statement_cache_size=0)
        assert await connection.fetchval("SELECT $1::date[]", []) == []
        await connection.close()


async def test_what_goes_before_a_statement_runs_with_it_prepared_or_not(connect):
    connection = await connect()
    for _ in range(2):  # prepared, and then known
        assert not connection.is_in_transaction()
        connection.before_next([bare("BEGIN"), bare("SET LOCAL lock_timeout = '77ms'")])
        assert await connection.fetchval("SELECT current_setting('lock_timeout') || $1", "!") == "77ms!"
        assert connection.is_in_transaction()
        await connection.execute("ROLLBACK")


async def test_what_goes_before_a_statement_and_fails_is_said_by_it(connect):
    connection = await connect()
    connection.before_next([bare("BEGIN"), bare("SET LOCAL no_such_setting = 1")])
    with pytest.raises(asyncpg.UndefinedObjectError):
        await connection.fetch("CREATE TABLE never (n int)")
    await connection.execute("ROLLBACK")
    assert await connection.fetchval("SELECT to_regclass('never') IS NULL")


async def test_nothing_goes_before_a_statement_on_what_is_closed(connect):
    connection = await connect()
    connection.terminate()
    connection.before_next([bare("BEGIN")])
    with pytest.raises(asyncpg.InterfaceError, match="closed"):
        await connection.execute("SELECT 1")


async def test_what_goes_before_a_statement_leaves_in_one_write_with_it(connect, monkeypatch):
    connection = await connect()
    statement = await connection.prepare("SELECT $1::int")
    real, writes = connection._protocol.writes_to, []
    monkeypatch.setattr(real, "_transport", Noting(real._transport, writes))
    connection.before_next([bare("BEGIN"), bare("SET LOCAL lock_timeout = '77ms'")])
    assert await statement.fetchval(7) == 7
    assert len(writes) == 1
    assert b"BEGIN" in writes[0]
    await connection.execute("ROLLBACK")
    assert len(writes) == 2
    assert b"BEGIN" not in writes[1]


class Noting:
    """A transport that notes what is written to it."""

    def __init__(self, transport, writes):
        self._transport, self._writes = transport, writes

    def __getattr__(self, name):
        return getattr(self._transport, name)

    def write(self, message):
        self._writes.append(bytes(message))
        self._transport.write(message)
