"""Since when who hears of what is known for good; who is gone is named, and let go with a reason."""

from __future__ import annotations

import pytest
from tests.kit.events.system import Placed, Shipped

from stoa.kit import hearers
from stoa.kit.staff_acts import list_acts

THEM = {"order.placed": ("inventory", "notification"), "order.delivered": ()}


async def known(db) -> dict[tuple[str, str], int]:
    rows = await db.fetch("SELECT recipient, type, after_id FROM hearers ORDER BY recipient, type")
    return {(row["recipient"], row["type"]): row["after_id"] for row in rows}


async def test_who_comes_later_hears_of_what_is_announced_from_then_on(announcer) -> None:
    await hearers.remember(announcer.db, THEM)
    assert await known(announcer.db) == {("inventory", "order.placed"): 0, ("notification", "order.placed"): 0}
    await announcer.place("a", 1, 2)
    latest = await announcer.db.fetchval("SELECT max(id) FROM event_log")
    later = {"order.placed": ("inventory", "giftwrap"), "order.shipped": ("notification",)}
    for _ in range(2):
        await hearers.remember(announcer.db, later)
        assert await known(announcer.db) == {
            ("giftwrap", "order.placed"): latest,
            ("inventory", "order.placed"): 0,
            ("notification", "order.placed"): 0,
            ("notification", "order.shipped"): latest,
        }


async def test_who_was_there_before_anybody_counted_has_heard_everything(announcer) -> None:
    """The last line of the migration, on the database of a shop that had sold."""
    await announcer.place("a", 1)
    await announcer.db.execute("INSERT INTO hearers (recipient, type, after_id) VALUES ('', '', 0)")
    await hearers.remember(announcer.db, THEM)
    assert await known(announcer.db) == {("inventory", "order.placed"): 0, ("notification", "order.placed"): 0}
    await hearers.remember(announcer.db, {"order.placed": ("giftwrap",)})
    assert (await known(announcer.db))["giftwrap", "order.placed"] == 1


async def test_what_is_owed_to_who_is_gone_is_counted_and_given_up_for_a_reason(announcer) -> None:
    await hearers.remember(announcer.db, THEM)
    await announcer.place("a", 1, 2, 3)
    await announcer.change("a", Shipped(n=4))
    assert await hearers.gone(announcer.db, ["inventory", "notification"]) == {}
    assert await hearers.gone(announcer.db, ["notification"]) == {"inventory": 3}
    await announcer.db.execute(
        "WITH refused AS (DELETE FROM outbox WHERE recipient = 'inventory' AND id = 3 RETURNING *)"
        " INSERT INTO outbox_parked (recipient, id, shard, subject, reason) SELECT *, 'a', 'no' FROM refused"
    )
    assert await hearers.let_go(announcer.db, "giftwrap", "never there") is None
    assert await hearers.let_go(announcer.db, "inventory", "not used any more") == 3
    assert await hearers.let_go(announcer.db, "inventory", "once more") is None
    assert await announcer.owed() == [("notification", "a")] * 4
    assert await announcer.parked() == []
    assert await known(announcer.db) == {("notification", "order.placed"): 0}
    (act,) = await list_acts(announcer.db, limit=9)
    assert (act.actor, act.act, act.subject, act.reason) == (
        "operator",
        "hearer.let_go",
        "inventory",
        "not used any more",
    )
    assert (act.before, act.after) == ({"owed": 2, "parked": 1}, None)


async def test_who_is_let_go_and_comes_back_hears_of_what_is_announced_then(announcer) -> None:
    await hearers.remember(announcer.db, THEM)
    await announcer.place("a", 1)
    assert await hearers.let_go(announcer.db, "inventory", "not used any more") == 1
    await announcer.change("a", Placed(n=2))
    await hearers.remember(announcer.db, THEM)
    assert (await known(announcer.db))["inventory", "order.placed"] == 2


@pytest.mark.parametrize("announced", [0, 1])
async def test_the_migration_tells_an_old_shop_from_a_new_one(database, announced: int) -> None:
    from importlib.resources import files

    db = await database("order")
    await db.execute("DROP TABLE hearers")
    if announced:
        await db.execute(
            "INSERT INTO event_log (event_id, type, subject, aggregate_version, time, traceparent, data)"
            " VALUES (gen_random_uuid(), 'order.placed', 'a', 1, now(), '', '{}')"
        )
    async with db.dedicated() as connection:
        await connection.execute(files("stoa.kit").joinpath("migrations/0005_hearers.sql").read_text())
    assert await known(db) == ({("", ""): 0} if announced else {})
