"""The states of a return, and each transition with the function that performs it.

docs/algorithms/orders.md draws them; a test compares the two.
"""

from __future__ import annotations

from enum import StrEnum

from stoa.services.order.errors import WrongReturnState
from stoa.services.order.states import Transition


class ReturnStatus(StrEnum):
    REQUESTED = "requested"
    """Asked for: nobody has decided, and nothing has moved."""
    APPROVED = "approved"
    """The goods may be sent back."""
    REFUSED = "refused"
    """The staff said no, and why. Final."""
    CANCELED = "canceled"
    """Called off before the goods came. Final."""
    RECEIVED = "received"
    """The goods are here: what they are worth goes back, and what can be sold again is on the shelf. Final."""


TRANSITIONS = (
    Transition(ReturnStatus.REQUESTED, ReturnStatus.APPROVED, by="decide_return.approve_return"),
    Transition(ReturnStatus.REQUESTED, ReturnStatus.REFUSED, by="decide_return.refuse_return"),
    Transition(ReturnStatus.APPROVED, ReturnStatus.REFUSED, by="decide_return.refuse_return"),
    Transition(ReturnStatus.REQUESTED, ReturnStatus.CANCELED, by="cancel_return.cancel_return"),
    Transition(ReturnStatus.APPROVED, ReturnStatus.CANCELED, by="cancel_return.cancel_return"),
    Transition(ReturnStatus.REQUESTED, ReturnStatus.RECEIVED, by="receive_return.receive_return"),
    Transition(ReturnStatus.APPROVED, ReturnStatus.RECEIVED, by="receive_return.receive_return"),
)

_ALLOWED = frozenset((each.before, each.after) for each in TRANSITIONS)


def check(before: ReturnStatus, after: ReturnStatus) -> None:
    """Raise `WrongReturnState` unless a return may go from `before` to `after`."""
    if (before, after) not in _ALLOWED:
        raise WrongReturnState(before, after)
