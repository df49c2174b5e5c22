"""The process dies, at every point that there is, and another finds the work and ends it."""

from __future__ import annotations

import asyncio

import asyncpg
import msgspec
import pytest
from checkout.conftest import Crashes, House, NewHouse, NewShopper, Shopper

from stoa.contracts.inventory.v1.inventory_pb2 import ReleaseRequest
from stoa.contracts.payment.v1.payment_pb2 import VoidPaymentRequest
from stoa.kit.batcher import ShuttingDown
from stoa.kit.crash_points import exit_at
from stoa.kit.ids import uuid7
from stoa.services.checkout import crash_points
from stoa.services.checkout.errors import LeaseLost, Overloaded
from stoa.services.checkout.repository import Checkout
from stoa.services.checkout.retry_checkout import retry
from stoa.services.checkout.states import State
from stoa.services.checkout.steps import STEPS

FORWARD, BACKWARD = crash_points.on_the_way_forward(STEPS), crash_points.on_the_way_back(STEPS)
POINTS = crash_points.all_points(STEPS)


async def crash(house: House, shopper: Shopper, **wish) -> str:
    """The id of a checkout that ended where its process did."""
    checkout_id = uuid7()
    buying = asyncio.create_task(house.buy(shopper.user, checkout_id=checkout_id, **wish))
    while house.checkouts.runner.find(checkout_id) is None:
        await asyncio.sleep(0)
    while house.checkouts.runner.find(checkout_id) is not None:
        await asyncio.sleep(0.005)
    await buying
    await house.die()
    return checkout_id


def refusal_of(row: Checkout) -> tuple[int, str]:
    """The status and the type of the problem that the shopper is told."""
    assert row.purchase.answer is not None
    return row.purchase.answer.status, msgspec.json.decode(row.purchase.answer.body)["type"]


@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
@pytest.mark.parametrize("point", POINTS)
async def test_whoever_takes_it_over_ends_it(new_house: NewHouse, promoted: Shopper, point: str, again: bool):
    shopper = promoted
    backward = point in BACKWARD
    wish = {"token": "tok_capture_refused"} if backward else {}
    first = await new_house(reach=Crashes(point))
    checkout_id = await crash(first, shopper, **wish)
    if again:
        second = await new_house(beside=first, reach=Crashes(point))
        while (await second.row(checkout_id)).attempts == 1:
            await second.checkouts.runner.tend()
        while second.checkouts.runner.find(checkout_id) is not None:
            await asyncio.sleep(0.005)
        assert not (await second.row(checkout_id)).state.final
        await second.die()
    heir = await new_house(beside=first)
    row = await heir.ended(checkout_id)
    assert row.attempts == (3 if again else 2)
    if backward:
        assert row.state is State.FAILED
        assert refusal_of(row) == (402, "/problems/payment-declined")
        await shopper.assert_nothing_is_left(row)
    else:
        assert row.state is State.COMPLETED
        assert row.purchase.answer is not None
        assert row.purchase.answer.status == 201
        await shopper.assert_order_stands(row)


@pytest.mark.parametrize("token", ["tok_ok", "tok_capture_refused"])
async def test_every_point_is_reached(new_house: NewHouse, shopper: Shopper, token: str):
    crashes = Crashes()
    house = await new_house(reach=crashes)
    await house.buy(shopper.user, token=token)
    if token == "tok_ok":
        assert crashes.reached == FORWARD
    else:
        until = FORWARD.index("checkout:before:capture_payment") + 1
        assert crashes.reached == FORWARD[:until] + BACKWARD


async def test_a_payment_that_staff_voided_meanwhile_is_a_decline(new_house: NewHouse, shopper: Shopper):
    """As it is where the checkout hears of it at the capture."""
    first = await new_house(reach=Crashes("checkout:before:capture_payment"))
    checkout_id = await crash(first, shopper)
    await shopper.market.stub("payment").VoidPayment(VoidPaymentRequest(key=checkout_id, reason="by hand"))
    heir = await new_house(beside=first)
    row = await heir.ended(checkout_id)
    assert row.state is State.FAILED
    assert refusal_of(row) == (402, "/problems/payment-declined")
    await shopper.assert_nothing_is_left(row)


