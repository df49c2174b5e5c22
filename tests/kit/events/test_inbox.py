"""An effect happens once, in the order of its subject, and what fails stays with its subject."""

from __future__ import annotations

import asyncio
import logging
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec
import pytest
from tests.kit.events.system import EFFECTS, HEARS, note, until

from stoa.contracts.events.v1.events_pb2 import DeliverRequest
from stoa.kit import back_off, by_index, context, inbox, inbox_parked, inbox_repository, problems
from stoa.kit.db import CallInsideTransaction, refuse_inside_transaction
from stoa.kit.depth import depth
from stoa.kit.events import Event
from stoa.kit.ids import uuid7
from stoa.kit.inbox import MOST_ATTEMPTS, Inbox
from stoa.kit.intake import IntakeServicer
from stoa.kit.service import Service
from stoa.kit.staff_acts import list_acts

NOTIFICATION = Service(name="notification")
WHO: ContextVar[str] = ContextVar("who", default="nobody")


def event(n: int, subject: str = "a", version: int | None = None, **changes) -> Event:
    members = {
        "id": uuid7(),
        "type": "order.placed",
        "source": "order",
        "subject": subject,
        "time": datetime.now(UTC),
        "aggregateversion": n if version is None else version,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "data": {"n": n},
    }
    return Event(**members | changes)


class Ears:
    """A notification service whose handler does what its test says."""

    def __init__(self, db, run) -> None:
        self.db = db
        self.run = run
        self.inbox = self.new_inbox(db)
        self.fails: dict[int, Exception] = {}
        self.ran: list[int] = []
        self.needs = ""

    def new_inbox(self, db) -> Inbox:
        return Inbox(NOTIFICATION, db, dict.fromkeys(HEARS, self.handle))

    async def handle(self, tx, event) -> None:
        n = event.data["n"]
        self.ran.append(n)
        if self.needs:
            await tx.execute(self.needs, event.subject)
        await note(tx, event)
        if n in self.fails:
            raise self.fails[n]

    async def hear(self, *events: Event) -> None:
        assert await self.inbox.accept(events) == []

    async def effects(self) -> list[int]:
        return [row["n"] for row in await self.db.fetch("SELECT n FROM effect ORDER BY at")]

    async def done(self, count: int) -> bool:
        return await self.db.fetchval("SELECT count(*) FROM inbox WHERE done_at IS NOT NULL") == count

    async def settled(self) -> bool:
        return (await depth(self.db)).inbox == 0

    async def hurry(self) -> None:
        """Have what waits for its next try tried now."""
        await self.db.execute("UPDATE inbox SET retry_at = now() WHERE done_at IS NULL")
        self.inbox._arrived.set()


@pytest.fixture
async def ears(database, run) -> Ears:
    db = await database("notification")
    await db.execute(EFFECTS)
    return Ears(db, run)


@pytest.fixture
def patient(monkeypatch) -> None:
    """What failed is tried again when the test hurries it, and not before."""
    monkeypatch.setattr(back_off, "FIRST_SECONDS", 60.0)


async def test_an_event_that_comes_again_has_its_effect_once(ears) -> None:
    ears.run(ears.inbox)
    one, two = event(1), event(2)
    await ears.hear(one, two, one)
    await until(lambda: ears.done(2))
    await ears.hear(two, one)
    await ears.hear(event(3))
    await until(lambda: ears.done(3))
    assert await ears.effects() == [1, 2, 3]


