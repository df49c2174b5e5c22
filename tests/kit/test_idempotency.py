"""One effect and one answer per key: at once, after a crash at every moment, and for whoever came second."""

from __future__ import annotations

import asyncio

import pytest

from stoa.kit import idempotency, problems
from stoa.kit.db import Database
from stoa.kit.idempotency import Answer, AnswerLost, ClaimLost, IdempotencyKeys, KeyReused, RequestInProgress

HASH = b"hash of the request"


@pytest.fixture
async def db(database):
    made = await database("cart")
    await made.execute("CREATE TABLE effect (note text)")
    return made


@pytest.fixture
def keys(db):
    return IdempotencyKeys(db, wait_seconds=5.0)


@pytest.fixture
async def elsewhere(db):
    """The same service in another process: a pool of its own on the same database."""
    other = Database("cart", db.dsn, db.size)
    yield other
    await other.close()


async def effects(db) -> int:
    return await db.fetchval("SELECT count(*) FROM effect")


async def stored(db):
    return await db.fetch("SELECT key, applied, status FROM idempotency_keys ORDER BY key")


class Work:
    """Has an effect in a transaction and answers; can be held at the door before the effect or before the answer."""

    def __init__(self, db, status: int = 201, *, effect: bool = True) -> None:
        self.db = db
        self.status = status
        self.effect = effect
        self.runs = 0
        self.before = asyncio.Event()
        self.before.set()
        self.after = asyncio.Event()
        self.after.set()
        self.reached = asyncio.Event()

    async def __call__(self) -> Answer:
        self.runs += 1
        if not self.before.is_set():
            self.reached.set()
        await self.before.wait()
        if self.effect:
            async with self.db.transaction() as tx:
                await tx.execute("INSERT INTO effect VALUES ('done')")
        if not self.after.is_set():
            self.reached.set()
        await self.after.wait()
        return Answer(self.status, f"run {self.runs}".encode(), {"content-type": "text/plain", "location": "/x"})


FIRST = Answer(201, b"run 1", {"content-type": "text/plain", "location": "/x"})
AGAIN = Answer(201, b"run 1", {"content-type": "text/plain", "location": "/x", "Idempotent-Replay": "true"})


async def test_a_repeat_gets_the_stored_answer(keys, db):
    work = Work(db)
    assert await keys.once("ada POST /orders", "k", HASH, work) == FIRST
    assert await keys.once("ada POST /orders", "k", HASH, work) == AGAIN
    assert (work.runs, await effects(db)) == (1, 1)


async def test_another_process_gets_it_too(keys, db, elsewhere):
    work = Work(db)
    await keys.once("scope", "k", HASH, work)
    assert await IdempotencyKeys(elsewhere).once("scope", "k", HASH, work) == AGAIN
    assert work.runs == 1


async def test_a_hundred_at_once_run_once_and_get_the_same(keys, db):
    work = Work(db)
    answers = await asyncio.gather(*(keys.once("scope", "k", HASH, work) for _ in range(100)))
    assert (work.runs, await effects(db)) == (1, 1)
    assert [answer for answer in answers if answer == FIRST] == [FIRST]
    assert len([answer for answer in answers if answer == AGAIN]) == 99


async def test_a_hundred_at_once_in_two_processes_run_once(keys, db, elsewhere):
    there = IdempotencyKeys(elsewhere)
    here_work, there_work = Work(db), Work(elsewhere)
    answers = await asyncio.gather(
        *(keys.once("scope", "k", HASH, here_work) for _ in range(50)),
        *(there.once("scope", "k", HASH, there_work) for _ in range(50)),
    )
    assert here_work.runs + there_work.runs == 1
    assert await effects(db) == 1
    assert {answer.body for answer in answers} == {b"run 1"}
    assert sum("Idempotent-Replay" not in answer.headers for answer in answers) == 1


async def test_scopes_and_keys_are_apart(keys, db):
    work = Work(db)
    for scope, key in [("ada", "k"), ("eve", "k"), ("ada", "k2")]:
        assert "Idempotent-Replay" not in (await keys.once(scope, key, HASH, work)).headers
    assert await effects(db) == 3


async def test_another_request_under_the_same_key_is_refused(keys, db):
    work = Work(db)
    await keys.once("scope", "k", HASH, work)
    with pytest.raises(KeyReused) as refused:
        await keys.once("scope", "k", b"another", work)
    assert refused.value.field == "Idempotency-Key"
    assert (work.runs, await effects(db)) == (1, 1)


async def test_another_request_is_refused_also_while_the_first_runs(keys, db, elsewhere):
    work = Work(db)
    work.before.clear()
    first = asyncio.create_task(keys.once("scope", "k", HASH, work))
    await work.reached.wait()
    for asked in (keys, IdempotencyKeys(elsewhere)):
        with pytest.raises(KeyReused):
            await asked.once("scope", "k", b"another", work)
    work.before.set()
    assert await first == FIRST


async def test_who_waits_too_long_is_told_that_it_is_in_progress(db, elsewhere):
    work = Work(db)
    work.before.clear()
    first = asyncio.create_task(IdempotencyKeys(db).once("scope", "k", HASH, work))
    await work.reached.wait()
    for asked in (db, elsewhere):
        with pytest.raises(RequestInProgress):
            await IdempotencyKeys(asked, wait_seconds=0.05).once("scope", "k", HASH, work)
    work.before.set()
    assert await first == FIRST
    assert await effects(db) == 1


