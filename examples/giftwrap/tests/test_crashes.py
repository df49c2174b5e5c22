"""The process dies at each of giftwrap's crash points; what starts again finds what was done, and does what was not."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest
from stoa_giftwrap.service import repository

from stoa.app import GET_PERSONAL, SERVICES, subscribers
from stoa.kit.events import Fact
from stoa.kit.ids import uuid7
from stoa.kit.outbox import Outbox

ADA = {"email": "ada@example.com", "password": "a long enough passphrase", "first_name": "Ada", "last_name": "L"}
LOG = "SELECT type, aggregate_version AS version, data ->> 'paper' AS paper FROM event_log"


class OrderShipped(Fact, frozen=True, kw_only=True, event="order.shipped", personal=("email",)):
    """As order announces it."""

    order_id: str
    number: str = "S-1"
    email: str = "ada@example.com"
    carrier: str = "Post"
    tracking_number: str = "1"


async def placed(mortal_shop, user_id: str) -> str:
    """An order that giftwrap has heard of."""
    order_id = uuid7()
    async with mortal_shop.databases["giftwrap"].transaction() as tx:
        await repository.add_order(tx, order_id, user_id)
    return order_id


async def test_between_the_choice_and_its_announcement(mortal_shop):
    await mortal_shop.start(crash_at="giftwrap:chosen")
    async with mortal_shop.http.post("/api/v1/auth/register", json=ADA) as answer:
        account = await answer.json()
    order_id = await placed(mortal_shop, account["user"]["id"])
    signed_in = {"Authorization": f"Bearer {account['access_token']}"}
    path, chosen = f"/api/v1/orders/{order_id}/giftwrap", {"paper": "stars"}
    with pytest.raises(aiohttp.ClientError):
        await mortal_shop.http.put(path, json=chosen, headers=signed_in)
    await mortal_shop.died()

    await mortal_shop.start()
    async with mortal_shop.http.put(path, json=chosen, headers=signed_in) as answer:
        assert (answer.status, (await answer.json())["paper"]) == (200, "stars")
    await mortal_shop.must_be_sound()
    rows = await mortal_shop.databases["giftwrap"].fetch(LOG)
    assert [tuple(row) for row in rows] == [("giftwrap.chosen", 1, "stars")]


async def test_between_what_a_handler_does_and_its_end(mortal_shop):
    await mortal_shop.start(crash_at="giftwrap:closed")
    order_id = await placed(mortal_shop, uuid7())
    order = mortal_shop.databases["order"]
    outbox = Outbox(SERVICES["order"], subscribers, GET_PERSONAL)
    async with order.transaction() as tx:
        await outbox.announce(tx, subject=order_id, version=1, fact=OrderShipped(order_id=order_id))
    await mortal_shop.died()
    wrap = await repository.read_wrap(mortal_shop.databases["giftwrap"], order_id)
    assert wrap.is_open

    await mortal_shop.start()
    give_up = time.monotonic() + 30
    while (await repository.read_wrap(mortal_shop.databases["giftwrap"], order_id)).is_open:
        assert time.monotonic() < give_up
        await asyncio.sleep(0.1)
    await mortal_shop.must_be_sound()
