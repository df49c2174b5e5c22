"""Guest carts that nobody has touched for long are removed, and nothing else."""

from datetime import timedelta

from stoa.kit import clock, rounds
from stoa.kit.ids import uuid7
from stoa.services.cart import jobs, repository

from .conftest import end_round


async def test_only_untouched_guest_carts_go(db, store, fill):
    ada = uuid7()
    (await fill({})), (await fill({"MUG": 1}))
    fresh, touched = (await fill({})), (await fill({"MUG": 1}))
    await fill({"MUG": 1}, user_id=ada)
    await db.execute("UPDATE carts SET updated_at = now() - interval '31 days' WHERE id <> $1", fresh.id)
    await fill({"MUG": 2}, cart_id=touched.id)
    await jobs.remove_abandoned_carts(store, days=30)
    assert {row["id"] for row in await db.fetch("SELECT id FROM carts")} == {fresh.id, touched.id, ada}
    assert {row["cart_id"] for row in await db.fetch("SELECT cart_id FROM cart_items")} == {touched.id, ada}


async def test_one_that_went_while_it_was_bought_has_nothing_to_take_out(db, store, fill):
    cart = await fill({"MUG": 1})
    await db.execute("UPDATE carts SET updated_at = now() - interval '31 days'")
    await jobs.remove_abandoned_carts(store, days=30)
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
    explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {repository.REMOVE_ABANDONED}"
    (plan,) = await db.fetchval(explain, clock.now() - timedelta(days=30), 100)
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
    await jobs.remove_abandoned_carts(store, days=30)
    assert await db.fetchval("SELECT count(*) FROM carts") == 0


async def test_a_cart_that_is_being_filled_stays(db, fill):
    cart = await fill({})
    await db.execute("UPDATE carts SET updated_at = now() - interval '31 days'")
    since = clock.now() - timedelta(days=30)
    async with db.transaction() as tx:
        await repository.lock_carts(tx, [cart.id])
        assert await repository.remove_abandoned(db, since, 10) == 0
    assert await repository.remove_abandoned(db, since, 10) == 1
