"""What staff do to stock is kept with who did it, once."""

from __future__ import annotations

import asyncio

from stoa.kit import staff_acts
from stoa.kit.ids import uuid7
from stoa.services.inventory import discrepancies_repository
from stoa.services.inventory.expire import expire_holds
from stoa.services.inventory.routes import routes
from stoa.testing import Rest, new_user

ADMIN = new_user("admin")
OTHER = new_user("admin")


async def test_a_hold_that_was_made(shop):
    rest = Rest(routes.bind(shop.inventory), shop.db)
    await shop.put("MUG", 5)
    await shop.reserve("of-a-checkout", MUG=1)
    body = {"quantity": 3, "key": "by-phone"}
    requests = [rest.ok("POST", "/inventory/MUG/reserve", body, user=user) for user in (ADMIN, ADMIN)]
    held, again = await asyncio.gather(*requests)
    assert again["id"] == held["id"]
    assert (await rest.send("POST", "/inventory/MUG/reserve", {"quantity": 2, "key": "b"}, user=ADMIN)).status == 409
    made = ("reservation.made", ADMIN.id, held["id"], None, {"state": "held", "lines": {"MUG": 3}})
    assert await told(shop) == [made]
    # It expires, its stock is free, and somebody else takes it again.
    await shop.db.execute("UPDATE reservations SET expires_at = now() - interval '1 hour' WHERE key = 'by-phone'")
    await expire_holds(shop.inventory)
    await rest.ok("POST", "/inventory/MUG/reserve", body, user=OTHER)
    retaken = (
        "reservation.retaken",
        OTHER.id,
        held["id"],
        {"state": "expired"},
        {"state": "held", "lines": {"MUG": 3}},
    )
    assert await told(shop) == [made, retaken]


async def told(shop):
    acts = reversed(await staff_acts.list_acts(shop.db, limit=10))
    return [(act.act, act.actor, act.subject, act.before, act.after) for act in acts]


async def test_warehouses_holds_and_discrepancies(shop):
    rest = Rest(routes.bind(shop.inventory), shop.db)
    await rest.ok("POST", "/warehouses", {"id": "annex", "name": "Annex", "priority": 50}, status=201, user=ADMIN)
    assert (await rest.send("POST", "/warehouses", {"id": "annex", "name": "B"}, user=ADMIN)).status == 409
    await shop.put("MUG", 5)
    held = await shop.reserve("k", MUG=2)
    for _ in range(2):
        await rest.ok("POST", "/inventory/MUG/release", {"key": "k"}, user=ADMIN)
    async with shop.db.transaction() as tx:
        await discrepancies_repository.note_discrepancy(
            tx, "sold_unreserved", order_id=uuid7(), return_id=None, number="S-1", detail="", lines={"MUG": 1}
        )
    await rest.ok("POST", "/stock-discrepancies/01/settle", {"note": "counted"}, status=204, user=ADMIN)
    assert (await rest.send("POST", "/stock-discrepancies/1/settle", {"note": ""}, user=ADMIN)).status == 404
    acts = reversed(await staff_acts.list_acts(shop.db, actor=ADMIN.id, limit=10))
    assert [(act.act, act.subject, act.before, act.after) for act in acts] == [
        ("warehouse.added", "annex", None, {"priority": 50}),
        ("reservation.released", held.id, {"state": "held", "lines": {"MUG": 2}}, {"state": "released"}),
        ("discrepancy.settled", "1", {"settled": False}, {"settled": True}),
    ]
