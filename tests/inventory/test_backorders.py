"""What is promised without being on hand: how it is limited, filled in turn, and given up."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime

import pytest

from stoa.kit import clock
from stoa.kit.ids import uuid7
from stoa.services.inventory.end_preorders import end_preorders, seconds_to_next
from stoa.services.inventory.errors import BelowBackordered, NoSuchWarehouse, OutOfStock, PolicyLacks
from stoa.services.inventory.expire import expire_holds
from stoa.services.inventory.items import Policy
from stoa.services.inventory.promise import Kind
from stoa.services.inventory.release import release
from stoa.services.inventory.reservation import Fill, Reservation
from stoa.services.inventory.states import State
from stoa.services.inventory.stock_repository import stock_of_each

ORDER, OTHER_ORDER = uuid7(), uuid7()
TODAY = date(2026, 3, 1)


@pytest.fixture
def today(monkeypatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 3, 1, 12, tzinfo=UTC))


async def place(shop, key, order_id, **lines):
    items = [{"sku": sku, "quantity": units} for sku, units in lines.items()]
    await shop.hear("order.placed", order_id=order_id, reservation_key=key, items=items)


async def test_what_is_not_on_hand_is_owed_up_to_the_limit(shop):
    await shop.put("A", 2)
    await shop.backorder("A", 3)
    with pytest.raises(OutOfStock) as refused:
        await shop.promise("k", ORDER, A=6)
    assert refused.value.members == {"skus": [{"sku": "A", "requested": 6, "available": 5}]}
    assert (await shop.stock("A"), await shop.backorders("A")) == ((2, 0), [])
    promised = await shop.promise("k", ORDER, A=4)
    assert (promised.fills, promised.owed, promised.lines) == ((Fill("A", "main", 2),), {"A": 2}, {"A": 4})
    assert await shop.reservation("k") == promised
    assert await shop.promise("k", ORDER, A=4) == promised
    assert (await shop.stock("A"), await shop.backorders("A")) == ((2, 2), [(2, 0, "open")])
    assert await shop.to_promise("A") == 1
    await shop.promise("k2", OTHER_ORDER, A=1)
    with pytest.raises(OutOfStock):
        await shop.reserve("k3", A=1)
    assert [one[0] for one in await shop.announced()] == ["inventory.back_in_stock", "inventory.sold_out"]
    await shop.assert_sound()


async def test_what_arrives_goes_to_who_was_promised_first(shop):
    await shop.backorder("A", 10)
    await shop.promise("first", ORDER, A=3)
    await shop.promise("second", OTHER_ORDER, A=2)
    await place(shop, "first", ORDER, A=3)
    assert await shop.movements("A") == []
    await shop.put("A", 2)
    assert await shop.backorders("A") == [(3, 2, "open"), (2, 0, "open")]
    assert await shop.movements("A") == [("receipt", 2), ("sale", -2)]
    assert await shop.stock("A") == (0, 0)
    await shop.put("A", 5)
    assert await shop.backorders("A") == [(3, 3, "filled"), (2, 2, "filled")]
    assert await shop.stock("A") == (4, 2)
    assert (await shop.reservation("second")).fills == (Fill("A", "main", 2),)
    await place(shop, "second", OTHER_ORDER, A=2)
    assert await shop.stock("A") == (2, 0)
    assert await shop.movements("A") == [("receipt", 2), ("sale", -2), ("receipt", 5), ("sale", -1), ("sale", -2)]
    assert await shop.to_promise("A") == 12
    await shop.assert_sound()


async def test_it_is_filled_from_wherever_it_arrives(shop):
    await shop.db.execute("INSERT INTO warehouses (id, name, priority) VALUES ('annex', 'Annex', 200)")
    await shop.backorder("A", 10)
    await shop.promise("k", ORDER, A=3)
    await shop.put("A", 1)
    await shop.put("A", 9, "annex")
    assert (await shop.reservation("k")).fills == (Fill("A", "main", 1), Fill("A", "annex", 2))
    assert (await shop.stock("A"), await shop.stock("A", "annex")) == ((1, 1), (9, 2))
    await place(shop, "k", ORDER, A=3)
    assert (await shop.stock("A"), await shop.stock("A", "annex")) == ((0, 0), (7, 0))
    await shop.assert_sound()


async def test_what_somebody_gives_back_goes_to_who_waits(shop):
    await shop.put("A", 2)
    await shop.backorder("A", 5)
    await shop.reserve("held", A=2)
    await shop.promise("waits", ORDER, A=3)
    assert await release(shop.inventory, "held") is State.RELEASED
    assert (await shop.reservation("waits")).fills == (Fill("A", "main", 2),)
    assert (await shop.stock("A"), await shop.backorders("A")) == ((2, 2), [(3, 2, "open")])
    await shop.assert_sound()


@pytest.mark.parametrize("arrives", [0, 1])
async def test_what_is_owed_ends_with_its_reservation(shop, arrives):
    await shop.backorder("A", 5)
    await shop.promise("released", ORDER, A=2)
    await shop.reserve("expired", A=3, hold_seconds=-1)
    if arrives:
        await shop.put("A", arrives)
    await release(shop.inventory, "released")
    assert await expire_holds(shop.inventory) == 1
    assert [one[2] for one in await shop.backorders("A")] == ["canceled", "expired"]
    assert await shop.to_promise("A") == 5 + arrives
    assert (await shop.reservation("expired")).lines == {"A": 3}
    again = await shop.reserve("expired", A=3)
    assert (again.owed, again.lines) == ({"A": 3 - arrives}, {"A": 3})
    assert await shop.reservation("expired") == again
    await shop.assert_sound()


async def test_a_canceled_order_is_owed_nothing_and_gives_back_what_it_had(shop):
    await shop.backorder("A", 5)
    await shop.put("A", 1)
    await shop.promise("k", ORDER, A=4)
    await place(shop, "k", ORDER, A=4)
    assert await shop.movements("A") == [("receipt", 1), ("sale", -1)]
    await shop.promise("other", OTHER_ORDER, A=1)
    for _ in range(2):
        await shop.hear("order.canceled", order_id=ORDER, reservation_key="k", reason="")
        assert await shop.backorders("A") == [(3, 0, "canceled"), (1, 1, "filled")]
        assert await shop.movements("A") == [("receipt", 1), ("sale", -1), ("return", 1)]
        assert await shop.stock("A") == (1, 1)
    await shop.assert_sound()


async def test_what_comes_back_goes_to_who_waits(shop):
    await shop.put("A", 2)
    await shop.backorder("A", 5)
    await shop.promise("sold", ORDER, A=2)
    await place(shop, "sold", ORDER, A=2)
    await shop.promise("waits", OTHER_ORDER, A=1)
    items = [{"sku": "A", "quantity": 2}]
    await shop.hear("order.returned", order_id=ORDER, return_id=uuid7(), reservation_key="sold", items=items)
    assert (await shop.stock("A"), await shop.backorders("A")) == ((2, 1), [(1, 1, "filled")])
    await shop.assert_sound()


async def test_no_more_comes_back_than_was_sent(shop):
    await shop.backorder("A", 5)
    await shop.put("A", 1)
    await shop.promise("k", ORDER, A=3)
    items = [{"sku": "A", "quantity": 3}]
    await shop.hear("order.returned", order_id=ORDER, return_id=uuid7(), reservation_key="k", items=items)
    assert await shop.movements("A") == [("receipt", 1), ("sale", -1), ("return", 1), ("sale", -1)]
    assert await shop.discrepancies() == [("returned_unsold", {"A": 2}, False)]
    await shop.assert_sound()


async def test_safety_stock_is_kept_back_and_sold_when_it_is_not(shop):
    await shop.put("A", 5)
    after = await shop.policy("A", safety_stock={"main": 2})
    assert (after.available, after.safety_stock, after.to_promise) == (5, 2, 3)
    with pytest.raises(OutOfStock) as refused:
        await shop.reserve("k", A=4)
    assert refused.value.members["skus"] == [{"sku": "A", "requested": 4, "available": 3}]
    await shop.reserve("k", A=3)
    assert (await shop.announced())[-1][:2] == ("inventory.sold_out", "A")
    await shop.policy("A", policy=Policy.BACKORDER, limit=9, lead_days=1, safety_stock={"main": 2})
    await shop.promise("waits", ORDER, A=3)
    assert await shop.backorders("A") == [(3, 0, "open")]
    await shop.policy("A", safety_stock={"main": 1})
    assert (await shop.stock("A"), await shop.backorders("A")) == ((5, 4), [(3, 1, "open")])
    await shop.put("A", 3 + 1)
    await shop.assert_sound()


async def test_a_policy_that_cannot_be_changes_nothing(shop, today):
    await shop.backorder("A", 5)
    await shop.promise("k", ORDER, A=3)
    before = (await stock_of_each(shop.db, ["A"]))["A"]
    for refusal, terms in (
        (BelowBackordered, {"policy": Policy.BACKORDER, "limit": 2, "lead_days": 1}),
        (PolicyLacks, {"policy": Policy.BACKORDER, "limit": 5}),
        (PolicyLacks, {"policy": Policy.PREORDER, "limit": 5}),
        (PolicyLacks, {"policy": Policy.PREORDER, "limit": 5, "available_on": TODAY}),
        (NoSuchWarehouse, {"safety_stock": {"moon": 1}}),
    ):
        with pytest.raises(refusal):
            await shop.policy("A", **terms)
    assert (await stock_of_each(shop.db, ["A"]))["A"] == before
    assert await shop.backorder("A", 5) == before, "a repeat writes nothing"
    closed = await shop.policy("A")
    assert (closed.to_promise, closed.item.backordered, closed.item.backorder_limit) == (0, 3, 3)
    assert (await shop.announced())[-1][:2] == ("inventory.sold_out", "A")
    await shop.assert_sound()


async def test_a_preorder_ends_on_its_day_and_what_was_promised_stays(shop, today, monkeypatch):
    after = await shop.policy("A", policy=Policy.PREORDER, limit=5, available_on=date(2026, 3, 4))
    assert after.promise(5, TODAY) == (Kind.PREORDER_FROM, date(2026, 3, 4))
    assert after.promise(6, TODAY) == (Kind.SOLD_OUT, None)
    assert await seconds_to_next(shop.inventory) == 2.5 * 24 * 3600
    await shop.promise("k", ORDER, A=2)
    assert await end_preorders(shop.inventory) == 0
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 3, 4, tzinfo=UTC))
    assert await end_preorders(shop.inventory) == 1
    assert await end_preorders(shop.inventory) == 0
    assert await seconds_to_next(shop.inventory) is None
    assert (await shop.announced())[-1][:2] == ("inventory.sold_out", "A")
    with pytest.raises(OutOfStock):
        await shop.reserve("late", A=1)
    assert await shop.backorders("A") == [(2, 0, "open")]
    assert (await shop.reservation("k")).later == {"A": (Kind.PREORDER_FROM, date(2026, 3, 4))}
    await shop.put("A", 5)
    assert (await shop.stock("A"), await shop.to_promise("A")) == ((5, 2), 3)
    await shop.assert_sound()


async def test_a_promise_says_when(shop, today):
    await shop.put("A", 2)
    stock = await shop.backorder("A", 3)
    assert stock.promise(2, TODAY) == (Kind.IN_STOCK, None)
    assert stock.promise(3, TODAY) == (Kind.SHIPS_BY, date(2026, 3, 15))


async def test_the_last_that_may_be_owed_goes_to_one_of_128_buyers(shop, twin):
    await shop.backorder("HOT", 1)
    shops = [shop, twin()]
    answers = await asyncio.gather(
        *(shops[at % 2].promise(f"k{at}", uuid7(), HOT=1) for at in range(128)), return_exceptions=True
    )
    assert sum(isinstance(answer, Reservation) for answer in answers) == 1
    assert sum(isinstance(answer, OutOfStock) for answer in answers) == 127
    assert await shop.backorders("HOT") == [(1, 0, "open")]
    await shop.assert_sound()


async def test_goods_arrive_while_orders_are_placed_released_and_canceled(shop, twin):
    await shop.backorder("HOT", 200)
    other = twin()
    orders = {f"k{at}": uuid7() for at in range(40)}
    for key, order_id in orders.items():
        await shop.promise(key, order_id, HOT=2)

    async def receive():
        for on_hand in (3, 9, 20, 11):
            await other.put("HOT", max(on_hand, (await other.stock("HOT"))[1]))

    async def end(key, order_id, at):
        if at % 4 == 0:
            await release(shop.inventory, key)
        else:
            await place(shop, key, order_id, HOT=2)
            if at % 4 == 1:
                await other.hear("order.canceled", order_id=order_id, reservation_key=key, reason="")

    async def buy():
        for at in range(10):
            await other.promise(f"late-{at}", uuid7(), HOT=1)

    ends = [end(key, order_id, at) for at, (key, order_id) in enumerate(orders.items())]
    done = await asyncio.gather(receive(), buy(), *ends, return_exceptions=True)
    assert {type(one).__name__ for one in done if one is not None} <= {"BelowReserved"}
    await shop.assert_sound()
    await shop.put("HOT", 500)
    assert {state for *_, state in await shop.backorders("HOT")} <= {"filled", "canceled"}
    await shop.assert_sound()
    sold = -sum(units for kind, units in await shop.movements("HOT") if kind in {"sale", "return"})
    assert sold == 2 * 20, "those that were placed and not canceled"


async def low(shop) -> list[tuple[str, int, int]]:
    rows = await shop.db.fetch("SELECT subject, data FROM event_log WHERE type = 'inventory.low_stock' ORDER BY id")
    return [(row["subject"], row["data"]["available"], row["data"]["low_stock_at"]) for row in rows]


async def test_low_stock_is_told_once_until_there_is_more_again(shop):
    await shop.put("A", 10)
    await shop.policy("A", low_stock_at=3)
    await shop.reserve("k1", A=6)
    assert await low(shop) == []
    await shop.reserve("k2", A=1)
    assert await low(shop) == [("A", 3, 3)]
    await shop.reserve("k3", A=3)
    await release(shop.inventory, "k3")
    await place(shop, "k1", ORDER, A=6)
    assert await low(shop) == [("A", 3, 3)]
    await release(shop.inventory, "k2")
    await shop.put("A", 2)
    assert await low(shop) == [("A", 3, 3), ("A", 2, 3)]
    await shop.policy("A", low_stock_at=1)
    await shop.policy("A", low_stock_at=2)
    assert await low(shop) == [("A", 3, 3), ("A", 2, 3), ("A", 2, 2)]
    await shop.reserve("all", A=2)
    types = [row["type"] for row in await shop.db.fetch("SELECT type FROM event_log ORDER BY id")]
    assert types.count("inventory.sold_out") == 2
