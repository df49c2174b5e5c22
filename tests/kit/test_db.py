"""The pool and its transactions, against a real server: what is lent again, what is not, and who hears of a loss."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import asyncpg
import pytest

from stoa.kit import db as kit_db
from stoa.kit import problems, transaction
from stoa.kit.db import (
    CallInsideTransaction,
    DatabaseUnavailable,
    DiskFull,
    Locked,
    TooSlow,
    WritesMet,
    after_commit,
    before_commit,
    later,
)
from stoa.kit.ids import uuid7


@pytest.fixture
async def db(database):
    made = await database("cart")
    await made.execute("CREATE TABLE thing (id uuid PRIMARY KEY, document jsonb, at timestamptz DEFAULT now())")
    return made


async def things(db) -> int:
    return await db.fetchval("SELECT count(*) FROM thing")


async def cut_off(db) -> None:
    """End every connection of the database's pool from outside, as a restart of the server does."""
    admin = await asyncpg.connect(db.dsn)
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", db.session
    )
    await admin.close()


async def test_ids_are_strings_and_documents_plain_values_alone_and_in_arrays(db) -> None:
    one, other = sorted((uuid7(), uuid7()))
    await db.execute("INSERT INTO thing (id, document) SELECT * FROM unnest($1::uuid[], $2::jsonb[])",
                     [one, other], [{"a": [1]}, None])  # fmt: skip
    rows = await db.fetch("SELECT id, document FROM thing WHERE id = ANY($1::uuid[]) ORDER BY id", [one, other])
    assert [tuple(row) for row in rows] == [(one, {"a": [1]}), (other, None)]
    assert await db.fetchval("SELECT array_agg(id ORDER BY id) FROM thing") == [one, other]
    assert (await db.fetchval("SELECT at FROM thing LIMIT 1")).tzinfo is not None


async def test_what_a_transaction_wrote_goes_when_its_block_raises(db) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO thing (id) VALUES ($1)", uuid7())
            raise ZeroDivisionError
    assert await things(db) == 0


async def test_a_callback_runs_after_the_commit_and_only_then(db) -> None:
    seen: list[str] = []
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO thing (id) VALUES ($1)", uuid7())
        after_commit(lambda: seen.append("committed"))
        assert seen == []
    assert seen == ["committed"]
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            after_commit(lambda: seen.append("never"))
            raise ZeroDivisionError
    with pytest.raises(RuntimeError, match="no transaction is open"):
        after_commit(lambda: None)
    assert seen == ["committed"]


async def test_a_block_that_goes_on_after_a_failed_statement_is_told_that_nothing_was_committed(db) -> None:
    seen: list[str] = []
    one = uuid7()
    with pytest.raises(asyncpg.InFailedSQLTransactionError, match="rolled back"):
        async with db.transaction() as tx:
            after_commit(lambda: seen.append("never"))
            await tx.execute("INSERT INTO thing (id) VALUES ($1)", one)
            with pytest.raises(asyncpg.UniqueViolationError):
                await tx.execute("INSERT INTO thing (id) VALUES ($1)", one)
    assert (seen, await things(db)) == ([], 0)


async def test_what_comes_before_the_commit_belongs_to_the_transaction(db, database) -> None:
    other = await database("order")
    marks: list[str] = []

    async def mark(tx) -> None:
        marks.append("marked")
        await tx.execute("INSERT INTO thing (id) VALUES ($1)", uuid7())

    async def refuse(tx) -> None:
        raise PermissionError

    with before_commit(db, mark):
        async with db.transaction():
            assert marks == []
        async with other.transaction():
            pass
    async with db.transaction():
        pass
    assert (marks, await things(db)) == (["marked"], 1)

    with before_commit(db, refuse), pytest.raises(PermissionError):
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO thing (id) VALUES ($1)", uuid7())
    assert await things(db) == 1


