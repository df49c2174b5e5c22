"""kill -9 while goods are sent, received and sold: every answer stands, and each unit is sold once or lies there."""

import asyncio
import contextlib
import random
import time
from typing import Any
from uuid import uuid4

import aiohttp
from faults.installation import ANSWER_SECONDS, Installation
from journeys.client import Shopper

CLERKS = 6
SHOPPERS = 12
KILLS = 3
UNITS = 300


async def test_killed_while_goods_move(shop: Installation, chance: random.Random):
    await shop.start()
    admin = await shop.admin()
    sku = await shop.new_product(on_hand=UNITS)
    await admin.ok("POST", "/warehouses", {"id": "far", "name": "Far away", "priority": 900}, status=201)
    ordered = {"supplier": "Potters & Co", "warehouse": "far"} | units(sku, 50)
    receipt = await admin.ok("POST", "/receipts", ordered, status=201)
    bodies = [await shop.guest_with(sku) for _ in range(SHOPPERS)]
    draft = {"source": "main", "destination": "far"} | units(sku, 10)
    drafts = [await admin.ok("POST", "/transfers", draft, status=201) for _ in range(CLERKS)]

    async def clerk(transfer_id: str) -> None:
        await asyncio.sleep(chance.uniform(0, 2))
        at = f"/transfers/{transfer_id}"
        await until_answered(admin, f"{at}/send")
        for _ in range(2):
            await until_answered(admin, f"{at}/receive", units(sku, 4))
        await until_answered(admin, f"{at}/lose", units(sku, 1) | {"reason": "broken"})

    async def unpack() -> None:
        for _ in range(4):
            await until_answered(admin, f"/receipts/{receipt['id']}/receive", units(sku, 10))

    async def buy(body: dict[str, Any]) -> None:
        await asyncio.sleep(chance.uniform(0, 4))
        assert (await shop.order_until_answered(body, str(uuid4()))).status == 201

    async def kill() -> None:
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.05, 0.8))
            shop.kill()
            await shop.start()

    await asyncio.gather(kill(), unpack(), *(clerk(one["id"]) for one in drafts), *(buy(body) for body in bodies))

    await shop.must_be_sound()
    stock = await admin.ok("GET", f"/inventory/{sku}")
    # Of each transfer one was lost and one is still on the way.
    assert (stock["on_hand"], stock["incoming"]) == (UNITS + 40 - SHOPPERS - 2 * CLERKS, CLERKS + 10)


def units(sku: str, quantity: int) -> dict[str, Any]:
    return {"lines": [{"sku": sku, "quantity": quantity}]}


async def until_answered(clerk: Shopper, path: str, body: dict[str, Any] | None = None) -> None:
    """Under one key, as a patient clerk would: nothing is done twice. What was done and has lost its answer is done."""
    key = str(uuid4())
    give_up = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < give_up:
        with contextlib.suppress(aiohttp.ClientConnectionError, TimeoutError):
            answer = await clerk.send("POST", path, body, key=key)
            if answer.status == 200 or (answer.status < 500 and answer.problem == "answer-lost"):
                return
            assert answer.status >= 500 or answer.problem == "request-in-progress", answer
        await asyncio.sleep(0.1)
    raise AssertionError(f"{path} was never answered")
