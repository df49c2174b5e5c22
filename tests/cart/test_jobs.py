"""Empty guest carts that nobody has touched for long are removed, and nothing else."""

from datetime import timedelta

from stoa.kit import clock, rounds
from stoa.kit.ids import uuid7
from stoa.services.cart import jobs, repository


async def test_only_empty_untouched_guest_carts_go(db, fill):
    ada = uuid7()
    empty, filled, fresh = (await fill({})), (await fill({"MUG": 1})), (await fill({}))
    await fill({}, user_id=ada)
    await db.execute("UPDATE carts SET updated_at = now() - interval '31 days' WHERE id <> $1", fresh.id)
    await jobs.remove_abandoned_carts(db, days=30)
    left = {row["id"] for row in await db.fetch("SELECT id FROM carts")}
    assert left == {filled.id, fresh.id, ada}
    assert empty.id not in left


async def test_more_than_one_round(db, monkeypatch):
    monkeypatch.setattr(rounds, "ONE_ROUND", 3)
    for _ in range(7):
        await db.execute(
            "INSERT INTO carts (id, updated_at) VALUES ($1, $2)", uuid7(), clock.now() - timedelta(days=40)
        )
    await jobs.remove_abandoned_carts(db, days=30)
    assert await db.fetchval("SELECT count(*) FROM carts") == 0


async def test_a_cart_that_is_being_filled_stays(db, fill):
    cart = await fill({})
    await db.execute("UPDATE carts SET updated_at = now() - interval '31 days'")
    since = clock.now() - timedelta(days=30)
    async with db.transaction() as tx:
        await repository.lock_carts(tx, [cart.id])
        assert await repository.remove_abandoned(db, since, 10) == 0
    assert await repository.remove_abandoned(db, since, 10) == 1