async def test_nothing_leaves_while_a_transaction_is_open_and_everything_may_afterwards(db) -> None:
    started = asyncio.Event()

    async def later() -> None:
        await started.wait()
        kit_db.refuse_inside_transaction("a call")

    async with db.transaction():
        with pytest.raises(CallInsideTransaction, match="a call while a transaction of cart is open"):
            kit_db.refuse_inside_transaction("a call")
        with pytest.raises(CallInsideTransaction, match="a second transaction of cart"):
            async with db.transaction():
                pass
        left_over = asyncio.create_task(later())
    started.set()
    await left_over


async def test_a_transaction_in_which_nothing_is_asked_is_none(db) -> None:
    begun = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state = 'idle in transaction'"
    seen: list[str] = []
    async with db.transaction() as tx:
        after_commit(lambda: seen.append("committed"))
        assert tx.is_in_transaction()
        admin = await asyncpg.connect(db.dsn)
        assert await admin.fetchval(begun, db.session) == 0
        await tx.execute("SELECT 1")
        assert await admin.fetchval(begun, db.session) == 1
        await admin.close()
    assert seen == ["committed"]
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            raise ZeroDivisionError


async def test_a_first_statement_that_is_never_sent_opens_nothing_that_stays(database, monkeypatch) -> None:
    db = await database("cart", size=1)
    with pytest.raises(asyncpg.DataError):
        async with db.transaction() as tx:
            await tx.execute("SELECT $1::int", "no number")
    monkeypatch.setattr(transaction, "_opening", lambda: ("BEGIN", "SET LOCAL no_such_setting = 1"))
    for first in ("SELECT 1", "SELECT $1::int"):
        with pytest.raises(asyncpg.UndefinedObjectError):
            async with db.transaction() as tx:
                await tx.execute(first, *["no number"] * first.count("$"))
    monkeypatch.undo()
    async with db.transaction() as tx:
        with pytest.raises(asyncpg.DataError):
            await tx.execute("SELECT $1::int", "no number")
        await tx.execute("CREATE TABLE thing (n int)")
    assert await db.fetchval("SELECT count(*) FROM thing") == 0


async def test_a_first_statement_that_is_refused_is_rolled_back(db) -> None:
    one = uuid7()
    await db.execute("INSERT INTO thing (id) VALUES ($1)", one)
    for refused, sql in (
        (asyncpg.UniqueViolationError, "INSERT INTO thing (id) VALUES ($1)"),
        (asyncpg.UndefinedTableError, "INSERT INTO nothing (id) VALUES ($1)"),
    ):
        with pytest.raises(refused):
            async with db.transaction() as tx:
                await tx.execute(sql, one)
    assert await things(db) == 1


async def test_what_is_asked_later_goes_out_with_what_is_asked_next(db) -> None:
    add = "INSERT INTO thing (id) VALUES ($1)"
    async with db.transaction() as tx:
        await later(tx, add, uuid7())
        await later(tx, add, uuid7())
        assert await things(db) == 0
        assert await tx.fetchval("SELECT count(*) FROM thing") == 2
        await later(tx, add, uuid7())
        await tx.execute("SET LOCAL lock_timeout = 0")
        assert await tx.fetchval("SELECT count(*) FROM thing") == 3
        await later(tx, add, uuid7())
    assert await things(db) == 4
    # Of a pool it is asked at once.
    await later(db, add, uuid7())
    assert await things(db) == 5
    with pytest.raises(asyncpg.InterfaceError, match="has ended"):
        await later(tx, add, uuid7())


async def test_a_transaction_of_nothing_but_what_is_asked_later_is_one_message(db) -> None:
    async with db.transaction() as tx:
        await later(tx, "INSERT INTO thing (id) VALUES ($1)", uuid7())
    assert await things(db) == 1
    with pytest.raises(ZeroDivisionError):
        async with db.transaction() as tx:
            await later(tx, "INSERT INTO thing (id) VALUES ($1)", uuid7())
            raise ZeroDivisionError
    assert await things(db) == 1


