"""The states of an order, and each transition with the function that performs it.

docs/algorithms/orders.md draws them; a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from stoa.services.order.errors import WrongState


class Status(StrEnum):
    PENDING = "pending"
    """Made by a checkout that is still at work: stock is held, no money taken."""
    CONFIRMED = "confirmed"
    """Paid, announced, and promised its stock."""
    PROCESSING = "processing"
    """Somebody is picking and packing it, or some of it has left and some has not."""
    SHIPPED = "shipped"
    """All that is not canceled has left: it cannot be canceled any more, only returned."""
    DELIVERED = "delivered"
    """The customer has all of it."""
    CANCELED = "canceled"
    """All of it was called off before any was sent; what was paid goes back. Final."""
    RETURNED = "returned"
    """Everything that was shipped has come back. Final."""


@dataclass(frozen=True)
class Transition:
    """`by` is the function that performs it, as `module.function` of this package."""

    before: StrEnum
    after: StrEnum
    by: str


TRANSITIONS = (
    Transition(Status.PENDING, Status.CONFIRMED, by="confirm_order.confirm_orders"),
    Transition(Status.PENDING, Status.CANCELED, by="abandon_order.abandon_orders"),
    Transition(Status.PENDING, Status.CANCELED, by="cancel_order.cancel_order"),
    Transition(Status.CONFIRMED, Status.CANCELED, by="cancel_order.cancel_order"),
    Transition(Status.PROCESSING, Status.CANCELED, by="cancel_order.cancel_order"),
    Transition(Status.PROCESSING, Status.SHIPPED, by="cancel_order.cancel_order"),
    Transition(Status.PROCESSING, Status.DELIVERED, by="cancel_order.cancel_order"),
    Transition(Status.PROCESSING, Status.RETURNED, by="cancel_order.cancel_order"),
    Transition(Status.CONFIRMED, Status.PROCESSING, by="process_order.process_order"),
    Transition(Status.CONFIRMED, Status.PROCESSING, by="ship_order.ship_order"),
    Transition(Status.CONFIRMED, Status.SHIPPED, by="ship_order.ship_order"),
    Transition(Status.PROCESSING, Status.SHIPPED, by="ship_order.ship_order"),
    Transition(Status.SHIPPED, Status.DELIVERED, by="deliver_order.deliver_order"),
    Transition(Status.SHIPPED, Status.RETURNED, by="receive_return.book_return"),
    Transition(Status.DELIVERED, Status.RETURNED, by="receive_return.book_return"),
)

_ALLOWED = frozenset((each.before, each.after) for each in TRANSITIONS)


def check_returnable(status: Status, *, sent: bool) -> None:
    """Raise `WrongState` unless some of an order may come back: one in processing may have `sent` a parcel."""
    if not (sent and status is Status.PROCESSING):
        check(status, Status.RETURNED)


def check(before: Status, after: Status) -> None:
    """Raise `WrongState` unless an order may go from `before` to `after`."""
    if (before, after) not in _ALLOWED:
        raise WrongState(before, after)
