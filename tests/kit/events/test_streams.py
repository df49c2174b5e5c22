"""Two services of the test's own: catalog writes what was looked at, user reads it, in process and over the wire."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from contextvars import Context
from datetime import timedelta
from typing import Any

import asyncpg
import grpc.aio
import msgspec
import pytest
from tests.kit.events.system import until

from stoa.kit import followers, pulse, staff_acts, stream_parked, streams
from stoa.kit.channels import InProcessChannel, Registry, RemoteChannel, RpcServer
from stoa.kit.db import Database, Transaction
from stoa.kit.followers import Follower, Place, find_place
from stoa.kit.problems import NotFound, Unavailable
from stoa.kit.pulse import Pulse
from stoa.kit.service import StreamHandler
from stoa.kit.stream_calls import StreamCalls
from stoa.kit.streams import EventTooLarge, Stream
from stoa.kit.telemetry import metrics

VIEWS = "product-views"
SECRET = "a secret between neighbors"


class Viewed(msgspec.Struct):
    n: int


class Processes:
    """The process of each service, by its name: what it has of streams, and how the others call it."""

    def __init__(self, transport: str, stack: AsyncExitStack) -> None:
        self._transport = transport
        self._stack = stack
        self._channels: dict[str, grpc.aio.Channel] = {}
        self.down: set[str] = set()
        self.calls: dict[str, StreamCalls] = {}
        self.called: list[str] = []

    async def start(self, service: str) -> StreamCalls:
        registry = Registry(called=lambda: self.called.append(service))
        self.calls[service] = StreamCalls(self._channel, registry)
        if self._transport == "in process":
            self._channels[service] = InProcessChannel(registry)
        else:
            server = RpcServer(registry, "127.0.0.1", 0, SECRET)
            await server.start()
            self._stack.push_async_callback(server.stop, 0)
            self._channels[service] = RemoteChannel(f"127.0.0.1:{server.port}", SECRET)
            self._stack.push_async_callback(self._channels[service].close)
        return self.calls[service]

    def _channel(self, service: str) -> grpc.aio.Channel:
        if service in self.down:
            raise Unavailable(f"{service} is down")
        return self._channels[service]


@pytest.fixture(params=["in process", "wire"])
async def processes(request: pytest.FixtureRequest) -> AsyncIterator[Processes]:
    async with AsyncExitStack() as stack:
        both = Processes(str(request.param), stack)
        await both.start("catalog")
        await both.start("user")
        yield both


@pytest.fixture
async def views(database, processes: Processes, monkeypatch) -> AsyncIterator[Stream]:
    monkeypatch.setattr(streams, "GATHER_SECONDS", 0.01)
    stream = Stream(VIEWS, await database("catalog"))
    processes.calls["catalog"].offer(stream, ["user"])
    yield stream
    await stream.close()


@pytest.fixture
async def reader(database) -> Database:
    """What somebody looked at, each time it was read."""
    db = await database("user")
    await db.execute("CREATE TABLE seen (at bigint GENERATED ALWAYS AS IDENTITY, n int NOT NULL)")
    return db


Start = Callable[..., Follower]


@pytest.fixture
async def follow(processes: Processes, reader: Database, views: Stream) -> AsyncIterator[Start]:
    started: list[tuple[Follower, asyncio.Task[None]]] = []

    def start(handler: StreamHandler = see, db: Database = reader, beats: Pulse | None = None) -> Follower:
        calls = processes.calls["user"]
        follower = Follower(db, "catalog", VIEWS, handler, calls, beats)
        calls.follow(follower)
        started.append((follower, asyncio.get_running_loop().create_task(follower.run(), context=Context())))
        return follower

    yield start
    for follower, _ in started:
        await follower.stop()
    await asyncio.gather(*(task for _, task in started), return_exceptions=True)


async def see(tx: Transaction, events: Sequence[Mapping[str, Any]]) -> None:
    await tx.execute("INSERT INTO seen (n) SELECT unnest($1::int[])", [event["n"] for event in events])


async def seen(db: Database) -> list[int]:
    return [row["n"] for row in await db.fetch("SELECT n FROM seen ORDER BY at")]


def has_seen(db: Database, *numbers: int) -> Callable[[], Awaitable[bool]]:
    async def there() -> bool:
        return len(await seen(db)) >= len(numbers)

    return there


async def written(stream: Stream, *numbers: int) -> None:
    """Append them as one batch, and wait until it is written."""
    before = await stream.db.fetchval("SELECT count(*) FROM stream_batches")
    stream.append(*(Viewed(n) for n in numbers))

    async def there() -> bool:
        return await stream.db.fetchval("SELECT count(*) FROM stream_batches") > before

    await until(there)


def counted(stream: Stream, outcome: str) -> float:
    return metrics.STREAM_EVENTS.labels(stream.db.service, stream.topic, outcome)._value.get()


async def test_what_is_appended_is_read_in_order_and_once(views, reader, follow, processes) -> None:
    follower = follow()
    for n in range(0, 1000, 10):
        views.append(*(Viewed(each) for each in range(n, n + 10)))
        await asyncio.sleep(0)
    await until(has_seen(reader, *range(1000)))
    views.append({"n": 1000})
    await until(has_seen(reader, *range(1001)))
    assert await seen(reader) == list(range(1001))
    assert await follower.behind() == 0
    assert await reader.fetchval("SELECT count(*) FROM stream_offsets") == 1
    # The source is not kept awake by who only reads.
    assert set(processes.called) <= {"user"}


async def test_a_thousand_events_are_some_rows(views) -> None:
    views.append(*({"n": n, "product": f"{n:0180}"} for n in range(1000)))
    await views.close()
    batches = await views.db.fetch("SELECT events FROM stream_batches ORDER BY id")
    assert sum(batch["events"] for batch in batches) == 1000
    assert len(batches) == 4
    assert all(len(batch.data) < 20_000 for batch in await streams.read(views.db, VIEWS, 0, 16))


async def test_nothing_asks_the_database_while_nothing_happens(views, reader, follow, monkeypatch) -> None:
    monkeypatch.setattr(pulse, "FIRST_SECONDS", 60.0)
    asked: list[str] = []
    for db in (views.db, reader):
        for name in ("execute", "fetch", "fetchrow", "fetchval"):
            monkeypatch.setattr(db, name, noting(asked, getattr(db, name)))
    follow()
    await written(views, 1)
    await until(has_seen(reader, 1))
    await asyncio.sleep(0.2)
    asked.clear()
    before = len(asyncio.all_tasks())
    await asyncio.sleep(0.5)
    assert asked == []
    assert len(asyncio.all_tasks()) == before


def noting(asked: list[str], ask: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def noted(sql: str, *arguments: Any) -> Any:
        asked.append(sql)
        return await ask(sql, *arguments)

    return noted


async def test_ids_are_given_in_the_order_of_the_commits(views) -> None:
    """While one writer has not committed, no other is given an id, so nothing comes in before what was read."""
    last = "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('stream_batches', 'id')), 0)"
    other = Stream(VIEWS, Database("catalog", views.db.dsn, 2))
    first = await asyncpg.connect(views.db.dsn)
    async with first.transaction():
        batch = "018f0000-0000-7000-8000-000000000000"
        await first.execute(streams.WRITE, VIEWS, batch, 1, b"late", streams.WRITING)
        assert await views.db.fetchval(last) == 1
        other.append(Viewed(2))
        views.append(Viewed(3))
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"

        async def both_wait() -> bool:
            return await first.fetchval(waiting) == 2

        await until(both_wait)
        assert await views.db.fetchval(last) == 1
        assert await streams.read(views.db, VIEWS, 0, 16) == []
    await first.close()
    await asyncio.gather(other.close(), views.close())
    await other.db.close()
    assert [batch.id for batch in await streams.read(views.db, VIEWS, 0, 16)] == [1, 2, 3]


async def test_who_reads_while_many_write_misses_nothing(views, reader, follow) -> None:
    follow()
    writers = [Stream(VIEWS, Database("catalog", views.db.dsn, 2)) for _ in range(4)]

    async def write(position: int, stream: Stream) -> None:
        for n in range(position, 400, 4):
            stream.append(Viewed(n))
            await asyncio.sleep(0.002)
        await stream.close()
        await stream.db.close()

    await asyncio.gather(*(write(position, stream) for position, stream in enumerate(writers)))
    await written(views, 400)
    await until(has_seen(reader, *range(401)))
    assert sorted(await seen(reader)) == list(range(401))


async def test_a_write_whose_answer_was_lost_is_there_once(views, monkeypatch) -> None:
    execute, lost = views.db.execute, [1]

    async def loses_an_answer(sql: str, *arguments: Any) -> str:
        status = await execute(sql, *arguments)
        if lost:
            lost.pop()
            raise Unavailable("the answer was lost")
        return status

    monkeypatch.setattr(views.db, "execute", loses_an_answer)
    views.append(Viewed(1))
    await views.close()
    assert [batch.lines() for batch in await streams.read(views.db, VIEWS, 0, 16)] == [[{"n": 1}]]


async def test_without_a_database_the_oldest_are_dropped_and_counted(views, monkeypatch, caplog) -> None:
    monkeypatch.setattr(streams, "WAITING_BYTES", 70)
    monkeypatch.setattr(streams, "BATCH_BYTES", 14)
    execute, down, tried = views.db.execute, asyncio.Event(), asyncio.Event()

    async def down_for_a_while(sql: str, *arguments: Any) -> str:
        tried.set()
        if not down.is_set():
            raise Unavailable("the database does not answer")
        return await execute(sql, *arguments)

    monkeypatch.setattr(views.db, "execute", down_for_a_while)
    dropped, wrote = counted(views, "dropped"), counted(views, "written")
    with caplog.at_level(logging.WARNING):
        views.append(Viewed(10), Viewed(11))
        await tried.wait()
        views.append(*(Viewed(n) for n in range(20, 40)))
        down.set()
        await until(lambda: done(counted(views, "written") == wrote + 10))
    kept = [event["n"] for batch in await streams.read(views.db, VIEWS, 0, 16) for event in batch.lines()]
    assert kept == [10, 11, *range(32, 40)]
    assert counted(views, "dropped") == dropped + 12
    assert len(caplog.records) == 1


async def done(condition: bool) -> bool:
    return condition


async def test_what_is_too_large_is_refused_and_nothing_with_it(views) -> None:
    with pytest.raises(EventTooLarge, match="an event of product-views has 16009 bytes, and may have 16000"):
        views.append(Viewed(1), {"x": "y" * 16_001})
    await views.close()
    assert await streams.read(views.db, VIEWS, 0, 16) == []


async def test_what_is_appended_while_it_stops_is_written_and_afterwards_dropped(views) -> None:
    dropped = counted(views, "dropped")
    views.append(Viewed(1))
    await views.close()
    views.append(Viewed(2))
    assert [batch.lines() for batch in await streams.read(views.db, VIEWS, 0, 16)] == [[{"n": 1}]]
    assert counted(views, "dropped") == dropped + 1


async def test_who_dies_between_effect_and_commit_reads_the_batch_again(views, reader, follow) -> None:
    acting = asyncio.Event()

    async def act_and_hang(tx: Transaction, events: Sequence[Mapping[str, Any]]) -> None:
        await see(tx, events)
        acting.set()
        await asyncio.Event().wait()

    first = follow(act_and_hang)
    await written(views, 1, 2, 3)
    await acting.wait()
    await first.stop()
    assert await seen(reader) == []
    assert await find_place(reader, "catalog", VIEWS) == Place(0, 0)
    follow()
    await until(has_seen(reader, 1, 2, 3))
    assert await seen(reader) == [1, 2, 3]


async def test_two_processes_of_a_reader_take_turns_and_one_takes_over(views, reader, follow, monkeypatch) -> None:
    monkeypatch.setattr(followers, "IN_OTHER_HANDS_SECONDS", 0.01)
    acting, may_end = asyncio.Event(), asyncio.Event()

    async def act_slowly(tx: Transaction, events: Sequence[Mapping[str, Any]]) -> None:
        await see(tx, events)
        acting.set()
        await may_end.wait()

    slow = follow(act_slowly)
    await written(views, 1)
    await acting.wait()
    twin = Database("user", reader.dsn, 2)
    follow(db=twin)
    await written(views, 2)
    await asyncio.sleep(0.1)
    assert await seen(reader) == []
    may_end.set()
    await until(has_seen(reader, 1, 2))
    for n in range(3, 60):
        await written(views, n)
    await until(has_seen(reader, *range(1, 60)))
    assert await seen(reader) == list(range(1, 60))
    await slow.stop()
    await written(views, 60)
    await until(has_seen(reader, *range(1, 61)))
    await twin.close()
    assert await seen(reader) == list(range(1, 61))


async def test_an_event_that_fails_is_parked_and_the_others_have_their_effect(
    views, reader, follow, monkeypatch
) -> None:
    monkeypatch.setattr(followers, "back_off", lambda *_: 0.0)

    async def refuse_three(tx: Transaction, events: Sequence[Mapping[str, Any]]) -> None:
        await see(tx, events)
        if any(event["n"] == 3 for event in events):
            raise ValueError("three is too many\nwith details")

    await written(views, 1, 2, 3, 4)
    await written(views, 5)
    follower = follow(refuse_three)
    await until(has_seen(reader, 1, 2, 4, 5))
    assert await seen(reader) == [1, 2, 4, 5]
    parked = await reader.fetchrow("SELECT source, topic, event, error FROM stream_parked")
    assert tuple(parked) == ("catalog", VIEWS, {"n": 3}, "ValueError: three is too many")
    assert await follower.behind() == 0


async def parked(db: Database, *numbers: int) -> None:
    async with db.transaction() as tx:
        for n in numbers:
            await stream_parked.park(tx, "catalog", VIEWS, {"n": n}, "ValueError: no")


async def test_what_is_parked_is_tried_again_and_what_fails_once_more_stays(views, reader, follow) -> None:
    async def refuse_three(tx: Transaction, events: Sequence[Mapping[str, Any]]) -> None:
        await see(tx, events)
        if any(event["n"] == 3 for event in events):
            raise ValueError("three is still too many")

    await parked(reader, 1, 2, 3, 4)
    follower = follow(refuse_three)
    assert await follower.redrive() == 3
    assert await seen(reader) == [1, 2, 4]
    assert await stream_parked.by_topic(reader) == [("catalog", VIEWS, 1, "ValueError: three is still too many")]
    (act,) = await staff_acts.list_acts(reader, limit=10)
    assert (act.actor, act.act, act.subject) == ("operator", "behavior.redriven", VIEWS)
    assert act.after == {"recipient": "user", "source": "catalog", "done": 3}
    assert await Follower(reader, "catalog", VIEWS, see, views).redrive() == 1
    assert await Follower(reader, "catalog", VIEWS, see, views).redrive() == 0
    assert await seen(reader) == [1, 2, 4, 3]
    assert len(await staff_acts.list_acts(reader, limit=10)) == 2


async def test_who_redrives_twice_at_once_does_it_once(views, reader, monkeypatch) -> None:
    monkeypatch.setattr(followers, "TRIED_AGAIN", 3)
    await parked(reader, *range(20))
    await find_place(reader, "catalog", VIEWS)
    both = [Follower(db, "catalog", VIEWS, see, views) for db in (reader, Database("user", reader.dsn, 2))]
    done = await asyncio.gather(*(each.redrive() for each in both))
    assert sum(done) == 20
    assert sorted(await seen(reader)) == list(range(20))
    await both[1]._db.close()


async def test_what_is_parked_is_given_up_for_a_reason_and_forgotten_when_it_is_old(reader) -> None:
    await parked(reader, 1, 2)
    assert await stream_parked.discard(reader, "cart-events", "not ours") == 0
    assert await stream_parked.discard(reader, VIEWS, "views of a test") == 2
    (act,) = await staff_acts.list_acts(reader, limit=10)
    assert (act.act, act.subject, act.reason) == ("behavior.discarded", VIEWS, "views of a test")
    assert act.before == {"recipient": "user", "parked": 2}
    await parked(reader, 3)
    assert await stream_parked.prune(reader, timedelta(days=1)) == 0
    assert await stream_parked.count(reader) == 1
    await reader.execute("UPDATE stream_parked SET parked_at = now() - interval '2 days'")
    assert await stream_parked.prune(reader, timedelta(days=1)) == 1


async def test_what_cannot_run_because_something_is_down_is_not_parked(views, reader, follow, monkeypatch) -> None:
    monkeypatch.setattr(followers, "back_off", lambda *_: 0.0)
    left = [None] * 3 * followers.MOST_ATTEMPTS

    async def wait_for_something(tx: Transaction, events: Sequence[Mapping[str, Any]]) -> None:
        if left:
            left.pop()
            raise Unavailable("the neighbor does not answer")
        await see(tx, events)

    follow(wait_for_something)
    await written(views, 1)
    await until(has_seen(reader, 1))
    assert await seen(reader) == [1]
    assert await stream_parked.count(reader) == 0


async def test_who_goes_on_in_the_middle_of_a_batch_repeats_nothing_of_it(views, reader, follow) -> None:
    await written(views, 1, 2, 3)
    await find_place(reader, "catalog", VIEWS)
    await reader.execute("UPDATE stream_offsets SET next = 1, done = 2")
    follow()
    await until(has_seen(reader, 3))
    await written(views, 4)
    await until(has_seen(reader, 3, 4))
    assert await seen(reader) == [3, 4]
    assert await find_place(reader, "catalog", VIEWS) == Place(3, 0)


async def test_a_source_that_is_down_holds_up_its_reader_and_nothing_is_missed(
    views, reader, follow, processes, monkeypatch
) -> None:
    monkeypatch.setattr(followers, "back_off", lambda *_: 0.01)
    processes.down.add("catalog")
    follow()
    await written(views, 1)
    await asyncio.sleep(0.05)
    assert await seen(reader) == []
    processes.down.clear()
    await until(has_seen(reader, 1))


async def test_what_nobody_told_is_found_at_a_beat(views, reader, follow, processes, monkeypatch) -> None:
    processes.down.add("user")
    beats = Pulse()
    follow(beats=beats)
    await written(views, 1)
    beats.quicken()
    await until(has_seen(reader, 1))


async def test_how_far_a_reader_is_behind_is_counted(views, reader, processes) -> None:
    follower = Follower(reader, "catalog", VIEWS, see, processes.calls["user"])
    assert await follower.behind() == 0
    await written(views, 1, 2, 3)
    await written(views, 4)
    assert await follower.behind() == 4
    await reader.execute("UPDATE stream_offsets SET next = 1, done = 2")
    assert await follower.behind() == 2


async def test_what_is_old_goes_read_or_not(views, reader, follow) -> None:
    for n in range(1, 5):
        await written(views, n)
    await views.db.execute("UPDATE stream_batches SET at = now() - interval '8 days' WHERE id <= 2")
    assert await streams.prune(views.db, VIEWS, timedelta(days=7)) == 2
    assert await streams.prune(views.db, "cart-events", timedelta(days=0)) == 0
    follow()
    await until(has_seen(reader, 3, 4))
    assert await seen(reader) == [3, 4]


async def test_who_asks_the_wrong_process_is_told_so(processes, views) -> None:
    with pytest.raises(NotFound, match="user writes no product-views here"):
        await processes.calls["catalog"].read("user", VIEWS, 0, 1)
    with pytest.raises(NotFound, match="catalog writes no cart-events here"):
        await processes.calls["user"].count("catalog", "cart-events", 0)
    with pytest.raises(NotFound, match="user follows no product-views of catalog here"):
        await processes.calls["catalog"]._tell("user", "catalog", VIEWS)
