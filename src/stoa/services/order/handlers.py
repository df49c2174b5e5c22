"""When payment announces how a payment stands, remember it; when less goes back than was asked for, correct that.

By payment and not by order, in a table that nothing refers to: so it does not matter whether the order
is there yet, will never be (a declined card), or what overtook what on the way. An order shows the
payment that it names, and how that stands is kept with the order, for lists. The payment's version decides
what is newer; an older event changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from stoa.kit.db import Transaction
from stoa.kit.events import Event
from stoa.kit.money import Money
from stoa.kit.service import Handler
from stoa.services.order import repository, returns_repository, standing, timeline_repository
from stoa.services.order.cancellations_repository import change_refund_of_cancellation
from stoa.services.order.payment_status import PaymentState, PaymentTold
from stoa.services.order.timeline_repository import RefundTold


class AboutPayment(msgspec.Struct, frozen=True):
    payment_id: str


class PaymentRefunded(msgspec.Struct, frozen=True):
    """`by_hand` is None where an older version announced it."""

    payment_id: str
    refund_id: str
    amount: Money
    refunded_total: Money
    by_hand: Money | None = None


class RefundChanged(msgspec.Struct, frozen=True):
    """`source` is `cancel`, or the id of the return or of the cancellation of units."""

    order_id: str
    source: str
    amount: Money


async def handle_batch(tx: Transaction, events: Sequence[Event]) -> Sequence[Event]:
    """Remember at once how all of their payments stand, after locking their orders, and those whose refunds have
    changed: in the order of their ids and before any payment's row, as everybody does who locks both.
    """
    changed = [event for event in events if event.type == "payment.refund_changed"]
    told = [TELL[event.type](event) for event in events if event.type in TELL]
    refunded = {event.read(RefundChanged).order_id for event in changed}
    await repository.lock_orders_of_payments(tx, refunded, {each.id for each in told})
    if told:
        await _hear(tx, told)
        await timeline_repository.hear_refunds(tx, _refunds(events))
    return changed


async def payment_told(tx: Transaction, event: Event) -> None:
    told = TELL[event.type](event)
    await repository.lock_orders_of_payments(tx, [], [told.id])
    await _hear(tx, [told])
    await timeline_repository.hear_refunds(tx, _refunds([event]))


REFUNDS = {"payment.refunded": "done", "payment.refund_failed": "failed"}


def _refunds(events: Sequence[Event]) -> list[RefundTold]:
    """What became of those refunds that they tell of."""
    told = [(event, event.read(PaymentRefunded)) for event in events if event.type in REFUNDS]
    return [
        RefundTold(one.refund_id, one.payment_id, REFUNDS[event.type], one.amount.amount, event.time)
        for event, one in told
    ]


async def _hear(tx: Transaction, told: Sequence[PaymentTold]) -> None:
    await repository.hear_payments(tx, told)
    await standing.hear(tx, {each.id for each in told})


def _succeeded(event: Event) -> PaymentTold:
    return PaymentTold(event.read(AboutPayment).payment_id, event.aggregateversion, PaymentState.SUCCEEDED)


def _failed(event: Event) -> PaymentTold:
    return PaymentTold(event.read(AboutPayment).payment_id, event.aggregateversion, PaymentState.FAILED)


def _money_went_back(event: Event) -> PaymentTold:
    """Or did not: what failed by hand is not under way any more. What a return or cancellation asked for stays due."""
    heard = event.read(PaymentRefunded)
    gone = heard.refunded_total.amount
    return PaymentTold(
        heard.payment_id,
        event.aggregateversion,
        PaymentState.REFUNDED if gone else PaymentState.SUCCEEDED,
        gone,
        heard.by_hand.amount if heard.by_hand is not None else 0,
    )


TELL: Mapping[str, Callable[[Event], PaymentTold]] = {
    "payment.succeeded": _succeeded,
    "payment.failed": _failed,
    "payment.refunded": _money_went_back,
    "payment.refund_failed": _money_went_back,
}


async def refund_changed(tx: Transaction, event: Event) -> None:
    changed = event.read(RefundChanged)
    if changed.source == "cancel":
        await repository.change_refund_of_canceled(tx, changed.order_id, changed.amount.amount)
    else:
        for change in (returns_repository.change_refund_of_return, change_refund_of_cancellation):
            await change(tx, changed.order_id, changed.source, changed.amount.amount)
    await standing.keep(tx, (await repository.read_orders(tx, [changed.order_id])).values())


HANDLERS: Mapping[str, Handler] = {
    **dict.fromkeys(TELL, payment_told),
    "payment.refund_changed": refund_changed,
}