async def test_a_row_that_somebody_holds_stops_the_events_that_need_it_and_no_others(ears) -> None:
    await ears.db.execute("CREATE TABLE shelf AS SELECT chr(96 + n) AS subject FROM generate_series(1, 26) AS n")
    ears.needs = "SELECT FROM shelf WHERE subject = $1 FOR UPDATE"
    holder = await asyncpg.connect(ears.db.dsn)
    async with holder.transaction():
        await holder.execute("SELECT FROM shelf WHERE subject = 'k' FOR UPDATE")
        await ears.hear(*(event(n, chr(96 + n)) for n in range(1, 27)))
        ears.run(ears.inbox)
        await until(lambda: ears.done(25))
        assert sorted(await ears.effects()) == [n for n in range(1, 27) if n != 11]
        row = await ears.db.fetchrow("SELECT attempts, parked_at, error FROM inbox WHERE done_at IS NULL")
        assert (row["attempts"], row["parked_at"], row["error"][:7]) == (0, None, "Locked:")
    await holder.close()
    await ears.hurry()
    await until(lambda: ears.done(26))
    assert sorted(await ears.effects()) == list(range(1, 27))


async def test_what_arrived_out_of_order_runs_in_the_order_of_its_aggregate(ears) -> None:
    await ears.hear(event(13, version=3), event(11, version=1), event(21, "b", version=7))
    await ears.hear(event(12, version=2), event(22, "b", version=7))
    ears.run(ears.inbox)
    await until(lambda: ears.done(5))
    effects = await ears.effects()
    assert [n for n in effects if n < 20] == [11, 12, 13]
    assert [n for n in effects if n > 20] == [21, 22]


async def test_what_it_does_not_hear_of_is_refused_with_what_follows_and_the_rest_is_kept(ears) -> None:
    strange, behind = event(1, "a", type="order.eaten"), event(2, "a")
    answers = await ears.inbox.accept([event(0, "a"), strange, event(3, "b"), behind])
    assert [tuple(answer) for answer in answers] == [
        (strange.id, "notification does not hear of order.eaten"),
        (behind.id, "behind an event that was refused"),
    ]
    assert await ears.db.fetchval("SELECT array_agg(data->>'n' ORDER BY seq) FROM inbox") == ["0", "3"]


async def test_the_intake_refuses_what_it_cannot_read_and_keeps_the_rest(ears) -> None:
    intake = IntakeServicer({"notification": ears.inbox})
    torn = msgspec.json.encode({"id": "0", "subject": "a", "type": "order.placed"})
    nameless = event(2, "b", id="not-a-uuid")
    good = [event(1, "a"), event(3, "c")]
    documents = [torn, *(each.encode() for each in (nameless, *good))]
    answer = await intake.Deliver(DeliverRequest(subscriber="notification", events=documents), None)
    assert [(refusal.event_id, refusal.reason[:20]) for refusal in answer.refusals] == [
        ("0", "it cannot be read: O"),
        ("not-a-uuid", "it cannot be read: b"),
        (good[0].id, "behind an event that"),
    ]
    assert await ears.db.fetchval("SELECT array_agg(event_id) FROM inbox") == [good[1].id]
    with pytest.raises(problems.NotFound):
        await intake.Deliver(DeliverRequest(subscriber="search", events=[]), None)
    with pytest.raises(problems.BadRequest):
        await intake.Deliver(DeliverRequest(subscriber="notification", events=[b"{"]), None)


async def test_one_that_fails_does_not_undo_the_others_of_its_batch(ears, patient) -> None:
    ears.fails = {3: ValueError("no template")}
    await ears.hear(*(event(n, f"s{n}") for n in range(1, 6)))
    ears.run(ears.inbox)
    await until(lambda: ears.done(4))
    assert ears.ran[:8] == [1, 2, 3, 1, 2, 3, 4, 5]  # together, and each alone after the third failed
    assert await ears.effects() == [1, 2, 4, 5]
    row = await ears.db.fetchrow(
        "SELECT attempts, error, parked_at, retry_at > now() AS later FROM inbox WHERE attempts > 0"
    )
    assert tuple(row) == (1, "ValueError: no template", None, True)


