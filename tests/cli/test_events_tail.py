"""`stoa events tail`: everything that is announced from now on, once, also what commits late, and nothing personal."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from stoa.app import SERVICES
from stoa.cli import events_tail
from stoa.cli.events_tail import LogTail, TopicTail
from stoa.kit.streams import Stream
from stoa.runtime import provision
from stoa.runtime.access import Access
from stoa.runtime.secrets import Secrets
from stoa.testing import processes

SECRET = "a secret of this test, long enough"
ANNOUNCE = """
    WITH logged AS (
        INSERT INTO event_log (event_id, type, subject, aggregate_version, time, traceparent, data)
        VALUES (gen_random_uuid(), $1, $2, 1, now(), '', '{"total": 700}') RETURNING id
    )
    INSERT INTO event_personal SELECT id, '{"email": "ada@example.com"}' FROM logged
"""


async def test_what_commits_late_is_not_missed(database):
    db = await database("order")
    await db.execute(ANNOUNCE, "order.placed", "before")
    tail = LogTail(db)
    await tail.start()
    assert await tail.news() == []
    async with db.dedicated() as late, db.dedicated() as undone:
        await late.execute("BEGIN")
        await late.execute(ANNOUNCE, "order.placed", "late")
        await undone.execute("BEGIN")
        await undone.execute(ANNOUNCE, "order.placed", "undone")
        await db.execute(ANNOUNCE, "order.placed", "in time")
        assert [each.subject for each in await tail.news()] == ["in time"]
        await late.execute("COMMIT")
        await undone.execute("ROLLBACK")
    await db.execute(ANNOUNCE, "order.placed", "after")
    assert [each.subject for each in await tail.news()] == ["late", "after"]
    assert await tail.news() == []


async def test_more_than_a_look_takes(database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(events_tail, "MOST", 2)
    db = await database("order")
    tail = LogTail(db)
    await tail.start()
    for number in range(5):
        await db.execute(ANNOUNCE, "order.placed", str(number))
    assert [[each.subject for each in await tail.news()] for _ in range(4)] == [["0", "1"], ["2", "3"], ["4"], []]


async def test_behavior_from_now_on_batch_by_batch(database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(events_tail, "MOST_BATCHES", 1)
    db = await database("catalog")

    async def written(*numbers: int) -> None:
        views = Stream("product-views", db)
        views.append(*({"n": n} for n in numbers))
        await views.close()

    await written(1)
    tail = TopicTail(db, "product-views")
    await tail.start()
    await written(2, 3)
    await written(4)
    looks = [[each.data["n"] for each in await tail.news()] for _ in range(3)]
    assert looks == [[2, 3], [4], []]
    await written(5)
    (five,) = await tail.news()
    assert five[1:] == ("product-views", "catalog", {"n": 5})


async def test_over_all_services(postgres_server, tmp_path: Path):
    server = await postgres_server(durable=False)
    access = Access(server.dsn(), Secrets(SECRET))
    await provision.prepare(access, SERVICES.values(), lambda *_: None)
    subject, log = str(uuid4()), tmp_path / "log"
    words = ["events", "tail", "--type", "order.*", "--subject", subject, "--data-dir", tmp_path / "data"]
    with processes.running(words, log, STOA_SECRET=SECRET, STOA_DATABASE_URL=server.dsn()) as tail:
        order = await asyncpg.connect(access.dsn_of(SERVICES["order"]))
        payment = await asyncpg.connect(access.dsn_of(SERVICES["payment"]))
        give_up = time.monotonic() + 30
        # It follows from when it has begun; that is seen by its telling the first.
        while "order.placed" not in log.read_text():
            assert time.monotonic() < give_up and tail.poll() is None, log.read_text()
            await order.execute(ANNOUNCE, "order.placed", subject)
        await order.execute(ANNOUNCE, "order.shipped", "another")
        await payment.execute(ANNOUNCE, "payment.succeeded", subject)
        await order.execute(ANNOUNCE, "order.canceled", subject)
        while "order.canceled" not in log.read_text():
            assert time.monotonic() < give_up and tail.poll() is None, log.read_text()
        await order.close()
        await payment.close()
        assert processes.stop(tail) == 128 + signal.SIGTERM
    lines = log.read_text().splitlines()
    assert re.fullmatch(rf'\d\d:\d\d:\d\d\.\d{{3}}Z  order\.canceled  {subject}  \{{"total":700\}}', lines[-1])
    assert {line.split("  ")[1] for line in lines} == {"order.placed", "order.canceled"}
    assert "ada@example.com" not in log.read_text()
