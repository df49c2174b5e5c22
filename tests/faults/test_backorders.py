"""kill -9 while what is not on hand is promised, given up and filled: each unit is owed once, and filled once."""

import asyncio
from uuid import uuid4

import aiohttp
import pytest
from faults.installation import Installation
from journeys.client import card

ON_BACKORDER = {"policy": "backorder", "limit": 50, "lead_days": 14}
BACKORDERS = """
    SELECT reservations.state AS reservation, backorders.state, quantity, filled
    FROM backorders JOIN reservations ON reservations.id = reservation_id WHERE sku = $1 ORDER BY backorders.id
"""


async def on_backorder(shop: Installation, on_hand: int) -> str:
    sku = await shop.new_product(on_hand=on_hand)
    await (await shop.admin()).ok("PUT", f"/inventory/{sku}/policy", ON_BACKORDER)
    return sku


async def backorders(shop: Installation, sku: str) -> list[tuple[str, str, int, int]]:
    return [tuple(row.values()) for row in await shop.databases["inventory"].fetch(BACKORDERS, sku)]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_order_of_more_than_there_is(shop: Installation, when: str):
    point = f"checkout:{when}:reserve_stock"
    await shop.start(crash_at=point)
    sku = await on_backorder(shop, 1)
    body, key = await shop.guest_with(sku, 3), str(uuid4())
    assert await shop.order(body, key) is None
    await shop.died()
    await shop.start()
    answer = await shop.order_until_answered(body, key)
    assert (answer.status, answer.body["status"]) == (201, "confirmed")
    assert await shop.stock(sku) == (0, 0)
    assert await backorders(shop, sku) == [("committed", "open", 2, 0)]
    await (await shop.admin()).ok("PUT", f"/inventory/{sku}", {"on_hand": 5})
    assert await shop.stock(sku) == (3, 0)
    assert await backorders(shop, sku) == [("committed", "filled", 2, 2)]
    await shop.must_be_sound()


async def test_an_order_of_more_than_there_is_that_is_given_up(shop: Installation):
    await shop.start(crash_at="checkout:before:undo:reserve_stock")
    sku = await on_backorder(shop, 1)
    body, key = await shop.guest_with(sku, 3) | {"payment": card("tok_capture_refused")}, str(uuid4())
    assert await shop.order(body, key) is None
    await shop.died()
    await shop.start()
    answer = await shop.order_until_answered(body, key)
    assert (answer.status, answer.problem) == (402, "payment-declined")
    assert await shop.stock(sku) == (1, 0)
    assert await backorders(shop, sku) == [("released", "canceled", 2, 0)]
    await shop.must_be_sound()


async def test_goods_arrive_while_the_shop_is_killed(shop: Installation):
    await shop.start()
    sku = await on_backorder(shop, 0)
    bodies = await asyncio.gather(*(shop.guest_with(sku, 3) for _ in range(8)))
    answers = await asyncio.gather(*(shop.order_until_answered(body, str(uuid4())) for body in bodies))
    assert {answer.status for answer in answers} == {201}
    arrived = 0
    for delay in (0.02, 0.1, 0.3):
        admin = await shop.admin()

        async def arrive(admin=admin) -> None:
            """One after the other, each counted anew: all of them leave at once for whoever waits."""
            for _ in range(100):
                await admin.send("PUT", f"/inventory/{sku}", {"on_hand": 1})

        arriving = asyncio.create_task(arrive())
        await asyncio.sleep(delay)
        shop.kill()
        with pytest.raises((aiohttp.ClientError, TimeoutError, AssertionError)):
            await arriving
            raise AssertionError("it came to its end before the kill")
        await shop.start()
        await shop.must_be_sound()
        given = sum(filled for *_, filled in await backorders(shop, sku))
        assert given >= arrived
        arrived = given
    await (await shop.admin()).ok("PUT", f"/inventory/{sku}", {"on_hand": 30})
    assert {(reservation, state) for reservation, state, *_ in await backorders(shop, sku)} == {("committed", "filled")}
    await shop.must_be_sound()