async def test_what_is_kept_and_logged_of_a_failure_has_no_values_of_rows(ears, caplog) -> None:
    await ears.db.execute("CREATE TABLE contact (email text UNIQUE CHECK (email <> ''), subject text)")
    await ears.db.execute("INSERT INTO contact VALUES ('ada@example.com', 'b')")
    for subject, sql in (
        ("a", "INSERT INTO contact VALUES ('ada@example.com', $1)"),
        ("b", "UPDATE contact SET email = '' WHERE subject = $1"),
    ):
        ears.needs = sql
        runner = ears.new_inbox(ears.db)
        await runner.accept([event(1, subject)])
        task = asyncio.create_task(runner.run())
        await until(lambda subject=subject: has_failed_of(ears, subject))
        await runner.stop()
        await asyncio.gather(task, return_exceptions=True)
    ears.needs = ""
    assert await ears.db.fetchval("SELECT array_agg(error ORDER BY subject) FROM inbox") == [
        'UniqueViolationError: duplicate key value violates unique constraint "contact_email_key"',
        'CheckViolationError: new row for relation "contact" violates check constraint "contact_email_check"',
    ]
    logged = "".join(map(logging.Formatter().format, caplog.records))
    assert "contact_email_key" in logged
    assert "DETAIL" not in logged
    assert "ada@example.com" not in logged


async def test_of_a_failure_the_first_line_is_kept(ears) -> None:
    ears.fails = {1: ValueError("it cannot be sent\n  to ada@example.com")}
    await ears.hear(event(1))
    ears.run(ears.inbox)
    await until(lambda: has_failed(ears))
    assert await ears.db.fetchval("SELECT error FROM inbox") == "ValueError: it cannot be sent"


async def test_what_keeps_failing_is_parked_holds_up_its_subject_only_and_can_be_redriven(ears, patient) -> None:
    ears.fails = {1: ValueError("no template")}
    poison = event(1)
    await ears.hear(poison, event(2), event(3, "b"))
    ears.run(ears.inbox)
    for times in range(1, MOST_ATTEMPTS + 1):
        await until(lambda times=times: has_failed(ears, times))
        await ears.hurry()
    await until(ears.settled)
    assert await ears.effects() == [3]
    await ears.hear(event(4), event(5, "b"))
    await until(ears.settled)
    assert await ears.effects() == [3, 5]
    row = await ears.db.fetchrow("SELECT attempts, error FROM inbox WHERE parked_at IS NOT NULL")
    assert tuple(row) == (MOST_ATTEMPTS, "ValueError: no template")
    now = await depth(ears.db)
    assert (now.inbox, now.inbox_parked, now.moving) == (0, 3, 0)

    ears.fails = {}
    assert await inbox_parked.redrive(ears.db, uuid7()) == 0
    assert await inbox_parked.redrive(ears.db, poison.id) == 3  # with what waits behind it
    assert await inbox_parked.redrive(ears.db) == 0
    (act,) = await list_acts(ears.db, limit=9)
    assert (act.actor, act.act, act.subject) == ("operator", "event.redriven", poison.id)
    assert (act.before, act.after) == ({"recipient": ears.db.service, "parked": 3}, None)
    await until(lambda: ears.done(5))
    assert await ears.effects() == [3, 5, 1, 2, 4]


async def test_what_is_discarded_has_no_effect_and_its_subject_goes_on(ears, patient) -> None:
    ears.fails = {1: ValueError("no template")}
    poison = event(1)
    await ears.hear(poison, event(2))
    assert not await inbox_parked.discard(ears.db, poison.id, "too early: it is not parked")
    ears.run(ears.inbox)
    for times in range(1, MOST_ATTEMPTS + 1):
        await until(lambda times=times: has_failed(ears, times))
        await ears.hurry()
    await until(ears.settled)
    assert not await inbox_parked.discard(ears.db, uuid7(), "it is unknown")
    assert await inbox_parked.discard(ears.db, poison.id, "the customer was told by phone")
    assert not await inbox_parked.discard(ears.db, poison.id, "once more")
    await ears.hurry()
    await until(lambda: ears.done(2))
    assert await ears.effects() == [2]
    (act,) = await list_acts(ears.db, limit=9)
    assert (act.actor, act.act, act.subject, act.reason) == (
        "operator",
        "event.discarded",
        poison.id,
        "the customer was told by phone",
    )
    assert act.before == {"type": poison.type, "of": poison.subject, "recipient": ears.db.service}
    assert (await depth(ears.db)).inbox_parked == 0