@pytest.mark.parametrize("before", [0, 1])
async def test_what_is_asked_later_and_fails_is_rolled_back_with_all_the_rest(database, before: int) -> None:
    db = await database("cart", size=1)
    await db.execute("CREATE TABLE thing (id uuid PRIMARY KEY)")
    one, seen = uuid7(), []
    add = "INSERT INTO thing (id) VALUES ($1)"
    await db.execute(add, one)
    with pytest.raises(asyncpg.UniqueViolationError):
        async with db.transaction() as tx:
            after_commit(lambda: seen.append("committed"))
            for _ in range(before):
                await tx.execute(add, uuid7())
            await later(tx, add, uuid7())
            await later(tx, add, one)
    with pytest.raises(asyncpg.UniqueViolationError):
        async with db.transaction() as tx:
            await later(tx, add, one)
            await tx.execute(add, uuid7())
    # One that never leaves has what waited for it answered, whatever that says.
    for argument, meaning in ((one, asyncpg.UniqueViolationError), (uuid7(), asyncpg.DataError)):
        with pytest.raises(meaning):
            async with db.transaction() as tx:
                await later(tx, add, argument)
                await tx.execute("SELECT $1::int", "no number")
    assert await things(db) == 1
    assert seen == []


async def test_what_is_asked_later_answers_no_rows_and_takes_what_can_be_written(db) -> None:
    async with db.transaction() as tx:
        with pytest.raises(TypeError, match="answers rows"):
            await later(tx, "SELECT 1")
        with pytest.raises(TypeError, match="dict"):
            await later(tx, "INSERT INTO thing (document) VALUES ($1)", {"a": 1})
    await db.execute("CREATE TABLE kinds (id int, word text, words text[], ids uuid[], at timestamptz[], yes bool)")
    add = "INSERT INTO kinds VALUES ($1, $2, $3, $4, $5, $6)"
    moment = datetime(2026, 2, 28, 23, 59, 59, 123456, UTC)
    odd = ["", "NULL", None, 'a "b" \\ {c}, d', "\n\t", "\u00e9\U0001f600"]
    values = [(7, odd[3], odd, [uuid7()], [moment, None], True), (None, None, [], None, [], False)]
    async with db.transaction() as tx:
        for each in values:
            await later(tx, add, *each)
    assert [tuple(row) for row in await db.fetch("SELECT * FROM kinds")] == values


async def test_a_transaction_cut_off_as_it_commits_leaves_nothing_behind(database) -> None:
    db = await database("cart", size=1)
    await db.execute("CREATE TABLE thing (n int)")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), db.transaction() as tx:
            await later(tx, "INSERT INTO thing SELECT FROM pg_sleep(5)")
    began = time.monotonic()
    assert await things(db) == 0
    assert time.monotonic() - began < 2


async def test_what_outlives_a_transaction_asks_nothing_of_whoever_has_its_connection_now(db) -> None:
    async with db.transaction() as tx:
        assert await tx.fetchval("SELECT 1") == 1
    with pytest.raises(asyncpg.InterfaceError, match="has ended"):
        await tx.execute("SELECT 1")


async def test_of_all_that_prepared_for_a_table_as_it_was_one_is_told(database) -> None:
    db = await database("cart", size=2)
    await db.execute("CREATE TABLE thing (n int)")
    both = asyncio.Barrier(2)

    async def read() -> None:
        async with db.transaction() as tx:
            await tx.fetch("SELECT n FROM thing")
            await both.wait()

    await asyncio.gather(read(), read())
    await db.execute("ALTER TABLE thing ALTER n TYPE text")
    with pytest.raises(asyncpg.InvalidCachedStatementError):
        async with db.transaction() as tx:
            await tx.fetch("SELECT n FROM thing")
    await asyncio.gather(read(), read())


