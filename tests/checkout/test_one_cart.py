"""One cart under many keys: it is bought once, and what is put in meanwhile is bought after."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
from checkout.conftest import LOST, REFUSED, Crashes, House, NewHouse, NewShopper, Shopper
from checkout.test_crashes import crash
from checkout.test_keys import orders_of

from stoa.services.checkout.place_order import Placed
from stoa.services.checkout.retry_checkout import retry
from stoa.services.checkout.states import State


def problem(placed: Placed) -> dict[str, object]:
    assert placed.answer is not None
    document: dict[str, object] = msgspec.json.decode(placed.answer.body)
    assert document["status"] == placed.answer.status
    return document


def order_of(placed: Placed) -> dict[str, list[dict[str, object]]]:
    assert placed.answer is not None
    assert placed.answer.status == 201
    order: dict[str, list[dict[str, object]]] = msgspec.json.decode(placed.answer.body)
    return order


def problems(placed: Sequence[Placed]) -> set[object]:
    return {problem(one)["type"] for one in placed if one.answer and one.answer.status != 201}


async def under_way(house: House, shopper: Shopper, method: str, **wish) -> asyncio.Task[Placed]:
    """An order of the shopper that has come to a call of `method`, which waits."""
    house.road.pause[method] = asyncio.Event()
    buying = asyncio.create_task(house.buy(shopper.user, **wish))
    while method not in house.road.taken:
        await asyncio.sleep(0.005)
    return buying


async def test_many_tabs_with_keys_of_their_own_make_one_order(new_house: NewHouse, new_shopper: NewShopper):
    house = await new_house()
    other = await new_house(beside=house)
    for _ in range(5):
        shopper = await new_shopper()
        tabs = [house, other] * 4
        placed = await asyncio.gather(*(each.buy(shopper.user) for each in tabs))
        assert sorted(one.answer.status for one in placed if one.answer) == [201] + [409] * 7
        assert problems(placed) <= {"/problems/cart-being-bought", "/problems/cart-empty"}
        assert await orders_of(house, shopper) == 1
        (winner,) = (one for one in placed if one.answer and one.answer.status == 201)
        await shopper.assert_order_stands(await house.row(winner.checkout_id))


async def test_a_cart_in_one_batch_twice_spoils_it_for_nobody(house: House, new_shopper: NewShopper):
    shoppers = [await new_shopper() for _ in range(6)]
    claims = house.checkouts.claims
    submit, flush, submitted, batches = claims.submit, claims._flush, [], []

    def counted(claim):
        submitted.append(claim)
        return submit(claim)

    async def once_all_have_read_their_carts(new):
        while not batches and len(submitted) < 7:
            await asyncio.sleep(0.005)
        batches.append(len(new))
        return await flush(new)

    claims.submit, claims._flush = counted, once_all_have_read_their_carts
    placed = await asyncio.gather(*(house.buy(shopper.user) for shopper in (*shoppers, shoppers[0])))
    # All that came before the first flush began share it, all others the second; then the refusal is claimed.
    assert (sum(batches), batches[-1]) == (8, 1)
    assert len(batches) <= 3
    assert sorted(one.answer.status for one in placed if one.answer) == [201] * 6 + [409]
    assert problems(placed) == {"/problems/cart-being-bought"}
    for shopper in shoppers:
        assert await orders_of(house, shopper) == 1


async def test_the_second_is_refused_while_the_first_is_under_way(house: House, shopper: Shopper):
    first = await under_way(house, shopper, "CaptureMany")
    second = await house.buy(shopper.user, key="second")
    (running,) = await house.db.fetch("SELECT id FROM checkouts WHERE state = 'running'")
    assert problem(second) == {
        "type": "/problems/cart-being-bought",
        "title": "The cart is already being ordered",
        "status": 409,
        "detail": "This cart is already being ordered.",
        "checkout_id": running["id"],
        "request_id": problem(second)["request_id"],
    }
    row = await house.row(second.checkout_id)
    assert (row.state, row.step, row.purchase.items) == (State.FAILED, "snapshot", None)
    assert house.road.taken.count("ReserveMany") == 1
    house.road.pause["CaptureMany"].set()
    placed = await first
    await shopper.assert_order_stands(await house.row(placed.checkout_id))
    again = await house.buy(shopper.user, key="second")
    assert (again.answer, again.replayed) == (second.answer, True), "a refusal is kept"
    assert problem(await house.buy(shopper.user, key="third"))["type"] == "/problems/cart-empty"


async def test_another_buyer_of_a_guests_cart_is_not_told_whose_checkout_it_is(
    house: House, shopper: Shopper, new_shopper: NewShopper
):
    cart_id = await house.market.fill(None, **{shopper.sku: 1})
    house.road.pause["CaptureMany"] = asyncio.Event()
    first = asyncio.create_task(house.buy(None, cart_id=cart_id))
    while "CaptureMany" not in house.road.taken:
        await asyncio.sleep(0.005)
    same, other = await house.buy(None, cart_id=cart_id), await house.buy(shopper.user, cart_id=cart_id)
    assert "checkout_id" in problem(same)
    assert problem(other)["type"] == "/problems/cart-being-bought"
    assert "checkout_id" not in problem(other)
    house.road.pause["CaptureMany"].set()
    assert (await first).answer.status == 201
    assert await house.market.stock(shopper.sku) == (10, 1)


async def test_what_is_put_in_meanwhile_is_ordered_after(house: House, shopper: Shopper):
    first = await under_way(house, shopper, "CaptureMany")
    await house.market.fill(shopper.user.id, **{shopper.sku: 5})
    assert problem(await house.buy(shopper.user))["type"] == "/problems/cart-being-bought"
    house.road.pause["CaptureMany"].set()
    assert (await first).answer.status == 201
    assert await house.market.in_cart(shopper.cart_id) == {shopper.sku: 3}
    second = await house.buy(shopper.user)
    assert [item["quantity"] for item in order_of(second)["items"]] == [3]
    assert await house.market.in_cart(shopper.cart_id) == {}
    assert await house.market.stock(shopper.sku) == (10, 5)


async def test_who_has_read_the_cart_before_it_was_cleared_comes_too_late(new_house: NewHouse, shopper: Shopper):
    house = await new_house()
    late = await new_house(beside=house)
    reading = await under_way(late, shopper, "GetVariantsMany")
    assert order_of(await house.buy(shopper.user))
    late.road.pause["GetVariantsMany"].set()
    assert problem(await reading)["type"] == "/problems/cart-being-bought"
    assert await orders_of(house, shopper) == 1
    assert await house.market.stock(shopper.sku) == (10, 2)


@pytest.mark.parametrize("wish", [{"token": "tok_declined"}, {"token": "tok_capture_refused"}])
async def test_a_checkout_that_failed_frees_the_cart(house: House, shopper: Shopper, wish):
    assert problem(await house.buy(shopper.user, **wish))["status"] == 402
    placed = await house.buy(shopper.user)
    assert order_of(placed)
    await shopper.assert_order_stands(await house.row(placed.checkout_id))


async def test_a_checkout_that_goes_backward_frees_the_cart_although_it_cannot_be_undone_yet(
    house: House, shopper: Shopper
):
    house.road.fates["CreateMany"].append(REFUSED)
    house.road.fates["VoidMany"].append(REFUSED)
    first = await house.ended((await house.buy(shopper.user)).checkout_id)
    assert (first.state, first.parked_from) == (State.NEEDS_ATTENTION, State.COMPENSATING)
    second = await house.buy(shopper.user)
    assert order_of(second)
    await retry(house.checkouts, first.id)
    assert (await house.ended(first.id)).state is State.FAILED
    assert await orders_of(house, shopper) == 1
    assert await house.market.stock(shopper.sku) == (10, 2)


async def test_a_checkout_that_waits_for_a_person_keeps_its_cart(new_house: NewHouse, shopper: Shopper):
    house = await new_house(attention_after_seconds=0.1, answer_within_seconds=5.0)
    house.road.closed.add("ConfirmMany")
    first = await house.ended((await house.buy(shopper.user)).checkout_id)
    assert (first.state, first.parked_from) == (State.NEEDS_ATTENTION, State.RUNNING)
    assert problem(await house.buy(shopper.user))["checkout_id"] == first.id
    house.road.closed.clear()
    await retry(house.checkouts, first.id)
    await shopper.assert_order_stands(await house.ended(first.id))


async def test_a_checkout_that_is_resumed_is_not_in_its_own_way(new_house: NewHouse, shopper: Shopper):
    first = await new_house(reach=Crashes("checkout:before:reserve_stock"))
    checkout_id = await crash(first, shopper)
    heir = await new_house(beside=first)
    heir.road.fates["ReserveMany"].extend([LOST, LOST])
    row = await heir.ended(checkout_id)
    assert row.state is State.COMPLETED
    await shopper.assert_order_stands(row)


async def test_a_cart_that_changed_before_it_is_resumed_is_bought_as_it_was(new_house: NewHouse, shopper: Shopper):
    first = await new_house(reach=Crashes("checkout:before:reserve_stock"))
    checkout_id = await crash(first, shopper)
    await shopper.market.fill(shopper.user.id, **{shopper.sku: 3})
    heir = await new_house(beside=first)
    assert (await heir.ended(checkout_id)).state is State.COMPLETED
    assert await shopper.market.stock(shopper.sku) == (10, 2)
    assert await shopper.market.in_cart(shopper.cart_id) == {shopper.sku: 1}
