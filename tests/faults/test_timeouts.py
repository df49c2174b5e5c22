"""A payment whose answer never came is resolved, never guessed: the order stands or no money was taken."""

import asyncio
from uuid import uuid4

from faults.installation import Installation
from journeys.client import card

SHOPPERS = 16


async def test_the_money_may_have_moved(shop: Installation):
    await shop.start()
    sku = await shop.new_product(on_hand=100)
    bodies = [await shop.guest_with(sku) | {"payment": card("tok_timeout")} for _ in range(SHOPPERS)]
    answers = await asyncio.gather(*(shop.order_until_answered(body, str(uuid4())) for body in bodies))
    bought = [answer for answer in answers if answer.status == 201]
    assert {answer.body["payment_status"] for answer in bought} <= {"paid"}
    refused = [answer for answer in answers if answer.status != 201]
    assert {(answer.status, answer.problem) for answer in refused} <= {(402, "payment-timed-out")}
    assert await shop.stock(sku) == (100 - len(bought), 0)
    # Invariant 3 compares every payment with the provider's own memory.
    await shop.must_be_sound()


async def test_lost_and_doubled_calls(shop: Installation):
    """Every call between services may be lost on its way back, fail, or arrive twice: the outcome is the same."""
    await shop.start(faults="*Service/* drop=0.05,status=0.05:UNAVAILABLE,duplicate=0.3; seed=11")
    await asyncio.gather(*(_buy_through_noise(shop) for _ in range(12)))
    await shop.start()
    await shop.must_be_sound()


async def _buy_through_noise(shop: Installation) -> None:
    sku = await _patiently(shop)
    body, key = await _patient_cart(shop, sku), str(uuid4())
    answer = await shop.order_until_answered(body, key)
    assert answer.status == 201, answer


async def _patiently(shop: Installation) -> str:
    while True:
        try:
            return await shop.new_product(on_hand=5)
        except AssertionError:
            await asyncio.sleep(0.05)


async def _patient_cart(shop: Installation, sku: str):
    while True:
        try:
            return await shop.guest_with(sku)
        except AssertionError:
            await asyncio.sleep(0.05)