async def test_what_the_bank_has_taken_since_a_backup_belongs_to_the_order(new_house: NewHouse, shopper: Shopper):
    """The shop that was restored knows of no payment, and the bank has that of the shop which went on."""
    first = await new_house(reach=Crashes("checkout:before:authorize_payment"))
    checkout_id = await crash(first, shopper)
    heir = await new_house(beside=first)
    order_id = (await heir.row(checkout_id)).purchase.order_id
    await shopper.market.db("payment").execute(TAKEN, checkout_id, order_id)
    await shopper.assert_order_stands(await heir.ended(checkout_id))


TAKEN = """
    INSERT INTO simulator.payments (key, order_id, amount_minor, currency, status)
    VALUES ($1, $2, 2994, 'GBP', 'captured')
"""


async def test_a_payment_that_ended_as_our_own_fault_gives_the_key_back_at_once(new_house: NewHouse, shopper: Shopper):
    """The shop was down for so long, or restored so late, that payment gave up before the checkout was taken over."""
    first = await new_house(reach=Crashes("checkout:before:authorize_payment"))
    checkout_id = await crash(first, shopper, key="k")
    heir = await new_house(beside=first)
    order_id = (await heir.row(checkout_id)).purchase.order_id
    await shopper.market.db("payment").execute(INTERRUPTED, uuid7(), checkout_id, order_id)
    row = await heir.ended(checkout_id)
    assert (row.state, row.key) == (State.FAILED, None)
    assert refusal_of(row) == (503, "/problems/checkout-given-up")
    await shopper.assert_nothing_is_left(row)
    placed = await heir.buy(shopper.user, key="k")
    await shopper.assert_order_stands(await heir.row(placed.checkout_id))


INTERRUPTED = """
    INSERT INTO payments (id, key, order_id, attempt, state, method, provider, amount_minor, currency, decline_reason)
    VALUES ($1, $2, $3, 1, 'declined', 'card', 'simulator', 2994, 'GBP', 'payment-interrupted')
"""


async def test_a_repeat_of_the_key_after_a_crash_gets_the_answer(new_house: NewHouse, shopper: Shopper):
    first = await new_house(reach=Crashes("checkout:after:capture_payment"))
    checkout_id = await crash(first, shopper, key="k")
    heir = await new_house(beside=first)
    repeat = asyncio.create_task(heir.buy(shopper.user, key="k"))
    await heir.ended(checkout_id)
    placed = await repeat
    assert placed.answer is not None
    assert (placed.checkout_id, placed.answer.status, placed.replayed) == (checkout_id, 201, True)


async def test_stock_that_staff_gave_away_while_nobody_worked_on_it_undoes_it(
    new_house: NewHouse, shopper: Shopper, new_shopper
):
    first = await new_house(reach=Crashes("checkout:before:authorize_payment"))
    checkout_id = await crash(first, shopper)
    await shopper.market.stub("inventory").Release(ReleaseRequest(key=checkout_id))
    heir = await new_house(beside=first)
    rival = await new_shopper()
    await shopper.market.fill(rival.user.id, **{shopper.sku: 10})
    bought = await heir.buy(rival.user)
    assert bought.answer is not None
    assert bought.answer.status == 201
    row = await heir.ended(checkout_id)
    assert row.state is State.FAILED
    assert row.purchase.answer is not None
    assert row.purchase.answer.status == 409
    assert await shopper.balances(row) == {}
    assert await shopper.reservation(row) == "released"
    assert await shopper.market.stock(shopper.sku) == (10, 10)


async def test_an_order_that_was_confirmed_stands_whatever_whoever_takes_it_over_hears(
    new_house: NewHouse, shopper: Shopper
):
    """It was canceled and its stock given back before the checkout was taken over: it ends as what it was, an order."""
    first = await new_house(reach=Crashes("checkout:after:confirm_order"))
    checkout_id = await crash(first, shopper)
    await shopper.market.stub("inventory").Release(ReleaseRequest(key=checkout_id))
    heir = await new_house(beside=first)
    row = await heir.ended(checkout_id)
    assert row.state is State.COMPLETED
    assert row.purchase.answer is not None
    assert row.purchase.answer.status == 201
    assert [each for each in heir.road.taken if each in {"ReserveMany", "AbandonMany", "ConfirmMany"}] == [
        "ReserveMany",
        "AbandonMany",
        "ConfirmMany",
    ]
    assert await shopper.balances(row) == {"customer_funds": -2994, "captured": 2994}
    assert await shopper.market.in_cart(shopper.cart_id) == {}
    assert await shopper.announced(row) == ["order.placed"]


