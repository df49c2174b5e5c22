"""Carts that were left are told of, once; guests' that nobody has touched for long are removed, and nothing else."""

import asyncio
import json
from datetime import timedelta

import pytest
from holding import held

from stoa.app import SERVICES
from stoa.kit import clock, rounds
from stoa.kit.ids import uuid7
from stoa.kit.outbox import Outbox
from stoa.services.cart import jobs, repository
from stoa.services.cart.document import Contact
from stoa.services.cart.store import Change

from .conftest import end_round, read


@pytest.fixture
def tell(db, store):
    """`await tell()`: what the job announces of carts that nobody has touched for an hour."""
    outbox = Outbox(SERVICES["cart"], lambda _: ("notification",), {"notification"})

    async def told():
        before = await db.fetchval("SELECT coalesce(max(id), 0) FROM event_log")
        await jobs.tell_of_abandoned_carts(store, outbox, 3600)
        rows = await db.fetch(
            "SELECT subject, type, event_log.data || event_personal.data AS data FROM event_log "
            "JOIN event_personal USING (id) WHERE event_log.id > $1 ORDER BY event_log.id",
            before,
        )
        return [(row["subject"], row["type"], row["data"]) for row in rows]

    return told


async def leave(db, *cart_ids, hours=2):
    await db.execute(
        "UPDATE carts SET updated_at = now() - make_interval(hours => $2) WHERE id = ANY ($1::uuid[])", cart_ids, hours
    )


async def test_a_cart_that_was_left_is_told_of_once_until_it_changes(db, store, fill, tell):
    ada = uuid7()
    mine, empty, fresh = await fill({"MUG": 2, "TEA": 1}, user_id=ada), await fill({}), await fill({"MUG": 1})
    said = Contact(email="eve@example.com")
    guests = await store.open(uuid7(), None, lambda _: Change({"SPOON": 3}, said, saved={"FORK": 1}))
    await leave(db, mine.id, empty.id, guests.id)
    left_at = [(await read(store, cart.id)).updated_at.isoformat().replace("+00:00", "Z") for cart in (mine, guests)]
    told = sorted(await tell(), key=lambda one: one[2]["cart_id"] != ada)
    assert [(kind, data) for _, kind, data in told] == [
        (
            "cart.abandoned",
            {
                "cart_id": ada,
                "user_id": ada,
                "email": None,
                "items": [{"sku": "MUG", "quantity": 2}, {"sku": "TEA", "quantity": 1}],
                "left_at": left_at[0],
            },
        ),
        (
            "cart.abandoned",
            {
                "cart_id": guests.id,
                "user_id": None,
                "email": "eve@example.com",
                "items": [{"sku": "SPOON", "quantity": 3}],
                "left_at": left_at[1],
            },
        ),
    ]
    assert not {subject for subject, _, _ in told} & {ada, guests.id}
    # A guest's cart is whoever's who knows its id.
    shared = json.dumps([row["data"] for row in await db.fetch("SELECT data FROM event_log")])
    assert guests.id not in shared
    assert "eve@example.com" not in shared
    assert await tell() == []
    await store.change(ada, lambda _: Change({"MUG": 1}))
    await leave(db, ada)
    assert [data["items"] for _, _, data in await tell()] == [[{"sku": "MUG", "quantity": 1}]]
    await end_round(store, ada, 0, {"MUG": 1})
    await leave(db, ada, fresh.id)
    assert [data["cart_id"] for _, _, data in await tell()] == [fresh.id]


async def test_two_processes_tell_of_a_cart_once(db, fill, tell):
    carts = [await fill({"MUG": n}) for n in range(1, 9)]
    await leave(db, *(cart.id for cart in carts))
    await asyncio.gather(*(tell() for _ in range(4)))
    assert await db.fetchval("SELECT count(*) FROM event_log") == 8


async def test_one_that_somebody_fills_just_now_was_not_left(db, fill, tell):
    cart = await fill({"MUG": 1})
    await leave(db, cart.id)
    async with held(db.dsn, "SELECT FROM carts WHERE id = $1 FOR UPDATE", cart.id):
        assert await tell() == []
    assert len(await tell()) == 1


async def test_only_untouched_guest_carts_go(db, store, fill):
    ada = uuid7()
    (await fill({})), (await fill({"MUG": 1}))
    fresh, touched = (await fill({})), (await fill({"MUG": 1}))
    await fill({"MUG": 1}, user_id=ada)
    await db.execute("UPDATE carts SET updated_at = now() - interval '31 days' WHERE id <> $1", fresh.id)
    await fill({"MUG": 2}, cart_id=touched.id)
    await jobs.remove_expired_carts(store, days=30)
    assert {row["id"] for row in await db.fetch("SELECT id FROM carts")} == {fresh.id, touched.id, ada}
    assert {row["cart_id"] for row in await db.fetch("SELECT cart_id FROM cart_items")} == {touched.id, ada}


async def test_one_that_went_while_it_was_bought_has_nothing_to_take_out(db, store, fill):
    cart = await fill({"MUG": 1})
    await db.execute("UPDATE carts SET updated_at = now() - interval '31 days'")
    await jobs.remove_expired_carts(store, days=30)
    await end_round(store, cart.id, cart.round, {"MUG": 1})
    assert await db.fetchval("SELECT count(*) FROM carts") == 0


async def test_a_round_reads_what_it_removes_and_no_more(db):
    """Of 300,000 carts, nearly all of guests."""
    async with db.dedicated() as connection:
        await connection.execute("SET statement_timeout = 0")
        await connection.execute(
            "INSERT INTO carts (id, user_id, updated_at) SELECT id, CASE WHEN at % 10 = 0 THEN id END, "
            "now() - at * interval '1 minute' FROM generate_series(1, 300000) AS at, "
            "LATERAL (SELECT md5(at::text)::uuid AS id) AS made"
        )
        await connection.execute("ANALYZE carts")
    for sql in (repository.REMOVE_EXPIRED, repository.ABANDON):
        (plan,) = await db.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", clock.now() - timedelta(days=30), 100)
        assert rows_read(plan["Plan"]) <= 300


def rows_read(node):
    below = sum(rows_read(each) for each in node.get("Plans", ()))
    if "Relation Name" not in node or node["Node Type"] == "ModifyTable":
        return below
    return below + (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]


async def test_more_than_one_round(db, store, monkeypatch):
    monkeypatch.setattr(rounds, "ONE_ROUND", 3)
    for _ in range(7):
        await db.execute(
            "INSERT INTO carts (id, updated_at) VALUES ($1, $2)", uuid7(), clock.now() - timedelta(days=40)
        )
    await jobs.remove_expired_carts(store, days=30)
    assert await db.fetchval("SELECT count(*) FROM carts") == 0


async def test_a_cart_that_is_being_filled_stays(db, fill):
    cart = await fill({})
    await db.execute("UPDATE carts SET updated_at = now() - interval '31 days'")
    since = clock.now() - timedelta(days=30)
    async with db.transaction() as tx:
        await repository.lock_carts(tx, [cart.id])
        assert await repository.remove_expired(db, since, 10) == 0
    assert await repository.remove_expired(db, since, 10) == 1
