"""The states of a payment: what may follow what, what it moves, and what an answer makes of it."""

from __future__ import annotations

import itertools

import pytest

from stoa.kit.money import Money
from stoa.ports.payment import Said, Status
from stoa.services.payment import states
from stoa.services.payment.answers import fact, heard
from stoa.services.payment.errors import WrongState
from stoa.services.payment.events import PaymentFailed, PaymentSucceeded
from stoa.services.payment.ledger import MOVES, Account, Movement, entries
from stoa.services.payment.states import TRANSITIONS, Payment, State


def payment(state: State, *, refunded: int = 0, void_reason: str | None = None, silent: bool = False) -> Payment:
    return Payment(
        id="018f0000-0000-7000-8000-000000000001",
        key="key",
        order_id="018f0000-0000-7000-8000-000000000002",
        user_id=None,
        attempt=1,
        state=state,
        method="card",
        provider="simulator",
        amount=Money(1000, "GBP"),
        refund_asked_minor=refunded,
        refunded_minor=refunded,
        provider_reference="",
        decline_reason="",
        void_reason=void_reason,
        kept_at=None,
        silent=silent,
        asked_seconds_ago=0.0,
        version=7,
    )


PERFORM = {
    "states.authorized": lambda before: states.authorized(before, "ref"),
    "states.declined": lambda before: states.declined(before, "payment-declined"),
    "states.voided": states.voided,
    "states.capture_unknown": states.capture_unknown,
    "states.captured": states.captured,
    "states.refunded": lambda before: states.refunded(before, 1000),
}


@pytest.mark.parametrize(("before", "name"), list(itertools.product(State, PERFORM)))
def test_each_function_performs_its_transitions_and_refuses_all_others(before, name):
    allowed = {after for (start, after), (function, _) in TRANSITIONS.items() if (start, function) == (before, name)}
    one = payment(before)
    if not allowed:
        with pytest.raises(WrongState) as refusal:
            PERFORM[name](one)
        assert refusal.value.status == 409
        assert refusal.value.members == {"state": before}
        return
    after = PERFORM[name](one)
    assert after.state in allowed
    assert after.version == 8


def test_a_refund_in_part_and_the_rest():
    part = states.refunded(payment(State.CAPTURED), 400)
    assert (part.state, part.refunded_minor) == (State.PARTIALLY_REFUNDED, 400)
    more = states.refunded(part, 100)
    assert (more.state, more.refunded_minor) == (State.PARTIALLY_REFUNDED, 500)
    rest = states.refunded(more, 500)
    assert (rest.state, rest.refunded_minor) == (State.REFUNDED, 1000)


def test_whatever_way_a_payment_goes_the_accounts_say_where_the_money_is():
    holds = {
        State.UNKNOWN: {},
        State.DECLINED: {},
        State.VOIDED: {},
        State.AUTHORIZED: {Account.CUSTOMER_FUNDS: -1000, Account.AUTHORIZED: 1000},
        State.CAPTURE_UNKNOWN: {Account.CUSTOMER_FUNDS: -1000, Account.AUTHORIZED: 1000},
        State.CAPTURED: {Account.CUSTOMER_FUNDS: -1000, Account.CAPTURED: 1000},
        State.REFUNDED: {Account.CUSTOMER_FUNDS: -1000, Account.REFUNDED: 1000},
    }
    seen = set()
    todo = [(State.UNKNOWN, dict.fromkeys(Account, 0))]
    while todo:
        state, balances = todo.pop()
        assert {account: sum_ for account, sum_ in balances.items() if sum_} == holds[state]
        for (before, after), (_, movement) in TRANSITIONS.items():
            if before is not state or (before, after) in seen or State.PARTIALLY_REFUNDED in {before, after}:
                continue
            seen.add((before, after))
            booked = dict(balances)
            for entry in entries(movement, "p", Money(1000, "GBP")) if movement else []:
                booked[entry.account] += entry.amount_minor
            todo.append((after, booked))
    assert len(seen) == 10


@pytest.mark.parametrize("movement", Movement)
def test_a_movement_is_two_entries_that_cancel_out(movement):
    one, other = entries(movement, "p", Money(250, "GBP"))
    assert (one.account, one.amount_minor, other.account, other.amount_minor) == (
        MOVES[movement][0],
        -250,
        MOVES[movement][1],
        250,
    )
    assert one.transaction_id == other.transaction_id
    assert entries(movement, "p", Money(0, "GBP")) == []


HEARD = {
    (Status.AUTHORIZED, State.UNKNOWN): State.AUTHORIZED,
    (Status.AUTHORIZED, State.CAPTURE_UNKNOWN): State.AUTHORIZED,
    (Status.CAPTURED, State.UNKNOWN): State.AUTHORIZED,
    (Status.CAPTURED, State.AUTHORIZED): State.CAPTURED,
    (Status.CAPTURED, State.CAPTURE_UNKNOWN): State.CAPTURED,
    (Status.DECLINED, State.UNKNOWN): State.DECLINED,
    (Status.VOIDED, State.UNKNOWN): State.DECLINED,
    (Status.VOIDED, State.AUTHORIZED): State.VOIDED,
    (Status.VOIDED, State.CAPTURE_UNKNOWN): State.VOIDED,
}
IMPOSSIBLE = {(Status.CAPTURED, state) for state in (State.VOIDED, State.DECLINED)}


@pytest.mark.parametrize(("status", "state"), list(itertools.product(Status, State)))
def test_what_the_provider_says_in_each_state(status, state):
    before = payment(state)
    if (status, state) in IMPOSSIBLE:
        with pytest.raises(WrongState):
            heard(before, Said(status))
        return
    after = heard(before, Said(status, "ref", "payment-declined"))
    if (status, state) in HEARD:
        assert after.state is HEARD[status, state]
    else:
        assert after is before


def test_a_void_that_was_asked_for_is_no_time_out():
    asked = heard(payment(State.UNKNOWN, void_reason="checkout failed"), Said(Status.VOIDED))
    assert (asked.state, asked.decline_reason) == (State.VOIDED, "")
    unasked = heard(payment(State.UNKNOWN, silent=True), Said(Status.VOIDED))
    assert (unasked.state, unasked.decline_reason) == (State.DECLINED, "payment-timed-out")


def test_what_the_provider_was_never_asked_is_no_silence():
    never_asked = heard(payment(State.UNKNOWN, silent=False), Said(Status.VOIDED))
    assert (never_asked.state, never_asked.decline_reason) == (State.DECLINED, "payment-interrupted")


def test_success_and_failure_are_announced_and_nothing_else():
    told = {state: fact(payment(state)) for state in State}
    assert isinstance(told.pop(State.CAPTURED), PaymentSucceeded)
    assert isinstance(told.pop(State.DECLINED), PaymentFailed)
    assert set(told.values()) == {None}
