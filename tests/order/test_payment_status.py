"""The status of the payment follows from the facts alone."""

from itertools import permutations

import pytest
from counting import Counting

from stoa.kit import clock
from stoa.kit.events import Event
from stoa.kit.ids import uuid7
from stoa.kit.money import Money
from stoa.services.order import repository
from stoa.services.order.handlers import HANDLERS, handle_batch
from stoa.services.order.payment_status import PaymentState, PaymentStatus, left, payment_status
from stoa.services.order.view import payment_status_of


def gbp(amount: int) -> Money:
    return Money(amount, "GBP")


@pytest.mark.parametrize(
    ("confirmed", "told", "due", "refunded", "by_hand", "status", "still_left"),
    [
        (False, None, 0, 0, 0, PaymentStatus.PENDING, 1000),
        (False, PaymentState.FAILED, 0, 0, 0, PaymentStatus.FAILED, 1000),
        (False, PaymentState.SUCCEEDED, 0, 0, 0, PaymentStatus.PENDING, 1000),
        (True, None, 0, 0, 0, PaymentStatus.PAID, 1000),
        (True, PaymentState.SUCCEEDED, 1000, 0, 0, PaymentStatus.REFUND_PENDING, 0),
        (True, PaymentState.REFUNDED, 400, 400, 0, PaymentStatus.PARTIALLY_REFUNDED, 600),
        (True, PaymentState.REFUNDED, 700, 400, 0, PaymentStatus.REFUND_PENDING, 300),
        (True, PaymentState.REFUNDED, 1000, 1000, 0, PaymentStatus.REFUNDED, 0),
        # What staff gave back by hand counts beside what is due, and nothing beyond the total.
        (True, PaymentState.SUCCEEDED, 0, 0, 300, PaymentStatus.REFUND_PENDING, 700),
        (True, PaymentState.REFUNDED, 0, 300, 300, PaymentStatus.PARTIALLY_REFUNDED, 700),
        (True, PaymentState.REFUNDED, 400, 300, 300, PaymentStatus.REFUND_PENDING, 300),
        (True, PaymentState.REFUNDED, 800, 300, 300, PaymentStatus.REFUND_PENDING, 0),
        (True, PaymentState.SUCCEEDED, 0, 0, 1000, PaymentStatus.REFUND_PENDING, 0),
        (True, PaymentState.REFUNDED, 0, 1000, 1000, PaymentStatus.REFUNDED, 0),
        # An older version did not say what was by hand.
        (True, PaymentState.REFUNDED, 0, 1000, 0, PaymentStatus.REFUNDED, 0),
        (True, PaymentState.REFUNDED, 0, 400, 0, PaymentStatus.PARTIALLY_REFUNDED, 600),
    ],
)
def test_the_table(confirmed, told, due, refunded, by_hand, status, still_left):
    rest = left(total=gbp(1000), refund_due=gbp(due), refunded=gbp(refunded), by_hand=gbp(by_hand))
    assert rest == gbp(still_left)
    shown = payment_status(
        total=gbp(1000), confirmed=confirmed, told=told, left=rest, refunded=gbp(refunded), wanted=gbp(due + by_hand)
    )
    assert shown is status


@pytest.mark.parametrize(
    ("due", "refunded", "by_hand", "settled", "status"),
    [
        (0, 0, 0, 1000, PaymentStatus.SETTLED),
        (0, 400, 0, 600, PaymentStatus.SETTLED),
        (300, 0, 0, 700, PaymentStatus.REFUND_PENDING),
        # It was given back by hand in place of what was settled.
        (0, 400, 400, 400, PaymentStatus.SETTLED),
        # What was settled has gone back after all.
        (0, 400, 0, 400, PaymentStatus.PARTIALLY_REFUNDED),
        (0, 1000, 0, 1000, PaymentStatus.REFUNDED),
    ],
)
def test_what_staff_settled_is_not_waited_for(due, refunded, by_hand, settled, status):
    rest = left(total=gbp(1000), refund_due=gbp(due), refunded=gbp(refunded), by_hand=gbp(by_hand))
    shown = payment_status(
        total=gbp(1000),
        confirmed=True,
        told=PaymentState.SUCCEEDED,
        left=rest,
        refunded=gbp(refunded),
        wanted=gbp(due + by_hand + settled),
    )
    assert shown is status


def told(kind: str, version: int, payment_id: str, **data) -> Event:
    return Event(
        id=uuid7(),
        type=kind,
        source="payment",
        subject=payment_id,
        time=clock.now(),
        aggregateversion=version,
        traceparent="00-" + "1" * 32 + "-" + "1" * 16 + "-01",
        data={"payment_id": payment_id, "order_id": uuid7()} | data,
    )


def refund(version: int, payment_id: str, refunded_total: int) -> Event:
    amounts = {
        "amount": {"amount": 1, "currency": "GBP"},
        "refunded_total": {"amount": refunded_total, "currency": "GBP"},
    }
    return told("payment.refunded", version, payment_id, refund_id=uuid7(), reason="", **amounts)


async def hear(db, event: Event) -> None:
    async with db.transaction() as tx:
        await HANDLERS[event.type](tx, event)


@pytest.mark.parametrize("arrival", list(permutations(range(3))))
async def test_in_whatever_order_events_come_and_however_often(orders, placed, arrival):
    order = await placed()
    events = [
        told("payment.succeeded", 2, order.payment_id, amount={"amount": 6591, "currency": "GBP"}),
        refund(3, order.payment_id, 1000),
        refund(4, order.payment_id, 6591),
    ]
    for at in arrival:
        for _ in range(2):
            await hear(orders.db, events[at])
    heard = await repository.read_order(orders.db, order.id)
    assert (heard.refunded, payment_status_of(heard)) == (gbp(6591), PaymentStatus.REFUNDED)
    assert heard.version == order.version
    together = await placed()
    batch = [refund(4, together.payment_id, 6591), told("payment.succeeded", 2, together.payment_id)]
    async with orders.db.transaction() as tx:
        assert list(await handle_batch(tx, [batch[at % 2] for at in arrival])) == []
    heard = await repository.read_order(orders.db, together.id)
    assert (heard.refunded, payment_status_of(heard)) == (gbp(6591), PaymentStatus.REFUNDED)


@pytest.mark.parametrize("count", [1, 20, 256])
async def test_a_batch_costs_what_one_event_does(orders, count):
    db = Counting(orders.db)
    async with db.transaction() as tx:
        await handle_batch(tx, [told("payment.succeeded", 2, uuid7())])
    await db.taken()
    batch = [told("payment.succeeded" if at % 2 else "payment.failed", 2, uuid7()) for at in range(count)]
    async with db.transaction() as tx:
        await handle_batch(tx, batch)
    assert await db.taken() == [
        repository.LOCK_ORDERS_OF_PAYMENTS,
        repository.HEAR_PAYMENTS,
        repository.READ_PAYMENT_FACTS,
        "COMMIT",
    ]
    assert await db.fetchval("SELECT count(*) FROM payments") == count + 1
    await db.close()


async def test_a_payment_heard_of_before_its_order(orders, placed):
    payment_id = uuid7()
    await hear(orders.db, told("payment.failed", 1, uuid7(), reason="payment-declined"))
    await hear(orders.db, refund(3, payment_id, 500))
    order = await placed(payment_id=payment_id)
    assert (order.refunded, payment_status_of(order)) == (gbp(500), PaymentStatus.PARTIALLY_REFUNDED)
