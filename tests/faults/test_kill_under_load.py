"""kill -9 at random moments while shoppers buy: every answer stands, every key has one order, nothing is lost."""

import asyncio
import random
from uuid import uuid4

from faults.installation import Installation
from journeys.client import card

SHOPPERS = 40
KILLS = 5
TOKENS = ["tok_ok"] * 6 + ["tok_declined", "tok_timeout", "tok_duplicate_webhook", "tok_capture_refused"]


async def test_killed_again_and_again(shop: Installation, chance: random.Random):
    await shop.start()
    sku = await shop.new_product(on_hand=1000)
    bodies = [await shop.guest_with(sku) | {"payment": card(chance.choice(TOKENS))} for _ in range(SHOPPERS)]
    keys = [str(uuid4()) for _ in bodies]
    first_answers: dict[str, object] = {}

    async def buy(body, key) -> None:
        await asyncio.sleep(chance.uniform(0, 6))
        answer = await shop.order_until_answered(body, key)
        first_answers[key] = (answer.status, answer.body)

    async def kill() -> None:
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.05, 0.8))
            shop.kill()
            await shop.start()

    await asyncio.gather(kill(), *(buy(body, key) for body, key in zip(bodies, keys, strict=True)))

    bought = 0
    for body, key in zip(bodies, keys, strict=True):
        answer = await shop.order_until_answered(body, key)
        assert (answer.status, answer.body) == first_answers[key]
        bought += answer.status == 201
        if body["payment"]["token"] in {"tok_ok", "tok_duplicate_webhook"}:
            assert answer.status == 201, answer
    assert await shop.stock(sku) == (1000 - bought, 0)
    await shop.must_be_sound()


async def test_killed_between_commit_and_publish(shop: Installation):
    """Nothing is delivered while the process lives; what it committed is announced by its successor."""
    await shop.start(faults="IntakeService/* status=1.0:UNAVAILABLE")
    sku = await shop.new_product(on_hand=10)
    answer = await shop.order_until_answered(await shop.guest_with(sku, 3), str(uuid4()))
    assert answer.status == 201
    owed = await shop.databases["order"].fetchval("SELECT count(*) FROM outbox")
    assert owed > 0
    shop.kill()

    await shop.start()
    assert await shop.stock(sku) == (7, 0)
    admin = await shop.admin()
    path = f"/notifications?order_id={answer.body['id']}"
    await admin.until(path, lambda body: [mail["template"] for mail in body["items"]] == ["order_confirmation"])
    await shop.must_be_sound()
