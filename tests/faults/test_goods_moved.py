"""kill -9 while goods are sent, received, counted and sold: every answer stands, and each unit is sold once or lies
there."""

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp
from faults.installation import ANSWER_SECONDS, Installation
from journeys.client import Shopper

CLERKS = 6
COUNTS = 3
SHOPPERS = 12
KILLS = 3
UNITS = 300


@dataclass(frozen=True)
class Warehouse:
    """Who works there: each is patient, and begins when he likes."""

    clerk: Shopper
    sku: str
    chance: random.Random

    async def transfer(self, document: dict[str, Any], *, called_off: bool) -> None:
        await asyncio.sleep(self.chance.uniform(0, 2))
        at = f"/transfers/{document['id']}"
        await until_answered(self.clerk, f"{at}/send")
        for _ in range(2):
            await until_answered(self.clerk, f"{at}/receive", units(self.sku, 4))
        await until_answered(self.clerk, f"{at}/lose", units(self.sku, 1) | {"reason": "broken"})
        if called_off:
            await until_answered(self.clerk, f"{at}/cancel")

    async def unpack(self, document: dict[str, Any]) -> None:
        at = f"/receipts/{document['id']}"
        for _ in range(4):
            await until_answered(self.clerk, f"{at}/receive", units(self.sku, 10))
        await until_answered(self.clerk, f"{at}/cancel", units(self.sku, 3) | {"reason": "sold out there"})

    async def count(self, document: dict[str, Any]) -> None:
        """What is found is what somebody guessed: by how much it differs the shop says."""
        at = f"/stock-counts/{document['id']}"
        found = {"lines": [{"sku": self.sku, "counted": UNITS - 30}]}
        await until_answered(self.clerk, f"{at}/lines", found, method="PUT")
        await until_answered(self.clerk, f"{at}/apply")

    async def found(self, document: dict[str, Any]) -> int:
        """What another count has set right since it was noted is to be counted again."""
        at = f"/stock-counts/{document['id']}"
        while (await self.clerk.ok("GET", at))["state"] == "open":
            await self.count(document)
        (line,) = (await self.clerk.ok("GET", f"{at}/lines"))["items"]
        return line["difference"]


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
    of_one = {"warehouse": "main", "skus": [sku]}
    counts = [await admin.ok("POST", "/stock-counts", of_one, status=201) for _ in range(COUNTS)]
    warehouse = Warehouse(admin, sku, chance)

    async def count(document: dict[str, Any]) -> None:
        await asyncio.sleep(chance.uniform(0, 3))
        await warehouse.count(document)

    async def buy(body: dict[str, Any]) -> None:
        await asyncio.sleep(chance.uniform(0, 4))
        assert (await shop.order_until_answered(body, str(uuid4()))).status == 201

    async def kill() -> None:
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.05, 0.8))
            shop.kill()
            await shop.start()

    await asyncio.gather(
        kill(),
        warehouse.unpack(receipt),
        *(warehouse.transfer(one, called_off=at % 2 == 1) for at, one in enumerate(drafts)),
        *(count(one) for one in counts),
        *(buy(body) for body in bodies),
    )

    found = sum([await warehouse.found(one) for one in counts])
    await shop.must_be_sound()
    stock = await admin.ok("GET", f"/inventory/{sku}")
    # Of each transfer one was lost, and one is still on the way or back.
    on_the_way = CLERKS // 2
    assert stock["on_hand"] == UNITS + 40 - SHOPPERS - CLERKS - on_the_way + found
    assert stock["incoming"] == on_the_way + 7


def units(sku: str, quantity: int) -> dict[str, Any]:
    return {"lines": [{"sku": sku, "quantity": quantity}]}


async def until_answered(
    clerk: Shopper, path: str, body: dict[str, Any] | None = None, *, method: str = "POST"
) -> None:
    """Under one key, as a patient clerk would: nothing is done twice. What was done and has lost its answer is done."""
    key = str(uuid4())
    give_up = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < give_up:
        with contextlib.suppress(aiohttp.ClientConnectionError, TimeoutError):
            answer = await clerk.send(method, path, body, key=key)
            if answer.status == 200 or (answer.status < 500 and answer.problem == "answer-lost"):
                return
            assert answer.status >= 500 or answer.problem == "request-in-progress", answer
        await asyncio.sleep(0.1)
    raise AssertionError(f"{path} was never answered")
