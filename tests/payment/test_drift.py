"""What differs, and what does not: each kind worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from payment.conftest import gbp

from stoa.ports.payment import Said, Status
from stoa.services.payment.drift import Drift, Kind, Standing, drifts_of, expected
from stoa.services.payment.ledger import Account
from stoa.services.payment.states import Payment, State

PAYMENT = Payment(
    id="p",
    key="k",
    order_id="o",
    user_id=None,
    attempt=1,
    state=State.CAPTURED,
    method="card",
    provider="simulator",
    amount=gbp(1000),
    refund_asked_minor=0,
    refunded_minor=0,
    provider_reference="r",
    decline_reason="",
    void_reason=None,
    kept_at=None,
    silent=False,
    asked_seconds_ago=0.0,
    version=1,
)
REFUNDED = replace(PAYMENT, state=State.PARTIALLY_REFUNDED, refund_asked_minor=400, refunded_minor=300)
BALANCES = {Account.CUSTOMER_FUNDS: -1000, Account.CAPTURED: 1000}


def found(payment: Payment = PAYMENT, **changes: Any) -> list[Drift]:
    given = {
        "balances": expected(payment),
        "said": Said(Status.CAPTURED, refunded_minor=payment.refunded_minor),
        "standing": Standing("confirmed", payment.left_to_refund),
        "left_of_order": payment.left_to_refund,
    }
    return drifts_of(payment, **(given | changes))


def test_where_all_say_the_same_nothing_differs():
    assert {account: minor for account, minor in expected(PAYMENT).items() if minor} == BALANCES
    assert found() == []
    assert found(REFUNDED) == []
    assert found(said=None) == []
    assert found(said=Said(Status.CAPTURED)) == []


@pytest.mark.parametrize("refunded_there", [300, 350, 400])
def test_what_is_on_its_way_may_have_arrived_there(refunded_there):
    assert found(REFUNDED, said=Said(Status.CAPTURED, refunded_minor=refunded_there)) == []


@pytest.mark.parametrize("refunded_there", [299, 401])
def test_what_was_given_back_beside_us(refunded_there):
    [drift] = found(REFUNDED, said=Said(Status.CAPTURED, refunded_minor=refunded_there))
    assert drift == Drift(Kind.PROVIDER_REFUNDS, "3.00 GBP", f"{refunded_there / 100:.2f} GBP")


@pytest.mark.parametrize(
    ("state", "agrees"),
    [
        (State.AUTHORIZED, {Status.AUTHORIZED}),
        (State.CAPTURED, {Status.CAPTURED}),
        (State.VOIDED, {Status.VOIDED, Status.DECLINED, Status.ABSENT}),
        (State.DECLINED, {Status.VOIDED, Status.DECLINED, Status.ABSENT}),
    ],
)
def test_what_the_provider_believes_of_it(state, agrees):
    payment = replace(PAYMENT, state=state)
    for status in Status:
        drifts = [] if status in agrees else [Drift(Kind.PROVIDER_STATE, state, status)]
        assert found(payment, said=Said(status)) == drifts


def test_a_ledger_that_says_something_else_says_by_which_accounts():
    wrong = {**BALANCES, Account.CAPTURED: 900, Account.REFUNDED: 100}
    assert found(balances=wrong) == [
        Drift(
            Kind.LEDGER,
            "captured: captured 10.00 GBP, refunded 0.00 GBP",
            "captured 9.00 GBP, refunded 1.00 GBP",
        )
    ]


@pytest.mark.parametrize(
    ("standing", "drift"),
    [
        (None, Drift(Kind.ORDER_MISSING, "10.00 GBP taken", "no order")),
        (Standing("pending", gbp(0)), Drift(Kind.ORDER_UNCONFIRMED, "10.00 GBP taken", "pending")),
        (Standing("canceled", gbp(0)), Drift(Kind.ORDER_KEEPS, "10.00 GBP left", "0.00 GBP kept, canceled")),
        (Standing("shipped", gbp(999)), Drift(Kind.ORDER_KEEPS, "10.00 GBP left", "9.99 GBP kept, shipped")),
    ],
)
def test_what_the_order_believes(standing, drift):
    assert found(standing=standing) == [drift]


def test_what_has_gone_back_needs_no_order():
    gone = replace(PAYMENT, state=State.REFUNDED, refund_asked_minor=1000, refunded_minor=1000)
    for standing in (None, Standing("pending", gbp(0)), Standing("canceled", gbp(0))):
        assert found(gone, standing=standing) == []


def test_an_order_may_be_paid_in_parts():
    assert found(standing=Standing("confirmed", gbp(1500)), left_of_order=gbp(1500)) == []
