"""Where the ledger, the order and the provider say of a payment what its row does not: a pure rule.

Each drift says what stands here and what there, in words that whoever looks into it can compare.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from stoa.kit.money import Money
from stoa.ports.payment import Said, Status
from stoa.services.payment.ledger import Account
from stoa.services.payment.states import Payment, State


class Kind(StrEnum):
    LEDGER = "ledger"
    """The entries of the payment do not sum to what its state says."""
    PROVIDER_STATE = "provider-state"
    """The provider holds or has taken money that we believe it has not, or the other way."""
    PROVIDER_REFUNDS = "provider-refunds"
    """The provider has given back another sum than we have asked it to, as by its own dashboard."""
    ORDER_MISSING = "order-missing"
    """Money was taken, and there is no such order."""
    ORDER_UNCONFIRMED = "order-unconfirmed"
    """Money was taken for an order that its checkout has not confirmed: somebody waits."""
    ORDER_KEEPS = "order-keeps"
    """The order believes to keep another sum of what was taken than its payments have left."""


class Drift(msgspec.Struct, frozen=True):
    kind: Kind
    here: str
    there: str


class Standing(msgspec.Struct, frozen=True):
    """What the order's own service says: `kept` is what it keeps of its total."""

    status: str
    kept: Money


Balances = dict[Account, int]
"""Minor units of one payment, by account."""


def drifts_of(
    payment: Payment, *, balances: Balances, said: Said | None, standing: Standing | None, left_of_order: Money
) -> list[Drift]:
    """Of a payment that owes no answer. `said` is None where the provider is silent: nothing is known of it then.
    `left_of_order` is what all payments of its order have left."""
    found = [_ledger(payment, balances)]
    if said is not None:
        found += [_provider_state(payment, said), _provider_refunds(payment, said)]
    if payment.paid:
        found.append(_order(standing, left_of_order))
    return [drift for drift in found if drift is not None]


def expected(payment: Payment) -> Balances:
    """What the ledger has of a payment in this state."""
    whole, refunded = payment.amount.amount, payment.refunded_minor
    held = whole if payment.state in {State.AUTHORIZED, State.CAPTURE_UNKNOWN} else 0
    taken = whole if payment.paid else 0
    return {
        Account.CUSTOMER_FUNDS: -(held + taken),
        Account.AUTHORIZED: held,
        Account.CAPTURED: taken - refunded,
        Account.REFUNDED: refunded,
    }


def _ledger(payment: Payment, balances: Balances) -> Drift | None:
    wanted = expected(payment)
    wrong = [account for account in Account if balances.get(account, 0) != wanted[account]]
    if not wrong:
        return None

    def told(amounts: Balances) -> str:
        return ", ".join(f"{account} {Money(amounts.get(account, 0), payment.amount.currency)}" for account in wrong)

    return Drift(Kind.LEDGER, f"{payment.state}: {told(wanted)}", told(balances))


_THERE = {
    State.AUTHORIZED: {Status.AUTHORIZED},
    State.CAPTURED: {Status.CAPTURED},
    State.PARTIALLY_REFUNDED: {Status.CAPTURED},
    State.REFUNDED: {Status.CAPTURED},
    State.VOIDED: {Status.VOIDED, Status.DECLINED, Status.ABSENT},
    State.DECLINED: {Status.VOIDED, Status.DECLINED, Status.ABSENT},
}


def _provider_state(payment: Payment, said: Said) -> Drift | None:
    if said.status in _THERE[payment.state]:
        return None
    return Drift(Kind.PROVIDER_STATE, payment.state, said.status)


def _provider_refunds(payment: Payment, said: Said) -> Drift | None:
    """What is on its way may have arrived there and not be booked here."""
    if said.refunded_minor is None or payment.refunded_minor <= said.refunded_minor <= payment.refund_asked_minor:
        return None
    currency = payment.amount.currency
    return Drift(Kind.PROVIDER_REFUNDS, str(payment.refunded), str(Money(said.refunded_minor, currency)))


def _order(standing: Standing | None, left: Money) -> Drift | None:
    if standing is None:
        return Drift(Kind.ORDER_MISSING, f"{left} taken", "no order") if left.amount else None
    if standing.status == "pending":
        return Drift(Kind.ORDER_UNCONFIRMED, f"{left} taken", "pending") if left.amount else None
    if standing.kept == left:
        return None
    return Drift(Kind.ORDER_KEEPS, f"{left} left", f"{standing.kept} kept, {standing.status}")
