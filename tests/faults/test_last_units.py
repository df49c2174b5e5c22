"""More buyers than units, all at once: each unit is sold once, everybody else is told clearly."""

import asyncio
from collections import Counter
from uuid import uuid4

from faults.installation import Installation

BUYERS = 200
UNITS = 10


async def test_two_hundred_buyers_of_ten_units(shop: Installation):
    await shop.start()
    sku = await shop.new_product(on_hand=UNITS)
    bodies = await asyncio.gather(*(shop.guest_with(sku) for _ in range(BUYERS)))
    answers = await asyncio.gather(*(shop.order_until_answered(body, str(uuid4())) for body in bodies))
    outcomes = Counter(
        (answer.status, answer.problem if answer.status != 201 else answer.body["status"]) for answer in answers
    )
    assert outcomes == {(201, "confirmed"): UNITS, (409, "out-of-stock"): BUYERS - UNITS}
    assert await shop.stock(sku) == (0, 0)
    await shop.must_be_sound()


async def test_many_tabs_one_key(shop: Installation):
    await shop.start()
    sku = await shop.new_product(on_hand=UNITS)
    body, key = await shop.guest_with(sku), str(uuid4())
    answers = await asyncio.gather(*(shop.order_until_answered(body, key) for _ in range(50)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body["id"] for answer in answers}) == 1
    assert await shop.stock(sku) == (UNITS - 1, 0)
    await shop.must_be_sound()