async def test_a_request_canceled_in_a_transaction_leaves_nothing_open(db) -> None:
    inside = asyncio.Event()

    async def request() -> None:
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO thing (id) VALUES ($1)", uuid7())
            inside.set()
            await tx.execute("SELECT pg_sleep(30)")

    task = asyncio.create_task(request())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await things(db) == 0
    open_ones = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state LIKE 'idle in%'"
    assert await db.fetchval(open_ones, db.session) == 0


async def test_requests_canceled_at_any_moment_leave_a_pool_that_commits(database) -> None:
    """A connection given back between BEGIN and its answer would swallow the next writer's work."""
    db = await database("cart", size=2)
    await db.execute("CREATE TABLE thing (n int)")

    async def request(n: int) -> None:
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO thing VALUES ($1)", n)

    for steps in range(60):
        task = asyncio.create_task(request(-1))
        for _ in range(steps % 20):
            await asyncio.sleep(0)
        if steps % 3:
            await asyncio.sleep(steps / 20_000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await db.execute("INSERT INTO thing VALUES ($1)", steps)
    seen = await asyncpg.connect(db.dsn)
    committed = await seen.fetch("SELECT n FROM thing WHERE n >= 0 ORDER BY n")
    await seen.close()
    assert [row["n"] for row in committed] == list(range(60))


async def test_a_statement_canceled_does_not_cancel_the_next_one(database) -> None:
    db = await database("cart", size=1)
    task = asyncio.create_task(db.execute("SELECT pg_sleep(30)"))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await db.fetchval("SELECT 1 FROM pg_sleep(0.05)") == 1


async def test_a_lost_connection_is_said_to_be_lost_inside_a_transaction_and_outside(db) -> None:
    async with asyncio.timeout(10):
        sleeping = asyncio.create_task(db.execute("SELECT pg_sleep(30)"))
        while not await db.fetchval("SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)'"):
            pass
        await cut_off(db)
        with pytest.raises(DatabaseUnavailable):
            await sleeping
        with pytest.raises(DatabaseUnavailable):
            async with db.transaction() as tx:
                await tx.execute("INSERT INTO thing (id) VALUES ($1)", uuid7())
                await cut_off(db)
                await tx.execute("INSERT INTO thing (id) VALUES ($1)", uuid7())
    assert await things(db) == 0


SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"


async def test_what_a_rush_opened_is_closed_again_without_being_asked(database, monkeypatch) -> None:
    monkeypatch.setattr("stoa.kit.pool.IDLE_SECONDS", 0.2)
    db = await database("cart")
    await asyncio.gather(*(db.fetchval("SELECT pg_sleep(0.1)") for _ in range(4)))
    admin = await asyncpg.connect(db.dsn)
    assert await admin.fetchval(SESSIONS, db.session) == 4
    async with asyncio.timeout(5):
        while await admin.fetchval(SESSIONS, db.session):
            await asyncio.sleep(0.01)
    await admin.close()
    assert await db.fetchval("SELECT 1") == 1


async def test_giving_a_connection_back_asks_the_server_nothing(db) -> None:
    await db.execute("SET application_name = 'kept'")
    assert await db.fetchval("SHOW application_name") == "kept"
    async with db.transaction() as tx:
        await tx.execute("SET LOCAL application_name = 'until the end'")
    assert await db.fetchval("SHOW application_name") == "kept"


async def test_a_connection_given_back_inside_a_transaction_holds_nothing(database) -> None:
    db = await database("cart", size=1)
    await db.execute("CREATE TABLE thing (n int)")
    await db.execute("BEGIN; LOCK TABLE thing")
    await db.execute("INSERT INTO thing VALUES (1)")
    other = await asyncpg.connect(db.dsn)
    assert await other.fetchval("SELECT count(*) FROM thing") == 1
    await other.close()


async def test_nothing_waits_for_ever(db) -> None:
    assert {name: await db.fetchval(f"SHOW {name}") for name in kit_db.TIME_OUTS} == kit_db.TIME_OUTS


async def test_a_transaction_waits_for_a_lock_as_long_as_it_is_told(db) -> None:
    other = await asyncpg.connect(db.dsn)
    async with other.transaction():
        await other.execute("LOCK TABLE thing")
        started = time.monotonic()
        with pytest.raises(Locked), kit_db.lock_wait(0.05):
            async with db.transaction() as tx:
                assert await tx.fetchval("SHOW lock_timeout") == "50ms"
                await tx.execute("SELECT FROM thing")
        assert 0.05 <= time.monotonic() - started < kit_db.LOCK_SECONDS
    await other.close()
    for _ in range(8):  # each connection of the pool
        assert await db.fetchval("SHOW lock_timeout") == kit_db.TIME_OUTS["lock_timeout"]


async def test_connections_that_died_idle_are_not_lent(db) -> None:
    await asyncio.gather(*(db.execute("SELECT pg_sleep(0.02)") for _ in range(4)))
    await cut_off(db)
    async with asyncio.timeout(5):
        while not all(connection.is_closed() for connection, _ in db._pool._free):
            await asyncio.sleep(0.001)
    assert await asyncio.gather(*(things(db) for _ in range(4))) == [0, 0, 0, 0]


async def test_what_is_not_a_lost_connection_stays_what_it_is(db) -> None:
    one = uuid7()
    await db.execute("INSERT INTO thing (id) VALUES ($1)", one)
    with pytest.raises(asyncpg.UniqueViolationError):
        await db.execute("INSERT INTO thing (id) VALUES ($1)", one)
    with pytest.raises(TimeoutError):
        async with db.transaction():
            raise TimeoutError


async def test_waiting_for_a_connection_has_an_end(database, monkeypatch) -> None:
    db = await database("cart", size=1)
    await db.execute("SELECT 1")
    monkeypatch.setattr("stoa.kit.pool.SLOT_SECONDS", 0.05)
    async with db.transaction():
        other = asyncio.create_task(db.execute("SELECT 1"))
        with pytest.raises(DatabaseUnavailable, match="busy"):
            await asyncio.create_task(asyncio.wait_for(other, 5))
    assert await db.fetchval("SELECT 1") == 1


async def test_no_server_is_unavailable_and_so_is_a_closed_pool(database) -> None:
    nobody = kit_db.Database("cart", "postgresql://stoa_cart:x@127.0.0.1:1/stoa_cart", 1)
    with pytest.raises(DatabaseUnavailable):
        await nobody.execute("SELECT 1")
    db = await database("cart")
    await db.close()
    with pytest.raises(DatabaseUnavailable):
        await db.execute("SELECT 1")


@pytest.fixture
async def holder(db):
    """Another session, in a transaction that holds whatever it is told to."""
    session = await asyncpg.connect(db.dsn)
    transaction = session.transaction()
    await transaction.start()
    yield session
    await transaction.rollback()
    await session.close()


async def test_a_row_that_somebody_holds_is_waited_for_and_then_later(db, holder) -> None:
    one = uuid7()
    await db.execute("INSERT INTO thing (id, document) VALUES ($1, '1')", one)
    await holder.execute("SELECT FROM thing WHERE id = $1 FOR UPDATE", one)

    async def within_a_transaction(statement: str) -> None:
        async with db.transaction() as tx:
            await tx.execute(statement)

    tries = [
        way(statement)
        for way in (db.execute, within_a_transaction)
        for statement in ("UPDATE thing SET document = '2'", "DELETE FROM thing")
    ]
    for refused in await asyncio.gather(*tries, return_exceptions=True):
        assert isinstance(refused, Locked)
        assert (refused.status, refused.type, refused.members) == (503, "/problems/locked", {"retry_after_seconds": 1})
    assert await db.fetchval("SELECT document FROM thing WHERE id = $1", one) == 1


async def test_a_statement_that_takes_too_long_is_cut_off(database, monkeypatch) -> None:
    monkeypatch.setitem(kit_db.TIME_OUTS, "statement_timeout", "50ms")
    db = await database("cart")
    with pytest.raises(TooSlow) as refused:
        await db.execute("SELECT pg_sleep(10)")
    assert (refused.value.status, refused.value.type) == (503, "/problems/database-too-slow")
    patient = kit_db.Database("cart", db.dsn, 1, {"statement_timeout": "0"})
    await patient.execute("SELECT pg_sleep(0.1)")
    await patient.close()


async def test_a_transaction_that_nobody_goes_on_with_ends(database, monkeypatch) -> None:
    monkeypatch.setitem(kit_db.TIME_OUTS, "idle_in_transaction_session_timeout", "50ms")
    db = await database("cart")
    with pytest.raises(DatabaseUnavailable):
        async with db.transaction() as tx:
            await tx.execute("CREATE TABLE never (n int)")
            await asyncio.sleep(0.3)
            await tx.execute("INSERT INTO never VALUES (1)")
    assert await db.fetchval("SELECT to_regclass('never') IS NULL")


async def meet(db, write, one: str, other: str) -> list[object]:
    """Two transactions that lock the same two rows in opposite orders, both having their first."""
    both = asyncio.Barrier(2)

    async def cross(first: str, second: str) -> str:
        begun = False

        async def work(tx) -> str:
            nonlocal begun
            await tx.execute("UPDATE thing SET document = to_jsonb(document::int + 1) WHERE id = $1", first)
            if not begun:
                begun = True
                await both.wait()
            await tx.execute("UPDATE thing SET document = to_jsonb(document::int + 1) WHERE id = $1", second)
            return first

        return await write(work)

    return await asyncio.gather(cross(one, other), cross(other, one), return_exceptions=True)


async def test_of_two_that_lock_each_other_out_one_is_told_to_come_again_and_transact_does_so(db) -> None:
    one, other = uuid7(), uuid7()
    await db.execute("INSERT INTO thing SELECT unnest($1::uuid[]), '0'", [one, other])

    async def once(work) -> str:
        async with db.transaction() as tx:
            return await work(tx)

    results = await meet(db, once, one, other)
    refused = [result for result in results if isinstance(result, WritesMet)]
    assert [(each.status, each.type) for each in refused] == [(503, "/problems/writes-met")]
    assert await db.fetch("SELECT DISTINCT document FROM thing") == [(1,)]
    assert await meet(db, db.transact, one, other) == [one, other]
    assert await db.fetch("SELECT DISTINCT document FROM thing") == [(3,)]


async def test_what_cannot_be_serialized_begins_again_and_not_for_ever(db) -> None:
    tries = 0

    async def unlucky(tx) -> None:
        nonlocal tries
        tries += 1
        await tx.execute("INSERT INTO thing (id) VALUES ($1)", uuid7())
        if tries != lucky:
            await tx.execute("DO $$ BEGIN RAISE serialization_failure; END $$")

    lucky = kit_db.MOST_TRIES
    await db.transact(unlucky)
    assert (tries, await things(db)) == (kit_db.MOST_TRIES, 1)
    tries, lucky = 0, 0
    with pytest.raises(WritesMet):
        await db.transact(unlucky)
    assert (tries, await things(db)) == (kit_db.MOST_TRIES, 1)


@pytest.mark.parametrize(
    ("condition", "meaning"),
    [
        ("deadlock_detected", WritesMet),
        ("lock_not_available", Locked),
        ("query_canceled", TooSlow),
        ("disk_full", DiskFull),
        ("out_of_memory", DatabaseUnavailable),
        ("too_many_connections", DatabaseUnavailable),
        ("admin_shutdown", DatabaseUnavailable),
    ],
)
async def test_what_is_not_about_the_statement_is_503_with_a_time_to_come_again(db, condition, meaning) -> None:
    with pytest.raises(problems.Unavailable) as refused:
        await db.execute(f"DO $$ BEGIN RAISE {condition}; END $$")
    assert (type(refused.value), refused.value.status) == (meaning, 503)
    assert refused.value.members["retry_after_seconds"] >= 1
