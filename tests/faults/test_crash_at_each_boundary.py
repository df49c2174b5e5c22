"""kill -9 at every step boundary of the saga, forward and in compensation: the order is whole or undone."""

from uuid import uuid4

import pytest
from faults.installation import Installation
from journeys.client import card

from stoa.services.checkout.crash_points import on_the_way_back, on_the_way_forward
from stoa.services.checkout.steps import STEPS

FORWARD, BACKWARD = on_the_way_forward(STEPS), on_the_way_back(STEPS)


def test_there_is_a_case_for_every_step():
    assert len(FORWARD) == 2 * len(STEPS)
    assert len(BACKWARD) == 1 + 2 * sum(step.undo is not None for step in STEPS)


@pytest.mark.parametrize("point", FORWARD)
async def test_on_the_way_to_an_order(shop: Installation, point: str):
    await shop.start(crash_at=point)
    sku = await shop.new_product(on_hand=5)
    body, key = await shop.guest_with(sku, 2), str(uuid4())
    assert await shop.order(body, key) is None
    await shop.died()
    await shop.start(crash_at=point)  # a second time, in what resumes it
    await shop.died()

    await shop.start()
    answer = await shop.order_until_answered(body, key)
    assert (answer.status, answer.body["status"], answer.body["payment_status"]) == (201, "confirmed", "paid")
    again = await shop.order_until_answered(body, key)
    assert again.body == answer.body
    assert await shop.stock(sku) == (3, 0)
    await shop.must_be_sound()


@pytest.mark.parametrize("point", BACKWARD)
async def test_on_the_way_back(shop: Installation, point: str):
    await shop.start(crash_at=point)
    sku = await shop.new_product(on_hand=5)
    # Refused at the capture, when all that can be undone has been done.
    body = await shop.guest_with(sku, 2) | {"payment": card("tok_capture_refused")}
    key = str(uuid4())
    assert await shop.order(body, key) is None
    await shop.died()
    await shop.start(crash_at=point)
    await shop.died()

    await shop.start()
    answer = await shop.order_until_answered(body, key)
    assert (answer.status, answer.problem) == (402, "payment-declined")
    assert await shop.stock(sku) == (5, 0)
    await shop.must_be_sound()
