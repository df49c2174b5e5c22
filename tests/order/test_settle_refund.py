"""What was to go back and never will is ended by the staff, and what payment decides otherwise is taken over."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from order.conftest import gbp

from stoa.kit import clock
from stoa.kit.context import Principal
from stoa.kit.events import Event
from stoa.kit.ids import uuid7
from stoa.kit.permissions import ALL
from stoa.kit.staff_acts import list_acts
from stoa.services.order import repository, returns_repository
from stoa.services.order.cancel_order import cancel_order
from stoa.services.order.handlers import HANDLERS, handle_batch
from stoa.services.order.payment_status import PaymentState, PaymentStatus, PaymentTold
from stoa.services.order.receive_return import take_back
from stoa.services.order.settle_refund import settle_refund
from stoa.services.order.ship_order import Parcel, ship_order
from stoa.services.order.view import payment_status_of
from stoa.testing import new_user

STAFF = new_user("admin")
ADMIN = Principal(STAFF.id, "admin@example.com", frozenset({"admin"}), "s", ALL)


def told(kind: str, order, version: int = 9, **data) -> Event:
    about = {"payment_id": order.payment_id, "order_id": order.id}
    return Event(
        id=uuid7(),
        type=kind,
        source="payment",
        subject=order.payment_id,
        time=clock.now(),
        aggregateversion=version,
        traceparent="",
        data=about | data,
    )


async def hear(db, *events: Event) -> None:
    async with db.transaction() as tx:
        for event in await handle_batch(tx, events):
            await HANDLERS[event.type](tx, event)


def changed(order, source: str, minor: int) -> Event:
    return told("payment.refund_changed", order, source=source, amount={"amount": minor, "currency": "GBP"})


async def shipped(orders, placed):
    return await ship_order(orders, (await placed()).id, ADMIN, Parcel(carrier="DHL", tracking_number="1"))


async def test_a_return_shows_what_payment_gives(orders, placed):
    order = await shipped(orders, placed)
    one = await take_back(orders, order.id, ADMIN, [("MUG", 1)], "broken")
    other = await take_back(orders, order.id, ADMIN, [("MUG", 1)], "broken too")
    assert (one.refund, other.refund) == (gbp(2399), gbp(2399))
    for _ in range(2):
        await hear(orders.db, changed(order, other.id, 1000))
    returns = await returns_repository.returns_of_order(orders.db, order.id, None, 9)
    assert {each.id: each.refund for each in returns} == {one.id: gbp(2399), other.id: gbp(1000)}
    assert (await repository.read_order(orders.db, order.id)).refund_due == gbp(3399)
    await hear(orders.db, changed(order, one.id, 0))
    assert (await repository.read_order(orders.db, order.id)).refund_due == gbp(1000)


async def test_a_cancellation_shows_what_payment_gives(orders, placed):
    order = await placed()
    await cancel_order(orders, order.id, ADMIN, "no")
    for _ in range(2):
        await hear(orders.db, changed(order, "cancel", 1591))
    stored = await repository.read_order(orders.db, order.id)
    assert (stored.refund_due, stored.version) == (gbp(1591), 4)


def refund() -> dict[str, Any]:
    """What payment says of one."""
    return {"refund_id": uuid7(), "amount": {"amount": 1, "currency": "GBP"}}


async def test_a_refund_by_hand_that_failed_is_not_waited_for(orders, placed):
    order = await placed()
    both = refund() | {
        "refunded_total": {"amount": 300, "currency": "GBP"},
        "by_hand": {"amount": 500, "currency": "GBP"},
    }
    await hear(orders.db, told("payment.refunded", order, version=6, **both))
    assert payment_status_of(await repository.read_order(orders.db, order.id)) is PaymentStatus.REFUND_PENDING
    one = both | {"by_hand": {"amount": 300, "currency": "GBP"}}
    await hear(orders.db, told("payment.refund_failed", order, version=7, **one))
    stored = await repository.read_order(orders.db, order.id)
    assert (payment_status_of(stored), stored.left) == (PaymentStatus.PARTIALLY_REFUNDED, gbp(6591 - 300))


async def test_the_only_refund_by_hand_failed(orders, placed):
    order = await placed()
    nothing = refund() | {
        "refunded_total": {"amount": 0, "currency": "GBP"},
        "by_hand": {"amount": 0, "currency": "GBP"},
    }
    await hear(orders.db, told("payment.refund_failed", order, version=7, **nothing))
    stored = await repository.read_order(orders.db, order.id)
    assert (payment_status_of(stored), stored.left) == (PaymentStatus.PAID, gbp(6591))


async def test_what_is_of_another_order_changes_nothing(orders, placed):
    order, other = await shipped(orders, placed), await shipped(orders, placed)
    back = await take_back(orders, order.id, ADMIN, [("MUG", 1)], "broken")
    before = await repository.read_orders(orders.db, [order.id, other.id])
    await hear(orders.db, changed(other, back.id, 1), changed(other, "cancel", 1), changed(order, "cancel", 1))
    assert await repository.read_orders(orders.db, [order.id, other.id]) == before


async def test_news_of_a_refund_and_a_return_at_once_do_not_deadlock(orders, placed, payments):
    """Both need the order's row and its payment's."""
    for version in range(10, 30):
        order = await shipped(orders, placed)
        back = await take_back(orders, order.id, ADMIN, [("MUG", 1)], "broken")
        amounts = refund() | {
            "refunded_total": {"amount": 1, "currency": "GBP"},
            "by_hand": {"amount": 1, "currency": "GBP"},
        }
        refunded = told("payment.refunded", order, version=version, **amounts)
        payments.gave_by_hand(order.payment_id, 2, version=version + 1)
        await asyncio.gather(
            hear(orders.db, refunded, changed(order, back.id, 7)),
            take_back(orders, order.id, ADMIN, [("MUG", 1)], "broken too"),
        )
        assert (await repository.read_order(orders.db, order.id)).refund_due == gbp(7 + 2399)


def says(payments, order, *, asked: int = 0, by_hand: int = 0, refunded: int = 0) -> None:
    state = PaymentState.REFUNDED if refunded else PaymentState.SUCCEEDED
    payments.told[order.payment_id] = PaymentTold(order.payment_id, 9, state, refunded, by_hand, asked)


async def test_what_payment_does_not_know_of_is_settled_with_a_reason(orders, placed, payments, rest):
    order = await placed()
    await cancel_order(orders, order.id, ADMIN, "no")
    path = f"/orders/{order.id}/settle"
    body = {"reason": "paid back by bank transfer"}
    seen = await rest.ok("POST", path, body, user=STAFF)
    assert (seen["status"], seen["payment_status"], seen["refunded"]["amount"]) == ("canceled", "settled", 0)
    again = await rest.send("POST", path, body, user=STAFF)
    assert (again.status, again.problem) == (409, "nothing-to-settle")
    stored = await repository.read_order(orders.db, order.id)
    assert (stored.refund_due, stored.settled, stored.version) == (gbp(0), gbp(6591), 4)
    [act] = [act for act in await list_acts(orders.db, limit=9) if act.act == "order.refund_settled"]
    assert (act.actor, act.subject, act.before, act.after, act.reason) == (
        STAFF.id,
        order.id,
        {"refund_due_minor": 6591},
        {"refund_due_minor": 0},
        "paid back by bank transfer",
    )


async def test_only_what_payment_does_not_know_of(orders, placed, payments, rest):
    """One return was paid back, of another the event was discarded; a third of the order went back by hand."""
    order = await shipped(orders, placed)
    await take_back(orders, order.id, ADMIN, [("MUG", 1)], "broken")
    await take_back(orders, order.id, ADMIN, [("MUG", 1)], "broken too")
    says(payments, order, asked=2399 + 2000, by_hand=2000, refunded=2399)
    pending = await rest.ok("POST", f"/orders/{order.id}/settle", {"reason": "paid in cash"}, user=STAFF)
    assert pending["payment_status"] == "refund_pending"
    stored = await repository.read_order(orders.db, order.id)
    assert (stored.refund_due, stored.settled, stored.left) == (gbp(2399), gbp(2399), gbp(6591 - 2399 - 2000))
    told_last = PaymentTold(order.payment_id, 10, PaymentState.REFUNDED, 4399, 2000)
    async with orders.db.transaction() as tx:
        await repository.hear_payments(tx, [told_last])
    ended = await repository.read_order(orders.db, order.id)
    assert payment_status_of(ended) is PaymentStatus.SETTLED
    # Should the event be put back all the same, payment gives back what it says, and the order shows that.
    async with orders.db.transaction() as tx:
        await repository.hear_payments(
            tx, [PaymentTold(order.payment_id, 11, PaymentState.REFUNDED, 4399 + 2399, 2000)]
        )
    assert payment_status_of(await repository.read_order(orders.db, order.id)) is PaymentStatus.REFUNDED


async def test_what_is_under_way_is_not_settled(orders, placed, payments, rest):
    order = await placed()
    await cancel_order(orders, order.id, ADMIN, "no")
    says(payments, order, asked=6591)
    before = await repository.read_order(orders.db, order.id)
    refused = await rest.send("POST", f"/orders/{order.id}/settle", {"reason": "now"}, user=STAFF)
    assert (refused.status, refused.problem) == (409, "nothing-to-settle")
    assert await repository.read_order(orders.db, order.id) == before


async def test_what_comes_back_while_payment_is_asked_is_not_settled(orders, placed, payments):
    """Payment could not know of it when it answered."""
    order = await shipped(orders, placed)
    await take_back(orders, order.id, ADMIN, [("MUG", 1)], "broken")

    async def asked(payment_id: str) -> PaymentTold:
        await take_back(orders, order.id, ADMIN, [("MUG", 1)], "broken too")
        return PaymentTold(payment_id, 9, PaymentState.SUCCEEDED)

    await settle_refund(replace(orders, payment_now=asked), order.id, ADMIN, "paid in cash")
    stored = await repository.read_order(orders.db, order.id)
    assert (stored.refund_due, stored.settled) == (gbp(2399), gbp(2399))


@pytest.mark.parametrize(
    ("body", "field"), [({}, "reason"), ({"reason": ""}, "reason"), ({"reason": "x", "y": 1}, "y")]
)
async def test_without_a_reason_nothing_is_settled(orders, placed, rest, body, field):
    order = await placed()
    await cancel_order(orders, order.id, ADMIN, "no")
    refused = await rest.send("POST", f"/orders/{order.id}/settle", body, user=STAFF)
    assert (refused.status, refused.body["field"]) == (422, field)
    for user, status in ((new_user(), 403), (None, 401)):
        assert (await rest.send("POST", f"/orders/{order.id}/settle", {"reason": "x"}, user=user)).status == status
    assert (await repository.read_order(orders.db, order.id)).settled == gbp(0)
