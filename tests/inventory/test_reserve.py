"""Reserve, allocate, release and expire, against PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from stoa.kit import clock, context
from stoa.kit.ids import uuid7
from stoa.services.inventory.errors import (
    NoSuchReservation,
    OutOfStock,
    ReservationCommitted,
    ReservationExpired,
    ReservationKeyReused,
    ReservationPromised,
    ReservationReleased,
)
from stoa.services.inventory.expire import expire_holds
from stoa.services.inventory.release import release
from stoa.services.inventory.reservation import Fill
from stoa.services.inventory.states import State

ORDER = "018f0000-0000-7000-8000-000000000001"
OTHER_ORDER = "018f0000-0000-7000-8000-000000000002"


async def test_holding_lets_the_rest_be_sold(shop):
    await shop.put("A", 5)
    await shop.put("B", 1)
    before = clock.now()
    held = await shop.reserve("k", A=2, B=1)
    assert (held.state, held.lines) == (State.HELD, {"A": 2, "B": 1})
    assert before + timedelta(seconds=900) <= held.expires_at <= clock.now() + timedelta(seconds=900)
    assert await shop.reservation("k") == held
    assert (await shop.stock("A"), await shop.stock("B")) == ((5, 2), (1, 1))
    assert await shop.announced() == [
        ("inventory.back_in_stock", "A", 1, 5),
        ("inventory.back_in_stock", "B", 1, 1),
        ("inventory.sold_out", "B", 2, 0),
    ]
    await shop.assert_sound()


async def test_a_refused_reservation_changes_nothing(shop):
    await shop.put("A", 5)
    await shop.put("B", 1)
    announced = await shop.announced()
    with pytest.raises(OutOfStock) as refused:
        await shop.reserve("k", A=2, B=2, C=1)
    assert refused.value.members == {
        "skus": [{"sku": "B", "requested": 2, "available": 1}, {"sku": "C", "requested": 1, "available": 0}]
    }
    assert refused.value.type == "/problems/out-of-stock"
    assert (await shop.stock("A"), await shop.stock("B")) == ((5, 0), (1, 0))
    assert await shop.db.fetchval("SELECT count(*) FROM reservations") == 0
    assert await shop.db.fetchval("SELECT count(*) FROM reservation_lines") == 0
    assert await shop.announced() == announced


async def test_a_repeat_is_the_same_reservation_for_longer(shop):
    await shop.put("A", 5)
    first = await shop.reserve("k", A=2)
    again = await shop.reserve("k", A=2, hold_seconds=1000)
    assert again.id == first.id
    assert again.expires_at > first.expires_at
    assert await shop.reservation("k") == again
    with pytest.raises(ReservationKeyReused):
        await shop.reserve("k", A=3)
    assert await shop.stock("A") == (5, 2)


async def test_many_callers_share_a_transaction_and_each_gets_his_own_answer(shop):
    await shop.put("A", 10)
    transactions = "SELECT count(DISTINCT xmin::text) FROM reservations"
    wanted = [shop.reserve(f"k{at}", A=3) for at in range(5)] + [shop.reserve("k0", A=3), shop.reserve("k1", A=1)]
    answers = await asyncio.gather(*wanted, return_exceptions=True)
    assert [type(answer).__name__ for answer in answers] == [
        *["Reservation"] * 3,
        *["OutOfStock"] * 2,
        "Reservation",
        "ReservationKeyReused",
    ]
    assert answers[5].id == answers[0].id
    assert await shop.db.fetchval(transactions) <= 2
    assert await shop.stock("A") == (10, 9)
    await shop.assert_sound()


async def test_a_line_is_filled_from_several_warehouses_in_their_order(shop):
    await shop.db.execute("INSERT INTO warehouses (id, name, priority) VALUES ('annex', 'Annex', 200)")
    await shop.put("A", 3, "annex")
    await shop.put("A", 2)
    held = await shop.reserve("k", A=4)
    assert held.fills == (Fill("A", "main", 2), Fill("A", "annex", 2))
    assert (await shop.stock("A"), await shop.stock("A", "annex")) == ((2, 2), (3, 2))
    await shop.reserve("k2", A=1)
    assert (await shop.announced())[-1] == ("inventory.sold_out", "A", 5, 0)
    assert await release(shop.inventory, "k") is State.RELEASED
    assert (await shop.stock("A"), await shop.stock("A", "annex")) == ((2, 0), (3, 1))
    assert (await shop.announced())[-1] == ("inventory.back_in_stock", "A", 7, 4)
    await shop.assert_sound()


async def test_release_before_reserve_refuses_it_for_ever(shop):
    await shop.put("A", 5)
    assert await release(shop.inventory, "k") is State.RELEASED
    assert await release(shop.inventory, "k") is State.RELEASED
    for _ in range(2):
        with pytest.raises(ReservationReleased):
            await shop.reserve("k", A=1)
    with pytest.raises(ReservationReleased):
        await shop.allocate("k", ORDER)
    assert await shop.stock("A") == (5, 0)


@pytest.mark.parametrize("promised", [False, True])
async def test_release_gives_a_hold_and_an_allocation_back_once(shop, promised):
    await shop.put("A", 5)
    await shop.reserve("k", A=5)
    if promised:
        await shop.allocate("k", ORDER)
    for _ in range(2):
        assert await release(shop.inventory, "k") is State.RELEASED
        assert await shop.stock("A") == (5, 0)
    assert (await shop.reservation("k")).state is State.RELEASED
    assert [one[0] for one in await shop.announced()] == [
        "inventory.back_in_stock",
        "inventory.sold_out",
        "inventory.back_in_stock",
    ]
    with pytest.raises(ReservationReleased):
        await shop.reserve("k", A=5)
    await shop.assert_sound()


async def test_releases_of_a_moment_are_answered_one_by_one(shop):
    await shop.put("A", 5)
    await shop.put("B", 5)
    await shop.reserve("held", A=5)
    await shop.reserve("promised", B=1)
    await shop.allocate("promised", ORDER)
    await shop.reserve("expired", hold_seconds=-1, B=1)
    await expire_holds(shop.inventory)
    await shop.reserve("sold", B=2)
    await shop.hear("order.placed", order_id=OTHER_ORDER, reservation_key="sold", items=[{"sku": "B", "quantity": 2}])
    asked = {key: f"{at:032x}" for at, key in enumerate(("unknown", "held", "sold", "expired", "promised"), start=1)}

    async def ask(key):
        with context.using(context.fresh(traceparent=f"00-{asked[key]}-{'1' * 16}-01")):
            return await release(shop.inventory, key)

    answers = await asyncio.gather(*map(ask, [*asked, "unknown", "held"]), return_exceptions=True)
    assert [isinstance(answer, ReservationCommitted) for answer in answers] == [False, False, True] + 4 * [False]
    assert [answer for answer in answers if not isinstance(answer, Exception)] == 6 * [State.RELEASED]
    states = [(await shop.reservation(key)).state for key in asked]
    assert states == ["released", "released", "committed", "released", "released"]
    assert (await shop.stock("A"), await shop.stock("B")) == ((5, 0), (3, 0))
    last = await shop.db.fetchrow("SELECT type, subject, traceparent FROM event_log ORDER BY id DESC LIMIT 1")
    assert (last["type"], last["subject"]) == ("inventory.back_in_stock", "A")
    assert asked["held"] in last["traceparent"]
    await shop.assert_sound()


async def test_what_is_sold_is_not_released(shop):
    await shop.put("A", 5)
    await shop.reserve("k", A=2)
    await shop.allocate("k", ORDER)
    await shop.hear("order.placed", order_id=ORDER, items=[{"sku": "A", "quantity": 2}])
    with pytest.raises(ReservationCommitted):
        await release(shop.inventory, "k")
    assert await shop.stock("A") == (3, 0)


async def test_an_allocation_belongs_to_one_order_and_does_not_expire(shop):
    await shop.put("A", 5)
    await shop.reserve("k", A=2, hold_seconds=-1)
    allocated = await shop.allocate("k", ORDER)
    assert (allocated.state, allocated.order_id) == (State.ALLOCATED, ORDER)
    assert await shop.allocate("k", ORDER) == allocated
    assert await shop.reserve("k", A=2) == allocated
    with pytest.raises(ReservationPromised):
        await shop.allocate("k", OTHER_ORDER)
    with pytest.raises(NoSuchReservation):
        await shop.allocate("unknown", ORDER)
    assert await expire_holds(shop.inventory) == 0
    assert await shop.reservation("k") == allocated
    assert await shop.stock("A") == (5, 2)


async def test_what_is_reserved_for_an_order_is_promised_at_once_and_does_not_expire(shop):
    await shop.put("A", 5)
    promised = await shop.promise("k", ORDER, A=2)
    assert (promised.state, promised.order_id, promised.expires_at) == (State.ALLOCATED, ORDER, None)
    assert await shop.reservation("k") == promised
    assert await shop.promise("k", ORDER, A=2) == promised
    assert await shop.reserve("k", A=2) == promised
    assert await shop.allocate("k", ORDER) == promised
    with pytest.raises(ReservationPromised):
        await shop.promise("k", OTHER_ORDER, A=2)
    with pytest.raises(ReservationKeyReused):
        await shop.promise("k", ORDER, A=3)
    assert await expire_holds(shop.inventory) == 0
    assert await shop.reservation("k") == promised
    assert await shop.stock("A") == (5, 2)
    await shop.assert_sound()


async def test_a_hold_is_promised_by_reserving_it_for_an_order(shop):
    await shop.put("A", 5)
    held = await shop.reserve("k", A=2, hold_seconds=-1)
    promised = await shop.promise("k", ORDER, A=2)
    assert promised == replace(held, state=State.ALLOCATED, order_id=ORDER, expires_at=None)
    assert await shop.reservation("k") == promised
    assert await expire_holds(shop.inventory) == 0
    assert await shop.stock("A") == (5, 2)


async def test_an_expired_hold_is_taken_again_for_an_order(shop):
    await shop.put("A", 2)
    held = await shop.reserve("k", A=2, hold_seconds=-1)
    await expire_holds(shop.inventory)
    promised = await shop.promise("k", ORDER, A=2)
    assert (promised.id, promised.state, promised.order_id) == (held.id, State.ALLOCATED, ORDER)
    assert await shop.reservation("k") == promised
    assert await shop.stock("A") == (2, 2)
    await shop.assert_sound()


async def test_a_spent_key_is_promised_to_nobody_and_a_sold_one_stays_sold(shop):
    await shop.put("A", 5)
    await release(shop.inventory, "spent")
    with pytest.raises(ReservationReleased):
        await shop.promise("spent", ORDER, A=1)
    await shop.promise("sold", ORDER, A=2)
    await shop.hear("order.placed", order_id=ORDER, reservation_key="sold", items=[{"sku": "A", "quantity": 2}])
    assert (await shop.promise("sold", ORDER, A=2)).state is State.COMMITTED
    with pytest.raises(ReservationPromised):
        await shop.promise("sold", OTHER_ORDER, A=2)
    assert await shop.stock("A") == (3, 0)
    await shop.assert_sound()


async def test_a_hold_and_its_promise_in_one_batch_are_one_reservation(shop):
    await shop.put("A", 5)
    answers = await asyncio.gather(
        shop.reserve("k", A=2),
        shop.promise("k", ORDER, A=2),
        shop.promise("k", OTHER_ORDER, A=2),
        return_exceptions=True,
    )
    assert [getattr(answer, "state", None) for answer in answers] == [State.HELD, State.ALLOCATED, None]
    assert isinstance(answers[2], ReservationPromised)
    assert await shop.reservation("k") == answers[1]
    assert await shop.stock("A") == (5, 2)


async def test_a_hold_expires_and_the_key_may_take_the_stock_again(shop):
    await shop.put("A", 2)
    await shop.reserve("k", A=2, hold_seconds=-1)
    await shop.put("B", 1)
    await shop.reserve("young", B=1)
    assert await expire_holds(shop.inventory) == 1
    assert await expire_holds(shop.inventory) == 0
    assert (await shop.reservation("k")).state is State.EXPIRED
    assert (await shop.reservation("young")).state is State.HELD
    assert await shop.stock("A") == (2, 0)
    with pytest.raises(ReservationExpired):
        await shop.allocate("k", ORDER)

    await shop.reserve("other", A=1)
    with pytest.raises(OutOfStock):
        await shop.reserve("k", A=2)
    assert (await shop.reservation("k")).state is State.EXPIRED
    await release(shop.inventory, "other")
    again = await shop.reserve("k", A=2)
    assert (again.state, again.fills) == (State.HELD, (Fill("A", "main", 2),))
    assert await shop.reservation("k") == again
    assert await shop.stock("A") == (2, 2)
    await shop.assert_sound()


async def test_an_expired_hold_takes_its_stock_from_where_it_is_now(shop):
    await shop.db.execute("INSERT INTO warehouses (id, name, priority) VALUES ('annex', 'Annex', 200)")
    await shop.put("A", 2)
    await shop.reserve("k", A=2, hold_seconds=-1)
    await expire_holds(shop.inventory)
    await shop.put("A", 0)
    await shop.put("A", 2, "annex")
    assert (await shop.reserve("k", A=2)).fills == (Fill("A", "annex", 2),)
    await shop.assert_sound()


async def test_a_released_expired_hold_is_spent(shop):
    await shop.put("A", 2)
    await shop.reserve("k", A=2, hold_seconds=-1)
    await expire_holds(shop.inventory)
    assert await release(shop.inventory, "k") is State.RELEASED
    with pytest.raises(ReservationReleased):
        await shop.reserve("k", A=2)
    assert await shop.stock("A") == (2, 0)


async def test_many_holds_expire_in_rounds(shop):
    await shop.put("A", 1000)
    await asyncio.gather(*(shop.reserve(f"k{at}", A=1, hold_seconds=-1) for at in range(450)))
    assert await shop.stock("A") == (1000, 450)
    assert await expire_holds(shop.inventory) == 450
    assert await shop.stock("A") == (1000, 0)
    await shop.assert_sound()


async def test_a_key_that_never_was_is_unknown(shop):
    with pytest.raises(NoSuchReservation):
        await shop.allocate(uuid7(), ORDER)
