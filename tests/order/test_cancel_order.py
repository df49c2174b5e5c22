"""Calling off: before the payment, after it, and while somebody ships."""

import asyncio

import pytest

from stoa.kit.context import Principal
from stoa.kit.ids import uuid7
from stoa.kit.money import Money
from stoa.kit.permissions import ALL
from stoa.services.order import repository
from stoa.services.order.cancel_order import cancel_order
from stoa.services.order.errors import NoSuchOrder, WrongState
from stoa.services.order.payment_status import PaymentState, PaymentStatus, PaymentTold
from stoa.services.order.ship_order import Parcel, ship_order
from stoa.services.order.states import Status
from stoa.services.order.view import payment_status_of
from stoa.testing import new_user

ADMIN = Principal(uuid7(), "admin@example.com", frozenset({"admin"}), "s", ALL)


def principal(user_id: str) -> Principal:
    return Principal(user_id, "ada@example.com", frozenset({"customer"}), "s")


def gbp(amount: int) -> Money:
    return Money(amount, "GBP")


async def test_a_paid_order_is_refunded_whole(orders, placed, announced):
    order = await placed()
    canceled = await cancel_order(orders, order.id, principal(order.user_id), "changed my mind")
    assert (canceled.status, canceled.version, canceled.refund_due) == (Status.CANCELED, 3, gbp(6591))
    assert payment_status_of(canceled) is PaymentStatus.REFUND_PENDING
    kind, version, data = (await announced())[-1]
    assert (kind, version) == ("order.canceled", 3)
    assert data == {
        "order_id": order.id,
        "number": order.number,
        "email": "ada@example.com",
        "reason": "changed my mind",
        "reservation_key": order.reservation_key,
        "payment_id": order.payment_id,
        "total": {"amount": 6591, "currency": "GBP"},
        "refund": {"amount": 6591, "currency": "GBP"},
    }
    with pytest.raises(WrongState):
        await cancel_order(orders, order.id, principal(order.user_id), "again")
    assert len(await announced()) == 2


async def test_what_went_back_by_hand_is_not_due_again(orders, placed, announced):
    order = await placed()
    told = PaymentTold(order.payment_id, 5, PaymentState.REFUNDED, refunded_minor=5000, by_hand_minor=5000)
    async with orders.db.transaction() as tx:
        await repository.hear_payments(tx, [told])
    canceled = await cancel_order(orders, order.id, principal(order.user_id), "changed my mind")
    assert (canceled.refund_due, canceled.left) == (gbp(1591), gbp(0))
    assert payment_status_of(canceled) is PaymentStatus.REFUND_PENDING
    data = (await announced())[-1][2]
    assert (data["total"]["amount"], data["refund"]["amount"]) == (6591, 1591)


async def test_an_order_canceled_while_the_payment_is_on_the_way(orders, new_order, announced):
    new = new_order()
    await orders.creations.submit(new)
    await cancel_order(orders, new.order_id, principal(new.user_id), "too slow")
    assert await announced() == []

    late = await asyncio.gather(*(orders.confirmations.submit(new.order_id) for _ in range(3)))
    late.append(await orders.confirmations.submit(new.order_id))
    assert {(order.status, order.version, order.refund_due.amount) for order in late} == {(Status.CANCELED, 3, 6591)}
    assert payment_status_of(late[0]) is PaymentStatus.REFUND_PENDING
    [(kind, version, data)] = await announced()
    assert (kind, version, data["payment_id"]) == ("order.canceled", 3, new.payment_id)


async def test_canceling_and_shipping_at_once_have_one_winner(orders, placed, announced):
    for _ in range(15):
        order = await placed()
        canceled, shipped = await asyncio.gather(
            cancel_order(orders, order.id, principal(order.user_id), "mine"),
            ship_order(orders, order.id, ADMIN, Parcel(carrier="DHL", tracking_number="1")),
            return_exceptions=True,
        )
        stored = await repository.read_order(orders.db, order.id)
        assert isinstance(canceled, WrongState) != isinstance(shipped, WrongState)
        won = Status.SHIPPED if isinstance(canceled, WrongState) else Status.CANCELED
        assert (stored.status, stored.version) == (won, 3)
        assert bool(stored.shipments) == (won is Status.SHIPPED)
        assert len(await repository.read_history(orders.db, order.id)) == 3
        kinds = [kind for kind, _, data in await announced() if data["order_id"] == order.id]
        assert kinds == ["order.placed", "order.shipped" if won is Status.SHIPPED else "order.canceled"]


async def test_canceling_and_confirming_at_once(orders, new_order, announced):
    for _ in range(15):
        new = new_order()
        await orders.creations.submit(new)
        await asyncio.gather(
            cancel_order(orders, new.order_id, principal(new.user_id), "mine"),
            orders.confirmations.submit(new.order_id),
        )
        stored = await repository.read_order(orders.db, new.order_id)
        assert (stored.status, stored.refund_due, stored.confirmed_at is None) == (Status.CANCELED, gbp(6591), False)
        kinds = [kind for kind, _, data in await announced() if data["order_id"] == new.order_id]
        assert kinds in (["order.placed", "order.canceled"], ["order.canceled"])


async def test_nobody_cancels_what_is_anothers(orders, placed):
    order, guests = await placed(), await placed(user_id=None)
    for order_id in (order.id, guests.id, uuid7()):
        with pytest.raises(NoSuchOrder):
            await cancel_order(orders, order_id, principal(new_user().id), "mine")
    assert (await repository.read_order(orders.db, order.id)).status is Status.CONFIRMED
    assert (await cancel_order(orders, guests.id, ADMIN, "asked by phone")).status is Status.CANCELED


async def test_nobody_owes_a_reason(rest, placed, announced):
    for body in ({}, None, {"reason": None}, {"reason": ""}):
        ada = new_user()
        order = await placed(user_id=ada.id)
        canceled = await rest.ok("POST", f"/orders/{order.id}/cancel", body, user=ada)
        assert canceled["status"] == "canceled"
        history = await rest.ok("GET", f"/orders/{order.id}/history", user=ada)
        assert (history["items"][-1]["status"], history["items"][-1]["reason"]) == ("canceled", "")
        assert (await announced())[-1][2]["reason"] == ""
