"""What is delivered is handled there and then, once, in order; what cannot be is kept for the runner."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from tests.kit.events.system import EFFECTS, until
from tests.kit.events.test_inbox import NOTIFICATION, Ears, event

from stoa.kit import back_off, inbox, inbox_parked, inbox_repository
from stoa.kit.connection import Connection
from stoa.kit.db import DatabaseUnavailable, later
from stoa.kit.inbox import MOST_ATTEMPTS, Inbox

UNDONE = "SELECT array_agg((data ->> 'n')::int ORDER BY seq) FROM inbox WHERE done_at IS NULL"
SETTLED = "SELECT count(*) = 0 FROM inbox WHERE done_at IS NULL AND parked_at IS NULL"


@pytest.fixture
async def ears(database, run) -> Ears:
    """With a runner that has found nothing to do."""
    db = await database("notification")
    await db.execute(EFFECTS)
    made = Ears(db, run)
    run(made.inbox)
    await until(lambda: is_up_to_date(made.inbox))
    return made


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(back_off, "FIRST_SECONDS", 60.0)


async def is_up_to_date(of: Inbox) -> bool:
    return of._is_up_to_date


async def test_the_effect_is_there_when_the_delivery_is_acknowledged(ears) -> None:
    await ears.hear(event(1, personal=("email",), data={"n": 1, "email": "ada@example.com"}), event(2, "b"))
    assert await ears.effects() == [1, 2]
    rows = await ears.db.fetch("SELECT data, done_at IS NOT NULL AS done, attempts FROM inbox ORDER BY seq")
    assert [tuple(row) for row in rows] == [({"n": 1}, True, 0), ({"n": 2}, True, 0)]


async def test_several_of_a_subject_go_one_after_the_other_in_the_order_of_their_versions(ears) -> None:
    again = event(3, "a")
    await ears.hear(again, event(11, "b"), event(1, "a"), again, event(2, "a"))
    assert [n for n in await ears.effects() if n < 10] == [1, 2, 3]
    assert sorted(await ears.effects()) == [1, 2, 3, 11]


async def test_a_repeat_changes_nothing_while_the_first_is_under_way_in_another_process(ears, run) -> None:
    other = ears.new_inbox(ears.db)
    run(other)
    await until(lambda: is_up_to_date(other))
    for n in range(1, 40):
        events = [event(n, f"s{n}"), event(n + 1000, f"s{n}", version=n + 1)]
        await asyncio.gather(*(each.accept(events) for each in (ears.inbox, other, ears.inbox)))
    await until(ears.settled)
    effects = await ears.db.fetch("SELECT subject, array_agg(n ORDER BY at) AS ns FROM effect GROUP BY subject")
    assert {row["subject"]: row["ns"] for row in effects} == {f"s{n}": [n, n + 1000] for n in range(1, 40)}


async def test_what_fails_at_delivery_is_acknowledged_and_done_by_the_runner(ears) -> None:
    failures = iter([ValueError("not yet")])
    original = ears.handle

    async def handle(tx, event) -> None:
        await original(tx, event)
        if event.data["n"] == 2 and (failure := next(failures, None)):
            raise failure

    runner = Inbox(NOTIFICATION, ears.db, {"order.placed": handle})
    ears.run(runner)
    await until(lambda: is_up_to_date(runner))
    assert await runner.accept([event(1), event(2, "b"), event(3, "c")]) == []
    await until(lambda: ears.done(3))
    assert await ears.effects() == [1, 2, 3]
    assert await ears.db.fetchval("SELECT max(attempts) FROM inbox") == 0
    assert ears.ran == [1, 2, 1, 2, 3]


async def test_what_comes_behind_something_undone_of_its_subject_waits_for_it(ears, patient) -> None:
    ears.fails = {1: ValueError("no template")}
    poison = event(1, personal=("note",), data={"n": 1, "note": "x"})
    await ears.hear(poison)
    await until(lambda: has_waited(ears))
    # As if whoever clears it had overtaken whoever sets it: the rows say what has to wait.
    ears.inbox._behind = False
    await ears.hear(event(2, personal=("note",), data={"n": 2, "note": "y"}), event(3, "b"), event(0, "a"))
    assert await ears.effects() == [3, 0]
    assert await ears.db.fetchval(UNDONE) == [1, 2]
    assert await ears.db.fetchval("SELECT data ->> 'note' FROM inbox WHERE data ->> 'n' = '2'") == "y"
    ears.fails = {}
    await ears.hurry()
    await until(lambda: ears.done(4))
    assert await ears.effects() == [3, 0, 1, 2]
    assert await ears.db.fetchval("SELECT count(*) FROM inbox WHERE data ? 'note'") == 0


async def test_what_comes_behind_a_parked_one_is_parked_with_it(ears, patient) -> None:
    ears.fails = {1: ValueError("no template")}
    poison = event(1)
    await ears.hear(poison)
    for times in range(1, MOST_ATTEMPTS + 1):
        await until(lambda times=times: has_waited(ears, times))
        await ears.hurry()
    await until(ears.settled)
    await until(lambda: is_up_to_date(ears.inbox))
    await ears.hear(event(2), event(3, "b"))
    assert await ears.effects() == [3]
    await until(lambda: ears.db.fetchval(SETTLED))
    assert await ears.db.fetchval("SELECT count(*) FROM inbox WHERE parked_at IS NOT NULL") == 2
    ears.fails = {}
    assert await inbox_parked.redrive(ears.db, poison.id) == 2
    await ears.hurry()
    await until(lambda: ears.done(3))
    assert await ears.effects() == [3, 1, 2]


async def test_a_row_that_somebody_holds_does_not_hold_up_the_announcer(ears) -> None:
    await ears.db.execute("CREATE TABLE shelf AS SELECT 'a' AS subject")
    ears.needs = "SELECT FROM shelf WHERE subject = $1 FOR UPDATE"
    holder = await asyncpg.connect(ears.db.dsn)
    async with holder.transaction():
        await holder.execute("SELECT FROM shelf FOR UPDATE")
        await ears.hear(event(1))
        assert await ears.db.fetchval(UNDONE) == [1]
    await holder.close()
    await until(lambda: ears.done(1))
    assert await ears.effects() == [1]


async def test_a_handler_that_takes_long_does_not_hold_up_the_announcer(ears, monkeypatch) -> None:
    monkeypatch.setattr(inbox, "AT_ONCE_SECONDS", 0.2)
    ears.needs = "SELECT pg_sleep(1), $1::text"
    began = time.monotonic()
    await ears.hear(event(1))
    assert time.monotonic() - began < 1
    assert await ears.effects() == []
    await until(lambda: ears.done(1))
    assert await ears.effects() == [1]


@pytest.mark.parametrize("first", ["", "SELECT $1::text"])
async def test_an_effect_that_fails_as_it_commits_leaves_nothing_and_is_done_by_the_runner(ears, first: str) -> None:
    """Asked with what keeps the event and the commit, or with the commit alone."""
    ears.needs = first
    await ears.db.execute("ALTER TABLE effect ADD CONSTRAINT odd CHECK (n % 2 = 1)")
    await ears.hear(event(1), event(2, "b"), event(3, "c"))
    assert await ears.effects() == []
    await ears.db.execute("ALTER TABLE effect DROP CONSTRAINT odd")
    await ears.hurry()
    await until(lambda: ears.done(3))
    assert sorted(await ears.effects()) == [1, 2, 3]


async def test_an_effect_that_takes_long_as_it_commits_does_not_hold_up_the_announcer(ears, monkeypatch) -> None:
    monkeypatch.setattr(inbox, "AT_ONCE_SECONDS", 0.2)
    slow = Inbox(NOTIFICATION, ears.db, {"order.placed": nap})
    ears.run(slow)
    await until(lambda: is_up_to_date(slow))
    began = time.monotonic()
    assert await slow.accept([event(1)]) == []
    assert time.monotonic() - began < 1
    assert await ears.effects() == []
    await until(lambda: ears.done(1))
    assert await ears.effects() == [1]


async def test_the_effect_goes_out_in_one_message_with_what_keeps_it_and_the_commit(ears, monkeypatch) -> None:
    asked: list[str] = []
    fetch = Connection.fetch

    async def noting(connection: Connection, sql: str, *arguments: object, **more: object) -> list[asyncpg.Record]:
        asked.append(sql)
        return await fetch(connection, sql, *arguments, **more)

    monkeypatch.setattr(Connection, "fetch", noting)
    one = event(1)
    await ears.hear(one, event(2, "b"))
    assert asked == ["COMMIT"]
    # A repeat is found out by that, and then asked for.
    await ears.hear(one, event(3, "c"))
    assert asked == ["COMMIT", "COMMIT", inbox_repository.STORE_DONE, "COMMIT"]
    assert await ears.effects() == [1, 2, 3]


async def test_while_much_waits_what_comes_is_only_kept_and_then_all_is_done(ears) -> None:
    late = ears.new_inbox(ears.db)
    backlog = [event(n, f"s{n % 200}") for n in range(1, 1001)]
    await late.accept(backlog)
    assert await ears.effects() == []
    ears.run(late)
    for n in range(1001, 1201):
        await late.accept([event(n, f"s{n % 200}")])
    await until(lambda: ears.done(1200))
    rows = await ears.db.fetch("SELECT subject, array_agg(n ORDER BY at) AS ns FROM effect GROUP BY subject")
    assert {row["subject"]: row["ns"] for row in rows} == {
        f"s{at}": [n for n in range(1, 1201) if n % 200 == at] for at in range(200)
    }
    await until(lambda: is_up_to_date(late))


@pytest.mark.parametrize("point", ["notification:handled", "notification:kept"])
async def test_who_dies_before_the_acknowledgement_has_kept_it_and_a_repeat_changes_nothing(
    ears, run, point: str
) -> None:
    """At the place between the commit and the answer: nothing after it may be needed."""
    ears.fails = {1: ValueError("not yet")} if point == "notification:kept" else {}
    reach, died = dies_at(point)
    mortal = Inbox(NOTIFICATION, ears.db, {"order.placed": ears.handle}, reach=reach)
    mortal._running = ears.inbox._running  # whose runner does the rest
    mortal._behind = False
    one = event(1)
    with pytest.raises(SystemExit):
        await mortal.accept([one])
    assert died == [point]
    ears.fails = {}
    await ears.hear(one)
    await ears.hurry()
    await until(lambda: ears.done(1))
    assert await ears.effects() == [1]


async def test_a_database_that_goes_away_at_delivery_is_no_acknowledgement(ears) -> None:
    cut: list[object] = []

    async def handle(tx, event) -> None:
        if not cut:
            cut.append(event)
            killer = await asyncpg.connect(ears.db.dsn)
            await killer.execute("SELECT pg_terminate_backend($1)", await tx.fetchval("SELECT pg_backend_pid()"))
            await killer.close()
        await ears.handle(tx, event)

    runner = Inbox(NOTIFICATION, ears.db, {"order.placed": handle})
    ears.run(runner)
    await until(lambda: is_up_to_date(runner))
    one = event(1)
    with pytest.raises(DatabaseUnavailable):
        await runner.accept([one])
    assert await ears.db.fetchval("SELECT count(*) FROM inbox") == 0
    assert await runner.accept([one]) == []
    await until(lambda: ears.done(1))
    assert await ears.effects() == [1]


async def nap(tx, event) -> None:
    await later(tx, "INSERT INTO effect (n) SELECT $1 FROM pg_sleep(0.5)", event.data["n"])


def dies_at(point: str) -> tuple[Callable[[str], None], list[str]]:
    died: list[str] = []

    def reach(reached: str) -> None:
        if reached == point:
            died.append(reached)
            raise SystemExit(9)

    return reach, died


def has_waited(ears: Ears, times: int = 1) -> Awaitable[bool]:
    return ears.db.fetchval("SELECT coalesce(max(attempts), 0) = $1 FROM inbox WHERE done_at IS NULL", times)
