"""What is kept for an order that is shipped is not voided; what was given back is not kept."""

from __future__ import annotations

import asyncio

import pytest
from payment.conftest import House, gbp

from stoa.contracts.common.v1 import common_pb2
from stoa.contracts.payment.v1 import payment_pb2 as pb
from stoa.kit.ids import uuid7
from stoa.services.payment import errors
from stoa.services.payment.capture_payment import capture
from stoa.services.payment.keep_payment import keep
from stoa.services.payment.refund_payment import execute_refund, refund_by_hand
from stoa.services.payment.rpc import PaymentServicer
from stoa.services.payment.states import State
from stoa.services.payment.void_payment import void


async def test_a_kept_payment_is_not_voided_and_can_be_refunded(house: House):
    payment = await house.captured()
    kept = await keep(house.payments, payment.id)
    assert (kept.state, kept.version, kept.kept_at is None) == (State.CAPTURED, payment.version, False)
    assert (await keep(house.payments, payment.id)).kept_at == kept.kept_at
    before = await house.row(payment.key)
    with pytest.raises(errors.PaymentKept) as refused:
        await void(house.payments, payment.key, "fraud")
    assert (refused.value.status, refused.value.type) == (409, "/problems/payment-kept")
    assert await house.row(payment.key) == before
    assert "void" not in house.line.asked
    refunded = await refund_by_hand(house.payments, payment.id, "operator:ada:1", "lost", None)
    assert refunded.state is State.REFUNDED
    # It stays kept, but nobody ships it any more.
    with pytest.raises(errors.NothingToKeep):
        await keep(house.payments, payment.id)


@pytest.mark.parametrize("how", ["authorized", "voided", "undone", "refunded", "asked back"])
async def test_what_is_not_there_is_not_kept(house: House, how):
    payment = await house.authorized()
    if how == "voided":
        await void(house.payments, payment.key, "operator")
    elif how != "authorized":
        await capture(house.payments, payment.key)
    if how == "undone":
        await void(house.payments, payment.key, "operator")
    elif how == "refunded":
        await refund_by_hand(house.payments, payment.id, "operator:ada:1", "", None)
    elif how == "asked back":
        house.line.deaf = {"refund"}
        asking = asyncio.create_task(refund_by_hand(house.payments, payment.id, "operator:ada:1", "", None))
        while (await house.row(payment.key) or {})["refund_asked_minor"] == 0:
            await asyncio.sleep(0.01)
    with pytest.raises(errors.NothingToKeep) as refused:
        await keep(house.payments, payment.id)
    assert (refused.value.status, refused.value.type) == (409, "/problems/nothing-to-keep")
    assert (await house.row(payment.key) or {})["kept_at"] is None
    if how == "asked back":
        await asking


async def test_an_unknown_payment_is_not_kept(house: House):
    with pytest.raises(errors.NoSuchPayment):
        await keep(house.payments, uuid7())


async def test_a_part_that_went_back_is_no_reason(house: House):
    """And who asks hears how the payment stands."""
    payment = await house.captured()
    await refund_by_hand(house.payments, payment.id, "operator:ada:1", "", gbp(999))
    request = pb.KeepPaymentRequest(payment_id=payment.id)
    told = (await PaymentServicer(house.payments).KeepPayment(request, None)).payment
    in_pence = common_pb2.Money(amount_minor=999, currency="GBP")
    assert (told.state, told.refunded, told.by_hand, told.refund_asked) == (
        pb.PAYMENT_STATE_PARTIALLY_REFUNDED,
        in_pence,
        in_pence,
        in_pence,
    )


async def test_of_a_void_and_a_keeping_at_once_one_succeeds(house: House):
    for _ in range(30):
        payment = await house.captured()
        results = await asyncio.gather(
            keep(house.payments, payment.id), void(house.payments, payment.key, "fraud"), return_exceptions=True
        )
        refused = [result for result in results if isinstance(result, Exception)]
        assert [type(one) for one in refused] in ([errors.NothingToKeep], [errors.PaymentKept])
        row = await house.row(payment.key) or {}
        assert (row["kept_at"] is None, row["state"]) == (
            (True, "refunded") if isinstance(refused[0], errors.NothingToKeep) else (False, "captured")
        )


async def test_a_refund_that_failed_may_be_kept(house: House):
    payment = await house.captured()
    await house.db.execute("UPDATE simulator.payments SET currency = 'EUR'")
    await refund_by_hand(house.payments, payment.id, "operator:ada:1", "", None)
    refund = await house.db.fetchval("SELECT id FROM refunds")
    assert (await execute_refund(house.payments, refund)).state == "failed"
    assert (await keep(house.payments, payment.id)).kept_at is not None
