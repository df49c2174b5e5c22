"""The saga over real services: an order that stands or nothing, whatever happens to the calls."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from checkout.conftest import BROKEN, LOST, REFUSED, UNHEARD, House, NewHouse, NewShopper, Shopper

from stoa.kit.ids import uuid7
from stoa.services.checkout.errors import GivenUp
from stoa.services.checkout.retry_checkout import retry
from stoa.services.checkout.states import State

READ = ["GetMany", "GetVariantsMany", "EvaluateMany"]
FORWARD = {
    "reserve_stock": "ReserveMany",
    "authorize_payment": "AuthorizeMany",
    "create_order": "CreateMany",
    "capture_payment": "CaptureMany",
    "confirm_order": "ConfirmMany",
    "clear_cart": "ClearMany",
}
BEFORE_PIVOT = ["ReserveMany", "AuthorizeMany", "CreateMany"]
UNDO = {"ReleaseMany": "reserve_stock", "VoidMany": "authorize_payment", "AbandonMany": "create_order"}


async def test_a_purchase(house: House, shopper: Shopper):
    placed = await house.buy(shopper.user)
    assert placed.answer is not None
    assert placed.answer.status == 201
    order = msgspec.json.decode(placed.answer.body)
    assert (order["id"], order["status"], order["payment_status"]) == (placed.order_id, "confirmed", "paid")
    assert order["total"] == {"amount": 2994, "currency": "GBP"}
    row = await house.row(placed.checkout_id)
    assert (row.state, row.step, row.error, row.attempts) == (State.COMPLETED, "clear_cart", None, 1)
    assert row.purchase.token == "", "the card is forgotten when it is no longer needed"
    await shopper.assert_order_stands(row)
    assert house.road.taken == [*READ, *FORWARD.values()]
    assert row.version == 2, "claimed with its snapshot, and ended with its answer"


@pytest.mark.parametrize("fate", [LOST, UNHEARD, BROKEN])
@pytest.mark.parametrize("method", [*READ, *FORWARD.values()])
async def test_a_call_that_goes_wrong_is_repeated_and_has_one_effect(house: House, shopper: Shopper, method, fate):
    house.road.fates[method].extend([fate, fate])
    placed = await house.buy(shopper.user)
    assert placed.answer is not None
    assert placed.answer.status == 201
    row = await house.ended(placed.checkout_id)
    assert house.road.taken.count(method) == 3
    assert (row.state, row.error) == (State.COMPLETED, None)
    await shopper.assert_order_stands(row)


@pytest.mark.parametrize("method", [*BEFORE_PIVOT, "CaptureMany"])
async def test_a_refusal_up_to_the_capture_undoes_everything_before_it_is_told(house: House, shopper, method):
    house.road.fates[method].append(REFUSED)
    placed = await house.buy(shopper.user)
    assert placed.answer is not None
    assert placed.answer.status == (402 if method == "CaptureMany" else 409)
    row = await house.row(placed.checkout_id)
    assert row.state is State.FAILED
    assert row.purchase.answer == placed.answer
    assert row.error == msgspec.json.decode(placed.answer.body)["detail"]
    await shopper.assert_nothing_is_left(row)
    steps = [step for step, do in FORWARD.items() if do in house.road.taken]
    undone = [method for method in house.road.taken if method in UNDO]
    assert [UNDO[each] for each in undone] == [step for step in reversed(steps) if step in UNDO.values()]


@pytest.mark.parametrize("method", READ)
async def test_a_neighbor_that_stays_silent_before_anything_is_begun_leaves_nothing(
    new_house: NewHouse, shopper: Shopper, method
):
    house = await new_house(give_up_after_seconds=0.2)
    house.road.closed.add(method)
    with pytest.raises(GivenUp) as refusal:
        await house.buy(shopper.user, key="k")
    assert (refusal.value.status, refusal.value.members) == (503, {"step": "snapshot"})
    assert await house.db.fetchval("SELECT count(*) FROM checkouts") == 0
    house.road.closed.clear()
    again = await house.buy(shopper.user, key="k")
    await shopper.assert_order_stands(await house.row(again.checkout_id))


@pytest.mark.parametrize("method", BEFORE_PIVOT)
async def test_a_neighbor_that_stays_silent_before_the_capture_gives_the_key_back(
    new_house: NewHouse, shopper: Shopper, method
):
    house = await new_house(give_up_after_seconds=0.2)
    house.road.closed.add(method)
    placed = await house.buy(shopper.user, key="k")
    assert placed.answer is not None
    assert placed.answer.status == 503
    assert msgspec.json.decode(placed.answer.body)["type"] == "/problems/checkout-given-up"
    row = await house.row(placed.checkout_id)
    assert (row.state, row.key) == (State.FAILED, None)
    await shopper.assert_nothing_is_left(row)
    house.road.closed.clear()
    again = await house.buy(shopper.user, key="k")
    assert again.answer is not None
    assert (again.answer.status, again.replayed) == (201, False)
    assert again.checkout_id != placed.checkout_id
    await shopper.assert_order_stands(await house.row(again.checkout_id))


@pytest.mark.parametrize("method", ["CaptureMany", "ConfirmMany"])
async def test_from_the_capture_on_it_only_goes_forward(new_house: NewHouse, shopper: Shopper, method):
    house = await new_house(give_up_after_seconds=0.1, answer_within_seconds=0.4)
    house.road.closed.add(method)
    placed = await house.buy(shopper.user)
    assert placed.answer is None, "it goes on"
    row = await house.row(placed.checkout_id)
    assert row.state is State.RUNNING
    assert row.error is not None
    assert "lost" in row.error
    house.road.closed.clear()
    row = await house.ended(placed.checkout_id)
    assert (row.state, row.error) == (State.COMPLETED, None)
    await shopper.assert_order_stands(row)


async def test_an_order_that_stands_does_not_wait_for_the_cart(house: House, shopper: Shopper):
    house.road.closed.add("ClearMany")
    placed = await house.buy(shopper.user)
    assert placed.answer is not None
    assert placed.answer.status == 201
    assert (await house.row(placed.checkout_id)).state is State.RUNNING
    house.road.closed.clear()
    await shopper.assert_order_stands(await house.ended(placed.checkout_id))


@pytest.mark.parametrize("method", ["CaptureMany", "ConfirmMany", "ClearMany"])
async def test_what_fails_for_too_long_after_the_capture_waits_for_a_person(
    new_house: NewHouse, shopper: Shopper, method
):
    house = await new_house(attention_after_seconds=0.2, answer_within_seconds=5.0)
    house.road.closed.add(method)
    placed = await house.buy(shopper.user)
    row = await house.ended(placed.checkout_id)
    assert (row.state, row.parked_from) == (State.NEEDS_ATTENTION, State.RUNNING)
    assert (placed.answer is not None) is (method == "ClearMany")
    house.road.closed.clear()
    assert (await retry(house.checkouts, row.id)).state is State.RUNNING
    row = await house.ended(row.id)
    assert (row.state, row.attempts, row.error) == (State.COMPLETED, 2, None)
    await shopper.assert_order_stands(row)


@pytest.mark.parametrize("fate", [LOST, UNHEARD, BROKEN])
@pytest.mark.parametrize("method", list(UNDO))
async def test_an_undo_that_goes_wrong_is_repeated_until_it_succeeds(house: House, shopper: Shopper, method, fate):
    house.road.fates["CaptureMany"].append(REFUSED)
    house.road.fates[method].extend([fate] * 3)
    placed = await house.buy(shopper.user)
    assert placed.answer is not None
    assert placed.answer.status == 402
    row = await house.ended(placed.checkout_id)
    assert row.state is State.FAILED
    assert house.road.taken.count(method) == 4
    await shopper.assert_nothing_is_left(row)


async def test_the_shopper_does_not_wait_for_an_undo_that_keeps_failing(house: House, shopper: Shopper):
    house.road.fates["CreateMany"].append(REFUSED)
    house.road.closed.add("VoidMany")
    placed = await house.buy(shopper.user)
    assert placed.answer is not None
    assert placed.answer.status == 409
    row = await house.row(placed.checkout_id)
    assert (row.state, row.step) == (State.COMPENSATING, "authorize_payment")
    house.road.closed.clear()
    row = await house.ended(placed.checkout_id)
    assert row.state is State.FAILED
    await shopper.assert_nothing_is_left(row)


@pytest.mark.parametrize("method", list(UNDO))
async def test_what_cannot_be_undone_waits_for_a_person(house: House, shopper: Shopper, method):
    house.road.fates["CaptureMany"].append(REFUSED)
    house.road.fates[method].append(REFUSED)
    placed = await house.buy(shopper.user)
    assert placed.answer is not None
    row = await house.ended(placed.checkout_id)
    assert (row.state, row.parked_from, row.step) == (State.NEEDS_ATTENTION, State.COMPENSATING, UNDO[method])
    await retry(house.checkouts, row.id)
    row = await house.ended(row.id)
    assert row.state is State.FAILED
    await shopper.assert_nothing_is_left(row)


@pytest.mark.parametrize(
    ("token", "status", "slug"),
    [
        ("tok_declined", 402, "payment-declined"),
        ("tok_insufficient_funds", 402, "insufficient-funds"),
        ("tok_capture_refused", 402, "payment-declined"),
        ("tok_unheard_of", 422, "unknown-token"),
    ],
)
async def test_a_card_that_is_refused(house: House, shopper: Shopper, token, status, slug):
    placed = await house.buy(shopper.user, token=token)
    assert placed.answer is not None
    assert placed.answer.status == status
    assert msgspec.json.decode(placed.answer.body)["type"] == f"/problems/{slug}"
    row = await house.row(placed.checkout_id)
    assert row.state is State.FAILED
    await shopper.assert_nothing_is_left(row)


async def test_a_payment_that_times_out_is_resolved_either_way(house: House, new_shopper: NewShopper):
    answers = set()
    for _ in range(12):
        shopper = await new_shopper()
        placed = await house.buy(shopper.user, token="tok_timeout")
        assert placed.answer is not None
        row = await house.row(placed.checkout_id)
        answers.add(placed.answer.status)
        if placed.answer.status == 201:
            await shopper.assert_order_stands(row)
        else:
            assert msgspec.json.decode(placed.answer.body)["type"] == "/problems/payment-timed-out"
            await shopper.assert_nothing_is_left(row)
        if answers == {201, 402}:
            break
    assert answers == {201, 402}


async def test_out_of_stock_names_what_there_is(house: House, shopper: Shopper, new_shopper: NewShopper):
    await house.buy(shopper.user)
    poor = await new_shopper(on_hand=2)
    rival = await new_shopper()
    await house.market.fill(rival.user.id, **{poor.sku: 2})
    await house.buy(rival.user)
    placed = await house.buy(poor.user)
    assert placed.answer is not None
    problem = msgspec.json.decode(placed.answer.body)
    assert (placed.answer.status, problem["type"]) == (409, "/problems/out-of-stock")
    assert [(one["sku"], one["available"]) for one in problem["skus"]] == [(poor.sku, 0)]
    assert "AuthorizeMany" not in house.road.taken[-4:]
    row = await house.row(placed.checkout_id)
    assert row.state is State.FAILED
    assert await house.market.in_cart(poor.cart_id) == {poor.sku: 2}


async def test_a_few_units_and_many_buyers(house: House, new_shopper: NewShopper):
    owner = await new_shopper(on_hand=5)
    buyers = [await new_shopper() for _ in range(20)]
    for buyer in buyers:
        await house.market.fill(buyer.user.id, **{owner.sku: 1})
    placed = await asyncio.gather(*(house.buy(buyer.user) for buyer in buyers))
    statuses = sorted(one.answer.status for one in placed if one.answer)
    assert statuses == [201] * 5 + [409] * 15
    assert await house.market.stock(owner.sku) == (5, 5)


async def test_what_an_order_under_way_has_reserved_does_not_expire(house: House, shopper: Shopper):
    house.road.pause["CaptureMany"] = asyncio.Event()
    checkout_id = uuid7()
    buying = asyncio.create_task(house.buy(shopper.user, checkout_id=checkout_id))
    while "CaptureMany" not in house.road.taken:
        await asyncio.sleep(0.01)
    await house.market.expire(checkout_id)
    assert await house.market.stock(shopper.sku) == (10, 2)
    house.road.pause["CaptureMany"].set()
    placed = await buying
    await shopper.assert_order_stands(await house.row(placed.checkout_id))


async def test_what_is_put_into_the_cart_meanwhile_stays_there(house: House, shopper: Shopper, new_shopper: NewShopper):
    other = await new_shopper()
    house.road.pause["CaptureMany"] = asyncio.Event()
    buying = asyncio.create_task(house.buy(shopper.user))
    while "CaptureMany" not in house.road.taken:
        await asyncio.sleep(0.01)
    await house.market.fill(shopper.user.id, **{shopper.sku: 4, other.sku: 1})
    house.road.pause["CaptureMany"].set()
    placed = await buying
    assert placed.answer is not None
    items = msgspec.json.decode(placed.answer.body)["items"]
    assert [(item["sku"], item["quantity"]) for item in items] == [(shopper.sku, 2)]
    assert await house.market.in_cart(shopper.cart_id) == {shopper.sku: 2, other.sku: 1}


async def test_prices_that_change_on_the_way_change_nothing(house: House, shopper: Shopper):
    house.road.pause["AuthorizeMany"] = asyncio.Event()
    buying = asyncio.create_task(house.buy(shopper.user))
    while "AuthorizeMany" not in house.road.taken:
        await asyncio.sleep(0.01)
    await house.market.reprice(shopper.sku, 1)
    house.road.pause["AuthorizeMany"].set()
    placed = await buying
    await shopper.assert_order_stands(await house.row(placed.checkout_id))
