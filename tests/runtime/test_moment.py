"""One moment of several databases: whatever is under way between them, nothing is there of which the cause is not."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Mapping

import asyncpg
import pytest

from stoa.kit.db import TIME_OUTS
from stoa.runtime import moment
from stoa.runtime.failure import Failure

WRITERS = 6
LOOKS = 12


@pytest.fixture(scope="module")
async def dsns(postgres_server) -> Mapping[str, str]:
    server = await postgres_server(durable=False)
    admin = await asyncpg.connect(server.dsn())
    for name in ("cause", "effect"):
        await admin.execute(f"CREATE DATABASE {name}")
        database = await asyncpg.connect(server.dsn(name))
        await database.execute(
            "CREATE SCHEMA inner_one; CREATE TABLE facts (n bigint); CREATE TABLE inner_one.more (n bigint)"
        )
        await database.close()
    await admin.close()
    return {name: server.dsn(name) for name in ("cause", "effect")}


@contextlib.asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn, server_settings=dict(TIME_OUTS))
    try:
        yield connection
    finally:
        await connection.close()


async def write(dsns: Mapping[str, str], numbers: itertools.count, tables: tuple[str, str]) -> None:
    """First the cause, in two tables, then, when it is committed, the effect; for ever."""
    async with connected(dsns["cause"]) as cause, connected(dsns["effect"]) as effect:
        while True:
            number = next(numbers)
            for database in (cause, effect):
                async with database.transaction():
                    for table in tables:
                        await database.execute(f"INSERT INTO {table} VALUES ($1)", number)


async def seen(dsn: str, snapshot: str) -> set[int]:
    async with connected(dsn) as connection:
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        await connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
        facts = {row["n"] for row in await connection.fetch("SELECT n FROM facts")}
        assert facts == {row["n"] for row in await connection.fetch("SELECT n FROM inner_one.more")}
        return facts


async def test_no_effect_without_its_cause(dsns: Mapping[str, str]):
    """Half of the writers take the tables in the other order: one of two that meet would be ended as a deadlock."""
    orders = itertools.cycle([("facts", "inner_one.more"), ("inner_one.more", "facts")])
    numbers = itertools.count()
    writers = [asyncio.create_task(write(dsns, numbers, order)) for order in itertools.islice(orders, WRITERS)]
    before = 0
    try:
        for _ in range(LOOKS):
            async with moment.one_moment(dsns) as found:
                cause, effect = [await seen(dsns[name], found.snapshots[name]) for name in ("cause", "effect")]
            assert effect <= cause
            assert len(cause - effect) <= WRITERS
            assert len(cause) > before, "writers go on between two looks"
            before = len(cause)
            await asyncio.sleep(0.05)
        # None was refused for our sake.
        assert not any(writer.done() for writer in writers)
    finally:
        for writer in writers:
            writer.cancel()
        await asyncio.gather(*writers, return_exceptions=True)


async def test_somebody_writes_for_ever(dsns: Mapping[str, str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(moment, "_GIVE_UP_SECONDS", 0.1)
    async with connected(dsns["effect"]) as other:
        await other.execute("BEGIN; INSERT INTO facts VALUES (-1)")
        with pytest.raises(Failure, match="there was no moment at which nobody was writing"):
            async with moment.one_moment(dsns):
                pass
        # Nothing of ours is left in anybody's way.
        async with connected(dsns["cause"]) as writer:
            await writer.execute("INSERT INTO facts VALUES (-1); DELETE FROM facts WHERE n = -1")


async def test_who_lost_the_locks_has_seen_no_moment(dsns: Mapping[str, str], monkeypatch: pytest.MonkeyPatch):
    """Stopped while it holds them (Ctrl-Z), it loses them, so that the shop goes on."""
    export = moment._export

    async def late(reader: asyncpg.Connection) -> str:
        async with connected(dsns["cause"]) as admin:
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE mode = 'ShareLock' AND locktype = 'relation'"
            )
        return await export(reader)

    monkeypatch.setattr(moment, "_export", late)
    with pytest.raises(Failure, match="no moment of all databases was had"):
        async with moment.one_moment(dsns):
            pass
