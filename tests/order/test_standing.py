"""How an order stands is kept with it, and is what the rules say of it, whatever was done or told."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import timedelta
from itertools import product

import asyncpg
import pytest

from stoa.kit import clock
from stoa.kit.context import Principal
from stoa.kit.ids import uuid7
from stoa.kit.permissions import ALL
from stoa.kit.problems import Problem
from stoa.services.order import repository
from stoa.services.order.cancel_order import cancel_order
from stoa.services.order.deliver_order import deliver_order
from stoa.services.order.fulfillment import FulfillmentStatus
from stoa.services.order.handlers import handle_batch
from stoa.services.order.payment_status import PaymentStatus
from stoa.services.order.process_order import process_order
from stoa.services.order.receive_return import take_back
from stoa.services.order.settle_refund import settle_refund
from stoa.services.order.ship_order import Parcel, ship_order
from stoa.services.order.standing import possible
from stoa.services.order.states import Status
from stoa.testing import new_user

from .test_payment_status import hear, told

ADMIN = Principal(uuid7(), "admin@example.com", frozenset({"admin"}), "s", ALL)
STAFF = new_user("admin")


def refunded(version: int, payment_id: str, gone: int, by_hand: int):
    amounts = {
        name: {"amount": amount, "currency": "GBP"}
        for name, amount in (("amount", 1), ("refunded_total", gone), ("by_hand", by_hand))
    }
    return told("payment.refunded", version, payment_id, refund_id=uuid7(), reason="", **amounts)


async def stand(orders) -> set[tuple[str, str, str]]:
    """How orders stand; what is kept of each is what the rules say."""
    rows = await orders.db.fetch("SELECT id FROM orders")
    found = (await repository.read_orders(orders.db, [row["id"] for row in rows])).values()
    assert [order.kept for order in found] == [order.standing for order in found]
    return {tuple(order.kept) for order in found}


async def test_through_the_life_of_an_order(orders, made, new_order, abandon):
    new = new_order()
    order = await made(new)
    assert await stand(orders) == {("pending", "pending", "unfulfilled")}
    await hear(orders.db, told("payment.succeeded", 2, new.payment_id))
    assert await stand(orders) == {("pending", "pending", "unfulfilled")}
    await orders.confirmations.submit(order.id)
    assert await stand(orders) == {("confirmed", "paid", "unfulfilled")}
    parcel = Parcel(carrier="DHL", tracking_number="1", items=[("MUG", 2)])
    await ship_order(orders, order.id, ADMIN, parcel)
    assert await stand(orders) == {("processing", "paid", "partially_shipped")}
    await take_back(orders, order.id, ADMIN, [("MUG", 1)], "x")
    assert await stand(orders) == {("processing", "refund_pending", "partially_shipped")}
    await hear(orders.db, refunded(4, new.payment_id, 2399, 0))
    assert await stand(orders) == {("processing", "partially_refunded", "partially_shipped")}
    await ship_order(orders, order.id, ADMIN, Parcel(carrier="DHL", tracking_number="2"))
    await deliver_order(orders, order.id, ADMIN)
    assert await stand(orders) == {("delivered", "partially_refunded", "delivered")}
    given_up = new_order()
    await made(given_up)
    await abandon(given_up.checkout_id)
    assert await stand(orders) == {
        ("delivered", "partially_refunded", "delivered"),
        ("canceled", "pending", "canceled"),
    }


async def test_what_was_told_before_a_confirmation_counts(orders, made, new_order):
    """Staff gave a part back while the checkout was at work, and the buyer of another called it off."""
    waves = [new_order() for _ in range(2)]
    for new in waves:
        await made(new)
        await hear(orders.db, refunded(3, new.payment_id, 500, 500))
    await cancel_order(orders, waves[1].order_id, ADMIN, "no")
    assert await stand(orders) == {
        ("pending", "partially_refunded", "unfulfilled"),
        ("canceled", "partially_refunded", "canceled"),
    }
    await asyncio.gather(*(orders.confirmations.submit(new.order_id) for new in waves))
    assert await stand(orders) == {
        ("confirmed", "partially_refunded", "unfulfilled"),
        ("canceled", "refund_pending", "canceled"),
    }


async def test_what_payment_says_of_a_refund_counts(orders, placed):
    order = await placed()
    await cancel_order(orders, order.id, ADMIN, "no")
    assert await stand(orders) == {("canceled", "refund_pending", "canceled")}
    changed = {"order_id": order.id, "source": "cancel", "amount": {"amount": 0, "currency": "GBP"}}
    await hear(orders.db, told("payment.refund_changed", 5, order.payment_id, **changed))
    assert await stand(orders) == {("canceled", "paid", "canceled")}


@pytest.mark.parametrize("seed", range(6))
async def test_after_any_acts_and_events(orders, placed, payments, seed):
    """One after the other, and two at a time."""
    rng = random.Random(seed)
    many = [await placed() for _ in range(4)]
    versions = {order.payment_id: 3 for order in many}

    async def act(order) -> None:
        units = [("MUG", 1)] if rng.random() < 0.5 else [("SPOON", rng.randint(1, 2))]
        parcel = Parcel(carrier="D", tracking_number="1", items=rng.choice([units, units, None]))
        act = rng.choice(
            [
                lambda: process_order(orders, order.id, ADMIN),
                lambda: ship_order(orders, order.id, ADMIN, parcel),
                lambda: deliver_order(orders, order.id, ADMIN),
                lambda: take_back(orders, order.id, ADMIN, units, "x"),
                lambda: settle_refund(orders, order.id, ADMIN, "x"),
                lambda: cancel_order(orders, order.id, ADMIN, "x", None if rng.random() < 0.2 else units),
            ]
        )
        with suppress(Problem):
            await act()

    async def tell(some) -> None:
        events = []
        for order in some:
            versions[order.payment_id] += 1
            version, gone = versions[order.payment_id], rng.choice([0, 400, 2399, 6591])
            by_hand = rng.choice([0, 0, 400])
            events.append(refunded(version, order.payment_id, gone, by_hand))
        async with orders.db.transaction() as tx:
            await handle_batch(tx, events)

    for _ in range(40):
        await asyncio.gather(act(rng.choice(many)), act(rng.choice(many)), tell(rng.sample(many, 2)))
        await stand(orders)


def test_an_order_stands_in_few_ways():
    every = possible(None, None, None)
    assert len(every) == len(set(every)) == 9 * len(PaymentStatus) == 63
    assert possible(Status.SHIPPED, PaymentStatus.PAID, None) == [
        ("shipped", "paid", "partially_delivered"),
        ("shipped", "paid", "shipped"),
    ]
    assert possible(None, PaymentStatus.FAILED, FulfillmentStatus.UNFULFILLED) == [
        (status, "failed", "unfulfilled") for status in ("confirmed", "pending", "processing")
    ]
    assert possible(Status.CANCELED, None, FulfillmentStatus.SHIPPED) == []


async def test_no_other_way_can_be_written(orders, placed):
    order = await placed()
    ways = set(possible(None, None, None))
    for status, fulfillment in product(Status, FulfillmentStatus):
        allowed = (status, PaymentStatus.PAID, fulfillment) in ways
        try:
            await orders.db.execute(
                "UPDATE orders SET status = $2, fulfillment_status = $3 WHERE id = $1", order.id, status, fulfillment
            )
            assert allowed
        except asyncpg.CheckViolationError as refused:
            assert "orders_fulfillment_status" in str(refused)
            assert not allowed


async def test_staff_find_orders_by_how_they_stand(rest, orders, placed, made, new_order):
    ada = new_user()
    pending = (await made(new_order(user_id=ada.id, email="Ada@Example.com"))).id
    kept, shipped, canceled = [(await placed(user_id=ada.id)).id for _ in range(3)]
    guests = await placed(user_id=None, email="grace@example.com")
    await ship_order(orders, shipped, ADMIN, Parcel(carrier="D", tracking_number="1", items=[("MUG", 1)]))
    await cancel_order(orders, canceled, ADMIN, "no")

    async def found(query: str, user=STAFF) -> list[str]:
        listed: list[str] = []
        cursor = ""
        while True:
            page = await rest.ok("GET", f"/orders?{query}&limit=2{cursor}", user=user)
            listed += [one["id"] for one in page["items"]]
            if page["next_cursor"] is None:
                return listed
            cursor = f"&cursor={page['next_cursor']}"

    assert await found("payment_status=paid") == [guests.id, shipped, kept]
    assert await found("payment_status=refund_pending") == [canceled]
    assert await found("fulfillment_status=unfulfilled") == [guests.id, kept, pending]
    assert await found("fulfillment_status=unfulfilled&payment_status=pending") == [pending]
    assert await found("status=processing") == [shipped]
    assert await found("status=canceled&fulfillment_status=shipped") == []
    assert await found("email=ADA@example.COM") == [canceled, shipped, kept, pending]
    assert await found("email=ada@example.com&status=confirmed") == [kept]
    assert await found(f"number={guests.number}") == [guests.id]
    assert await found(f"number={guests.number}&email=ada@example.com") == []
    assert await found(f"user_id={ada.id}&fulfillment_status=partially_shipped") == [shipped]
    assert await found("number=S-1") == []
    # A buyer finds theirs.
    assert await found("payment_status=paid", ada) == [shipped, kept]
    assert await found(f"number={guests.number}", ada) == []
    assert await found("email=grace@example.com", ada) == []


async def test_staff_find_orders_by_when_they_were_placed(rest, placed):
    now = clock.now()
    first, second = [(await placed()).id for _ in range(2)]

    async def found(query: str) -> list[str]:
        return [one["id"] for one in (await rest.ok("GET", f"/orders?{query}", user=STAFF))["items"]]

    def at(moment) -> str:
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    earlier, later = at(now - timedelta(seconds=1)), at(now + timedelta(minutes=1))
    assert await found(f"placed_from={earlier}&placed_to={later}") == [second, first]
    assert await found(f"placed_from={later}") == []
    assert await found(f"placed_to={earlier}") == []
    assert await found(f"status=confirmed&placed_from={earlier}") == [second, first]
    assert await found(f"status=confirmed&placed_to={earlier}") == []
    assert await found("placed_from=1900-01-01T00:00:00Z&placed_to=2999-01-01T00:00:00Z") == [second, first]
    assert await found("email=ada@example.com&placed_to=1900-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    "query",
    ["payment_status=lost", "fulfillment_status=gone", "number=", "email=ada", "placed_from=2026-01-01", "placed_to=x"],
)
async def test_what_cannot_be_looked_for(rest, query):
    refused = await rest.send("GET", f"/orders?{query}", user=STAFF)
    assert (refused.status, refused.body["field"]) == (422, query.partition("=")[0])
