"""Every event delivered twice and out of order, late and early: the same end as in order and once."""

from __future__ import annotations

import asyncio
import json
import random

import pytest
from journeys.client import ADDRESS, card
from stocking import admin_of, stock_up, visitor_of

from stoa import app
from stoa.audit.audit import audit
from stoa.contracts.events.v1.events_pb2 import DeliverRequest
from stoa.contracts.events.v1.events_pb2_grpc import IntakeServiceStub
from stoa.kit.events import Fact

SKU = "SHUFFLED"
STOCK = 100
ANNOUNCED = """
    SELECT event_id, type, subject, aggregate_version, time, traceparent,
           event_log.data || coalesce(event_personal.data, '{}') AS data
    FROM event_log LEFT JOIN event_personal USING (id) ORDER BY id
"""
NOT_FIRST = """
    SELECT type, subject FROM event_log
    WHERE type = ANY ($1)
      AND EXISTS (SELECT FROM event_log AS older WHERE older.subject = event_log.subject AND older.id < event_log.id)
"""
DONE = "SELECT count(*) FROM inbox WHERE done_at IS NOT NULL"


async def everything_announced(shop) -> list[dict]:
    """All events of all services, as they go over the bus."""
    return [
        {
            "id": row["event_id"],
            "type": row["type"],
            "source": name,
            "subject": row["subject"],
            "time": row["time"].isoformat(),
            "aggregateversion": row["aggregate_version"],
            "traceparent": row["traceparent"],
            "data": row["data"],
            "specversion": "1.0",
        }
        for name, database in shop.databases.items()
        for row in await database.fetch(ANNOUNCED)
    ]


async def deliver(shop, subscriber: str, event: dict) -> None:
    intake = IntakeServiceStub(shop.process.neighbors.system_channel("test", subscriber))
    answer = await intake.Deliver(DeliverRequest(subscriber=subscriber, events=[json.dumps(event).encode()]))
    assert not answer.refusals


async def deliver_and_wait(shop, subscriber: str, event: dict) -> None:
    """Twice, and until it has had its effect, so that what comes next really comes later."""
    await deliver(shop, subscriber, event)
    await deliver(shop, subscriber, event)
    async with asyncio.timeout(20):
        while not await shop.databases[subscriber].fetchval(
            "SELECT done_at IS NOT NULL FROM inbox WHERE event_id = $1::uuid", event["id"]
        ):
            await asyncio.sleep(0.005)


async def trade(shop) -> None:
    """Orders that stay, are canceled, and are shipped and half returned."""
    visitor, admin = visitor_of(shop), await admin_of(shop)
    for number in range(6):
        cart = await visitor.ok("POST", "/cart", status=201)
        await visitor.ok("POST", f"/cart/{cart['id']}/items", {"sku": SKU, "quantity": 2}, status=201)
        body = {"shipping_address": ADDRESS, "shipping_method": "standard", "payment": card()}
        order = await visitor.ok(
            "POST", "/orders", body | {"cart_id": cart["id"], "email": f"guest-{number}@example.com"}, status=201
        )
        path = f"/orders/{order['id']}"
        if number % 3 == 1:
            await admin.ok("POST", f"{path}/cancel", {"reason": "test"})
        if number % 3 == 2:
            await admin.ok("POST", f"{path}/ship", {"carrier": "DHL", "tracking_number": "1"})
            await admin.ok("POST", f"{path}/deliver")
            await admin.ok(
                "POST", f"{path}/return", {"items": [{"sku": SKU, "quantity": 1}], "reason": "test"}, status=201
            )


@pytest.fixture
async def stocked(shop_with):
    shop = await shop_with()
    await stock_up(shop, SKU, price=1000, on_hand=STOCK)
    await shop.settle()
    return shop


async def must_be_sound(shop) -> None:
    broken = {v.invariant.statement: v.findings for v in await audit(shop.databases, looks=10) if v.findings}
    assert not broken
    first = [fact.event_type() for fact in Fact.__subclasses__() if fact.is_first()]
    assert "order.placed" in first
    for name, database in shop.databases.items():
        assert await database.fetch(NOT_FIRST, first) == [], name
    on_hand = await shop.databases["inventory"].fetchval("SELECT on_hand FROM stock WHERE sku = $1", SKU)
    # Two orders stay with 2 each, two were canceled, two kept 1 of 2.
    assert on_hand == STOCK - 2 * 2 - 2 * 1
    mails = await shop.databases["notification"].fetch(
        "SELECT template, count(*) AS sent FROM deliveries GROUP BY template"
    )
    assert {mail["template"]: mail["sent"] for mail in mails} == {
        "welcome": 1,
        "order_confirmation": 6,
        "order_canceled": 2,
        "order_shipped": 2,
        "order_delivered": 2,
        "order_returned": 2,
        "refund_issued": 4,
    }


async def test_in_any_order_and_twice(stocked, chance: random.Random):
    """Relays stand still; each event is handed over by itself, later ones before earlier ones."""
    shop = stocked
    for hosted in shop.process.services:
        await hosted.stored._relay.stop()
    await trade(shop)
    delivered: set[tuple[str, str]] = set()
    while True:
        # Refunds are announced only after what they hear of, so there is a second round.
        due = [
            (subscriber, event)
            for event in await everything_announced(shop)
            for subscriber in app.subscribers(event["type"])
            if subscriber in shop.databases and (subscriber, event["id"]) not in delivered
        ]
        if not due and not await shop.databases["payment"].fetchval(
            "SELECT count(*) FROM refunds WHERE state = 'pending'"
        ):
            break
        chance.shuffle(due)
        for subscriber, event in due:
            await deliver_and_wait(shop, subscriber, event)
            delivered.add((subscriber, event["id"]))
    await must_be_sound(shop)


async def test_everything_again_after_the_end(stocked, chance: random.Random):
    """A bus that has forgotten what it delivered delivers all of it again, in any order: no change."""
    shop = stocked
    await trade(shop)
    await shop.settle()
    async with asyncio.timeout(20):
        while await shop.databases["payment"].fetchval("SELECT count(*) FROM refunds WHERE state = 'pending'"):
            await asyncio.sleep(0.02)
    await shop.settle()
    before = {name: await database.fetchval(DONE) for name, database in shop.databases.items()}
    events = await everything_announced(shop)
    again = [(to, event) for event in events for to in app.subscribers(event["type"]) if to in shop.databases] * 2
    chance.shuffle(again)
    for subscriber, event in again:
        await deliver(shop, subscriber, event)
    await shop.settle()
    assert {name: await database.fetchval(DONE) for name, database in shop.databases.items()} == before
    await must_be_sound(shop)