async def test_what_is_unavailable_is_waited_for_and_never_counts_as_an_attempt(ears, caplog) -> None:
    ears.fails = {1: problems.Unavailable("the mail server does not answer")}
    await ears.hear(event(1))
    ears.run(ears.inbox)
    for _ in range(MOST_ATTEMPTS + 2):
        tried = len(ears.ran)
        await ears.hurry()
        await until(lambda tried=tried: changed(ears, tried))
    ears.fails = {}
    await ears.hurry()
    await until(lambda: ears.done(1))
    assert await ears.db.fetchval("SELECT attempts FROM inbox") == 0
    assert await ears.effects() == [1]
    waits = [record for record in caplog.records if "waits: Unavailable: the mail server" in record.message]
    assert waits
    assert all(record.exc_info is None for record in waits), "nothing is wrong here: no traceback"


async def test_a_runner_cut_off_in_the_middle_does_it_again_and_it_counts_once(ears) -> None:
    cut = asyncio.Event()

    async def handle(tx, event) -> None:
        await note(tx, event)
        if not cut.is_set():
            cut.set()
            killer = await asyncpg.connect(ears.db.dsn)
            await killer.execute("SELECT pg_terminate_backend($1)", await tx.fetchval("SELECT pg_backend_pid()"))
            await killer.close()
            await tx.fetchval("SELECT 1")

    runner = Inbox(NOTIFICATION, ears.db, {"order.placed": handle})
    await runner.accept([event(1), event(2, "b")])
    ears.run(runner)
    await until(lambda: ears.done(2))
    assert await ears.effects() == [1, 2]
    assert await ears.db.fetchval("SELECT max(attempts) FROM inbox") == 0


async def test_several_runners_share_the_work_do_each_event_once_and_keep_the_order(ears, database) -> None:
    runners = [ears.new_inbox(ears.db) for _ in range(3)]
    versions = {f"s{at}": iter(range(1, 1000)) for at in range(30)}
    events = [event(n, subject, version=next(versions[subject])) for n, subject in enumerate(list(versions) * 20)]
    for runner in runners:
        ears.run(runner)
    for at in range(0, len(events), 17):
        await runners[at % 3].accept(events[at : at + 17])
    await until(lambda: ears.done(len(events)))
    rows = await ears.db.fetch(
        "SELECT subject, array_agg(version ORDER BY at) AS versions FROM effect GROUP BY subject"
    )
    assert {row["subject"]: row["versions"] for row in rows} == {subject: list(range(1, 21)) for subject in versions}


