"""The whole way of a fact, from the commit that makes it true to its effects, seen by how much is left."""

from __future__ import annotations

from tests.kit.events.system import Placed, System, until

from stoa.kit.depth import Depth, depth

NOTHING = Depth(
    outbox=0,
    outbox_oldest_seconds=0,
    outbox_parked=0,
    inbox=0,
    inbox_parked=0,
    announced=0,
)


async def test_an_empty_database_owes_nothing(announcer) -> None:
    assert await depth(announcer.db) == NOTHING


async def test_what_is_on_its_way_is_counted_where_it_is_until_its_effects_are_there(system) -> None:
    await system.announcer.place("a", 1, 2)
    await system.announcer.change("b", Placed(n=3))
    owed = await depth(system.announcer.db)
    assert (owed.outbox, owed.outbox_parked, owed.moving) == (6, 0, 6)
    assert owed.announced == 3
    assert owed.outbox_oldest_seconds > 0

    system.relay()
    await system.delivered()
    assert (await depth(system.announcer.db)).moving == 0
    heard = await depth(system.inventory.db)
    assert (heard.inbox, heard.inbox_parked, heard.moving) == (3, 0, 3)

    for hearer in (system.inventory, system.notification):
        system.run(hearer.inbox)
    await until(lambda: settled(system))
    assert await depth(system.inventory.db) == NOTHING
    for hearer in (system.inventory, system.notification):
        effects = await hearer.db.fetch("SELECT subject, array_agg(n ORDER BY at) AS n FROM effect GROUP BY subject")
        assert {row["subject"]: row["n"] for row in effects} == {"a": [1, 2], "b": [3]}


async def settled(system: System) -> bool:
    depths = [await depth(db) for db in (system.announcer.db, system.inventory.db, system.notification.db)]
    return sum(each.moving for each in depths) == 0