@pytest.mark.parametrize("status", [200, 404, 409, 422])
async def test_refusals_are_answers_too(keys, db, status):
    work = Work(db, status, effect=False)
    first = await keys.once("scope", "k", HASH, work)
    second = await keys.once("scope", "k", HASH, work)
    assert (first.status, second.status, second.body, work.runs) == (status, status, b"run 1", 1)


@pytest.mark.parametrize("status", [503, 429])
async def test_what_says_later_frees_the_key_when_nothing_was_applied(keys, db, status):
    work = Work(db, status, effect=False)
    assert (await keys.once("scope", "k", HASH, work)).status == status
    assert await stored(db) == []
    work.status, work.effect = 201, True
    assert (await keys.once("scope", "k", HASH, work)).body == b"run 2"
    assert await effects(db) == 1


async def test_a_fault_after_the_effect_is_not_repeated(keys, db):
    work = Work(db, 500)
    assert (await keys.once("scope", "k", HASH, work)).status == 500
    with pytest.raises(AnswerLost):
        await keys.once("scope", "k", HASH, work)
    assert (work.runs, await effects(db)) == (1, 1)


async def test_an_exception_or_a_cancellation_frees_the_key(keys, db):
    async def broken() -> Answer:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        await keys.once("scope", "k", HASH, broken)
    work = Work(db)
    work.before.clear()
    asked = asyncio.create_task(keys.once("scope", "k", HASH, work))
    await work.reached.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    work.before.set()
    assert (await keys.once("scope", "k", HASH, work)).status == 201
    assert await effects(db) == 1


async def die(db: Database, task: asyncio.Task[Answer]) -> None:
    """What PostgreSQL sees when a process is killed: its connections end, and nothing more comes from it."""
    db._pool.terminate()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_after_a_crash_before_the_effect_the_repeat_does_it(db, elsewhere):
    work = Work(elsewhere)
    work.before.clear()
    task = asyncio.create_task(IdempotencyKeys(elsewhere).once("scope", "k", HASH, work))
    await work.reached.wait()
    await die(elsewhere, task)
    assert [tuple(row) for row in await stored(db)] == [("k", False, None)]
    again = Work(db)
    assert await IdempotencyKeys(db).once("scope", "k", HASH, again) == FIRST
    assert await effects(db) == 1


async def test_after_a_crash_between_effect_and_answer_the_repeat_is_told(db, elsewhere):
    work = Work(elsewhere)
    work.after.clear()
    task = asyncio.create_task(IdempotencyKeys(elsewhere).once("scope", "k", HASH, work))
    await work.reached.wait()
    await die(elsewhere, task)
    assert [tuple(row) for row in await stored(db)] == [("k", True, None)]
    again = Work(db)
    for _ in range(2):
        with pytest.raises(AnswerLost):
            await IdempotencyKeys(db).once("scope", "k", HASH, again)
    assert (again.runs, await effects(db)) == (0, 1)


async def test_fifty_repeats_after_a_crash_do_it_once(db, elsewhere):
    work = Work(elsewhere)
    work.before.clear()
    task = asyncio.create_task(IdempotencyKeys(elsewhere).once("scope", "k", HASH, work))
    await work.reached.wait()
    await die(elsewhere, task)
    third = Database("cart", db.dsn, db.size)
    here, there = Work(db), Work(third)
    here_keys, there_keys = IdempotencyKeys(db), IdempotencyKeys(third)
    await asyncio.gather(
        *(here_keys.once("scope", "k", HASH, here) for _ in range(25)),
        *(there_keys.once("scope", "k", HASH, there) for _ in range(25)),
    )
    await third.close()
    assert (here.runs + there.runs, await effects(db)) == (1, 1)


async def test_an_owner_that_was_only_slow_rolls_back(db, elsewhere, monkeypatch):
    slow = Work(db)
    slow.before.clear()
    first = asyncio.create_task(IdempotencyKeys(db).once("scope", "k", HASH, slow))
    await slow.reached.wait()
    monkeypatch.setattr(idempotency, "LEASE", idempotency.LEASE * 0)
    taken = await IdempotencyKeys(elsewhere).once("scope", "k", HASH, Work(elsewhere))
    assert taken == FIRST
    slow.before.set()
    with pytest.raises(ClaimLost):
        await first
    assert await effects(db) == 1
    assert await IdempotencyKeys(db).once("scope", "k", HASH, Work(db)) == AGAIN


async def test_the_mark_commits_and_rolls_back_with_the_effect(keys, db):
    async def undone() -> Answer:
        try:
            async with db.transaction() as tx:
                await tx.execute("INSERT INTO effect VALUES ('half')")
                raise problems.Conflict("not now")
        except problems.Conflict:
            return Answer(503)

    assert (await keys.once("scope", "k", HASH, undone)).status == 503
    assert (await effects(db), await stored(db)) == (0, [])


async def test_pruning_keeps_what_is_promised(keys, db):
    work = Work(db)
    await keys.once("scope", "new", HASH, work)
    await keys.once("scope", "old", HASH, work)
    await db.execute("UPDATE idempotency_keys SET claimed_at = now() - interval '49 hours' WHERE key = 'old'")
    await keys.prune()
    assert [row["key"] for row in await stored(db)] == ["new"]