async def test_a_handler_knows_its_event_and_nothing_of_whoever_delivered_it(ears) -> None:
    seen: list[object] = []

    async def handle(tx, event) -> None:
        seen.extend((WHO.get(), context.current().trace_id, context.current().principal))
        with pytest.raises(CallInsideTransaction):
            refuse_inside_transaction("a call")
        seen.append(event.read(Numbered).n)

    WHO.set("the starter")
    runner = Inbox(NOTIFICATION, ears.db, {"order.placed": handle})
    task = asyncio.create_task(runner.run())
    with context.using(context.fresh(principal=context.Principal("u", "u@example.com", frozenset(), "s"))):
        await runner.accept([event(5)])
    await until(lambda: ears.done(1))
    assert seen == ["nobody", "0af7651916cd43dd8448eb211c80319c", None, 5]
    await runner.stop()
    assert task.cancelled() or task.done()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_is_said_of_an_event_is_said_in_its_trace(ears, said) -> None:
    traces = {each: f"{each}" * 32 for each in "ab"}
    batches: list[str] = []

    async def handle_batch(tx, events):
        batches.append(context.current().trace_id)
        return events

    async def handle(tx, event) -> None:
        raise ValueError(event.subject)

    runner = Inbox(NOTIFICATION, ears.db, {"order.placed": handle}, handle_batch)
    await runner.accept([event(1, each, traceparent=f"00-{trace}-{'1' * 16}-01") for each, trace in traces.items()])
    ears.run(runner)
    await until(lambda: ears.db.fetchval("SELECT bool_and(attempts > 0) FROM inbox"))
    # Both together have none of their own, then each was tried alone.
    assert batches[0] not in traces.values()
    assert batches[1:3] == list(traces.values())
    assert [trace for trace, message in said if "failed 1 times" in message] == list(traces.values())


async def test_a_handler_that_hangs_is_a_failed_attempt(ears, monkeypatch) -> None:
    monkeypatch.setattr(inbox, "HANDLER_SECONDS", 0.05)

    async def handle(tx, event) -> None:
        await tx.execute("SELECT pg_sleep(60)")

    runner = Inbox(NOTIFICATION, ears.db, {"order.placed": handle})
    await runner.accept([event(1)])
    ears.run(runner)
    await until(lambda: has_failed(ears))
    assert await ears.db.fetchval("SELECT error FROM inbox") == "TimeoutError"


async def test_an_event_whose_handler_is_gone_waits_in_sight(ears) -> None:
    await ears.hear(event(1))
    runner = Inbox(NOTIFICATION, ears.db, {})
    ears.run(runner)
    await until(lambda: has_failed(ears))
    assert await ears.db.fetchval("SELECT error FROM inbox") == (
        "LookupError: notification has no handler for order.placed"
    )


async def test_pruning_forgets_what_was_done_long_ago(ears) -> None:
    await ears.hear(event(1), event(2, "b"), event(3, "c"))
    await ears.db.execute("UPDATE inbox SET done_at = now() - interval '31 days' WHERE subject = 'a'")
    await ears.db.execute(
        "UPDATE inbox SET received_at = now() - interval '31 days', done_at = now() WHERE subject = 'b'"
    )
    assert await inbox_repository.prune(ears.db, timedelta(days=30)) == 1
    rows = await ears.db.fetch("SELECT subject FROM inbox ORDER BY seq")
    assert [row["subject"] for row in rows] == ["b", "c"]


async def test_the_next_events_are_found_by_index_even_if_nothing_was_there_when_it_was_planned(ears) -> None:
    async with ears.db.transaction() as tx:
        await tx.execute("ANALYZE inbox")
        await tx.execute(by_index.PLAN_BY_INDEX)
        plan = "\n".join(row[0] for row in await tx.fetch(f"EXPLAIN {inbox_repository.TAKE_NEXT}"))
    assert "Index Scan using inbox_due" in plan
    assert "Index Cond: ((source = due.source) AND (subject = due.subject))" in plan
    assert "Seq Scan" not in plan


class Numbered(msgspec.Struct):
    n: int


async def changed(ears: Ears, tried: int) -> bool:
    """Another try has been made and noted."""
    undone = await ears.db.fetchval("SELECT bool_or(retry_at > now()) FROM inbox WHERE done_at IS NULL")
    return len(ears.ran) > tried and bool(undone)


async def has_failed_of(ears: Ears, subject: str) -> bool:
    return await ears.db.fetchval("SELECT bool_or(error IS NOT NULL) FROM inbox WHERE subject = $1", subject)


async def has_failed(ears: Ears, times: int = 1) -> bool:
    return await ears.db.fetchval("SELECT max(attempts) FROM inbox") == times