async def test_money_that_was_taken_goes_back_where_whoever_takes_it_over_cannot_go_on(
    new_house: NewHouse, shopper: Shopper
):
    first = await new_house(reach=Crashes("checkout:after:capture_payment"))
    checkout_id = await crash(first, shopper)
    heir = await new_house(beside=first, attention_after_seconds=0.2)
    heir.road.closed.add("CreateMany")
    row = await heir.ended(checkout_id)
    assert row.state is State.FAILED
    assert row.key is None, "who could not be served may send it again"
    assert await shopper.balances(row) == {"customer_funds": -2994, "refunded": 2994}
    assert await shopper.at_provider(row) == ("captured", 2994)
    assert await shopper.reservation(row) == "released"
    assert await shopper.announced(row) == []


async def test_who_cannot_hear_whether_the_order_stands_waits_for_a_person(new_house: NewHouse, shopper: Shopper):
    first = await new_house(reach=Crashes("checkout:after:confirm_order"))
    checkout_id = await crash(first, shopper)
    heir = await new_house(beside=first, attention_after_seconds=0.2)
    heir.road.closed.update({"CreateMany", "AbandonMany"})
    row = await heir.ended(checkout_id)
    assert (row.state, row.parked_from, row.step) == (State.NEEDS_ATTENTION, State.RUNNING, "create_order")
    heir.road.closed.clear()
    await retry(heir.checkouts, checkout_id)
    row = await heir.ended(checkout_id)
    assert row.state is State.COMPLETED
    await shopper.assert_order_stands(row)


async def test_what_a_version_without_a_snapshot_left_is_given_up(new_house: NewHouse, shopper: Shopper):
    first = await new_house(reach=Crashes("checkout:before:reserve_stock"))
    checkout_id = await crash(first, shopper, key="k")
    heir = await new_house(beside=first)
    await heir.db.execute(
        """
        UPDATE checkouts SET step = 'validate_cart', bought_cart_id = NULL, bought_cart_round = NULL,
                             data = data || '{"items": null, "quote": null}'
        """
    )
    row = await heir.ended(checkout_id)
    assert (row.state, row.key) == (State.FAILED, None)
    await shopper.assert_nothing_is_left(row)
    placed = await heir.buy(shopper.user, key="k")
    await shopper.assert_order_stands(await heir.row(placed.checkout_id))


async def test_a_process_that_was_only_slow_cannot_write_any_more(new_house: NewHouse, shopper: Shopper):
    slow = await new_house(lease_seconds=0.05)
    slow.road.pause["CaptureMany"] = asyncio.Event()
    checkout_id = uuid7()
    buying = asyncio.create_task(slow.buy(shopper.user, checkout_id=checkout_id))
    while "CaptureMany" not in slow.road.taken:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    heir = await new_house(beside=slow)
    row = await heir.ended(checkout_id)
    assert row.state is State.COMPLETED
    slow.road.pause["CaptureMany"].set()
    placed = await buying
    assert placed.answer is None, "it had to stop without knowing"
    assert (await heir.row(checkout_id)).version == row.version
    await shopper.assert_order_stands(row)


async def test_a_living_process_keeps_its_work(new_house: NewHouse, shopper: Shopper):
    owner = await new_house(lease_seconds=0.3)
    other = await new_house(beside=owner)
    owner.road.pause["CaptureMany"] = asyncio.Event()
    checkout_id = uuid7()
    buying = asyncio.create_task(owner.buy(shopper.user, checkout_id=checkout_id))
    while "CaptureMany" not in owner.road.taken:
        await asyncio.sleep(0.01)
    for _ in range(8):
        await owner.checkouts.runner.tend()
        await other.checkouts.runner.tend()
        assert other.checkouts.runner.find(checkout_id) is None
        await asyncio.sleep(0.1)
    owner.road.pause["CaptureMany"].set()
    placed = await buying
    assert placed.answer is not None
    assert placed.answer.status == 201


async def test_a_process_that_stops_lets_its_work_finish(new_house: NewHouse, shopper: Shopper):
    house = await new_house()
    buying = asyncio.create_task(house.buy(shopper.user))
    while "ReserveMany" not in house.road.taken:
        await asyncio.sleep(0.005)
    await house.checkouts.stop()
    placed = await buying
    assert placed.answer is not None
    assert placed.answer.status == 201


