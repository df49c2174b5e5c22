"""Double entry: each movement takes from one account what it gives to another.

An account's balance is the sum of its entries. Over all accounts it is zero, always: money moves, it
does not appear.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from stoa.kit import ids
from stoa.kit.money import Money


class Account(StrEnum):
    CUSTOMER_FUNDS = "customer_funds"
    """What shoppers have let us hold or take, as a negative balance."""
    AUTHORIZED = "authorized"
    """Held for us at the provider, not ours yet."""
    CAPTURED = "captured"
    """Ours."""
    REFUNDED = "refunded"
    """Was ours and has been given back."""


class Movement(StrEnum):
    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


MOVES: dict[Movement, tuple[Account, Account]] = {
    Movement.AUTHORIZE: (Account.CUSTOMER_FUNDS, Account.AUTHORIZED),
    Movement.CAPTURE: (Account.AUTHORIZED, Account.CAPTURED),
    Movement.VOID: (Account.AUTHORIZED, Account.CUSTOMER_FUNDS),
    Movement.REFUND: (Account.CAPTURED, Account.REFUNDED),
}
"""From which account to which."""


class Entry(msgspec.Struct, frozen=True):
    transaction_id: str
    payment_id: str
    movement: Movement
    account: Account
    amount_minor: int
    currency: str


def entries(movement: Movement, payment_id: str, amount: Money) -> list[Entry]:
    """The two entries of one transaction; none where nothing moves."""
    if amount.amount == 0:
        return []
    transaction_id = ids.uuid7()
    source, target = MOVES[movement]
    return [
        Entry(transaction_id, payment_id, movement, source, -amount.amount, amount.currency),
        Entry(transaction_id, payment_id, movement, target, amount.amount, amount.currency),
    ]
