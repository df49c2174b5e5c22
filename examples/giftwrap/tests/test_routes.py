"""Choosing a paper: by whom, until when, and that it is announced once."""

from __future__ import annotations

from stoa_giftwrap.service import repository

from stoa.kit.ids import uuid7
from stoa.kit.telemetry.metrics import REGISTRY
from stoa.testing import new_user, prepare_all


async def test_every_statement(wraps):
    assert await prepare_all(wraps.db, repository) == ["ADD_ORDER", "CLOSE_ORDER", "READ_WRAP", "LOCK_WRAP", "CHOOSE"]


async def test_the_papers(rest):
    assert await rest.ok("GET", "/giftwraps") == {"items": ["plain", "stars"]}


def counted() -> float:
    """What `/metrics` says."""
    return REGISTRY.get_sample_value("stoa_giftwrap_chosen_total", {"paper": "stars"}) or 0.0


async def test_what_is_chosen_is_announced_and_counted_once(wraps, rest, placed):
    ada, order_id = new_user(), uuid7()
    await placed(order_id, ada.id)
    path = f"/orders/{order_id}/giftwrap"
    assert await rest.ok("GET", path, user=ada) == {"order_id": order_id, "paper": "", "message": "", "open": True}
    chosen = {"order_id": order_id, "paper": "stars", "message": "Happy birthday", "open": True}
    before = counted()
    for _ in range(2):
        assert await rest.ok("PUT", path, {"paper": "stars", "message": "Happy birthday"}, user=ada) == chosen
    rows = await wraps.db.fetch("SELECT type, aggregate_version AS version, data FROM event_log")
    assert [tuple(row) for row in rows] == [("giftwrap.chosen", 1, {"order_id": order_id, "paper": "stars"})]
    assert counted() - before == 1


async def test_nobody_else_chooses(wraps, rest, placed):
    ada, order_id = new_user(), uuid7()
    await placed(order_id, ada.id)
    path = f"/orders/{order_id}/giftwrap"
    assert (await rest.send("PUT", path, {"paper": "stars"}, user=new_user())).problem == "no-such-order"
    assert (await rest.send("PUT", path, {"paper": "stars"})).status == 401
    assert (await rest.send("PUT", path, {"paper": "gold"}, user=ada)).problem == "no-such-paper"
    assert (await rest.ok("GET", path, user=ada))["paper"] == ""


async def test_what_is_on_its_way_is_wrapped_as_it_is(wraps, rest, placed):
    ada, order_id = new_user(), uuid7()
    await placed(order_id, ada.id)
    async with wraps.db.transaction() as tx:
        await repository.close_order(tx, order_id)
    path = f"/orders/{order_id}/giftwrap"
    assert (await rest.send("PUT", path, {"paper": "stars"}, user=ada)).problem == "wrapped-already"
    assert await rest.ok("GET", path, user=ada) == {"order_id": order_id, "paper": "", "message": "", "open": False}