async def test_who_has_not_begun_when_a_process_stops_is_told_to_come_again_at_once(
    new_house: NewHouse, new_shopper: NewShopper, monkeypatch: pytest.MonkeyPatch
):
    """At the gate, before a cart that is not read yet, and in a claim that waits for a lock."""
    monkeypatch.setattr("stoa.services.checkout.waves.LONGEST_SECONDS", 0.01)
    monkeypatch.setattr("stoa.services.checkout.service.CLAIM_SECONDS", 0.1)
    house = await new_house()
    shoppers = [await new_shopper() for _ in range(3)]
    session = await asyncpg.connect(house.db.dsn)
    holding = session.transaction()
    await holding.start()
    await session.execute("LOCK TABLE checkouts IN SHARE MODE")
    waiting = [asyncio.create_task(house.buy(shoppers[0].user))]
    async with asyncio.timeout(5):
        while not await session.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.005)
    house.road.pause["GetMany"] = asyncio.Event()
    monkeypatch.setattr("stoa.services.checkout.waves.LONGEST_SECONDS", 3600)
    waiting.append(asyncio.create_task(house.buy(shoppers[1].user)))
    while house.road.taken.count("GetMany") < 2:
        await asyncio.sleep(0.005)
    waiting.append(asyncio.create_task(house.buy(shoppers[2].user)))
    await asyncio.sleep(0)
    stopping = asyncio.create_task(house.checkouts.stop())
    refused = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 1)
    assert [type(one) for one in refused] == [ShuttingDown] * 3
    with pytest.raises(Overloaded):
        await house.buy(shoppers[2].user)
    house.road.pause["GetMany"].set()
    await stopping
    await holding.rollback()
    await session.close()
    assert await house.db.fetchval("SELECT count(*) FROM checkouts") == 0


async def test_what_does_not_finish_in_time_is_left_to_others_at_once(
    new_house: NewHouse, shopper: Shopper, monkeypatch
):
    monkeypatch.setattr("stoa.services.checkout.runner.STOP_SECONDS", 0.2)
    house = await new_house(lease_seconds=60.0, tend_every_seconds=0.1)
    house.road.closed.add("ConfirmMany")
    checkout_id = uuid7()
    buying = asyncio.create_task(house.buy(shopper.user, checkout_id=checkout_id))
    while "ConfirmMany" not in house.road.taken:
        await asyncio.sleep(0.005)
    await house.checkouts.stop()
    assert (await buying).answer is None
    heir = await new_house(beside=house)
    row = await heir.ended(checkout_id)
    assert row.state is State.COMPLETED
    await shopper.assert_order_stands(row)


async def test_a_row_that_cannot_be_read_does_not_keep_the_others_waiting(new_house: NewHouse, new_shopper):
    house = await new_house(reach=Crashes("checkout:before:reserve_stock"))
    ids = []
    for shopper in (await new_shopper(), await new_shopper()):
        checkout_id = uuid7()
        ids.append(checkout_id)
        await house.buy(shopper.user, checkout_id=checkout_id)
    await house.db.execute("UPDATE checkouts SET data = data - 'order_id' WHERE id = $1", ids[0])
    await house.die()
    heir = await new_house(beside=house)
    assert (await heir.ended(ids[1])).state is State.COMPLETED
    assert await heir.db.fetchval("SELECT state FROM checkouts WHERE id = $1", ids[0]) == "running"


async def test_a_save_without_the_lease_is_refused(new_house: NewHouse, shopper: Shopper):
    house = await new_house()
    placed = await house.buy(shopper.user)
    row = await house.row(placed.checkout_id)
    await house.db.execute("UPDATE checkouts SET lease_owner = 'somebody else'")
    from stoa.services.checkout.recording import record_changes
    from stoa.services.checkout.repository import CheckoutChange

    change = CheckoutChange(
        before=row, state=row.state, parked_from=None, step=row.step, purchase=row.purchase, error="overwritten"
    )
    assert [type(each) for each in await record_changes(house.db, 4.0, [change])] == [LeaseLost]
    assert (await house.row(placed.checkout_id)).error is None


@pytest.mark.parametrize(("named", "ends"), [("", []), *((point, [9]) for point in POINTS)])
def test_the_process_ends_at_the_point_that_is_named_and_at_no_other(monkeypatch, named: str, ends: list[int]):
    ended: list[int] = []
    monkeypatch.setattr("os._exit", ended.append)
    reach = exit_at(named)
    for point in POINTS:
        reach(point)
    assert ended == ends
