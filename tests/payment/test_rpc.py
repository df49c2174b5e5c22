"""The contract's answers and refusals, from the servicer itself."""

import pytest
from payment.conftest import House

from stoa.contracts.common.v1 import common_pb2
from stoa.contracts.payment.v1.payment_pb2 import AuthorizeRequest, GetPaymentRequest
from stoa.kit import problems
from stoa.kit.ids import uuid7
from stoa.kit.money import MOST_MINOR, Money
from stoa.services.payment.refund_payment import ask_refund, execute_refund
from stoa.services.payment.rpc import PaymentServicer


def gbp(minor: int) -> common_pb2.Money:
    return common_pb2.Money(amount_minor=minor, currency="GBP")


@pytest.mark.parametrize("amount", [-1, MOST_MINOR + 1, 2**63 - 1])
async def test_an_amount_that_is_none_is_not_asked_for(house: House, amount: int):
    request = AuthorizeRequest(key="k", order_id=uuid7(), amount=gbp(amount), method="card", token="tok_ok")
    with pytest.raises(problems.Unprocessable) as refusal:
        await PaymentServicer(house.payments).Authorize(request, None)
    assert (refusal.value.type, refusal.value.field) == ("/problems/unprocessable", "amount")
    assert await house.row("k") is None


async def test_a_payment_says_what_was_given_back_by_hand(house: House):
    """Done or under way, and not what a return or a cancellation asked for. The version says how new that is."""
    payment = await house.captured()
    servicer = PaymentServicer(house.payments)
    told = (await servicer.GetPayment(GetPaymentRequest(payment_id=payment.id), None)).payment
    assert (told.version, told.refunded.amount_minor, told.by_hand) == (payment.version, 0, gbp(0))
    for source, amount in (("operator:ada:1", 300), (uuid7(), 200)):
        async with house.db.transaction() as tx:
            refund = await ask_refund(tx, payment.id, source, "because", Money(amount, "GBP"))
        assert refund is not None
    told = (await servicer.GetPayment(GetPaymentRequest(key=payment.key), None)).payment
    assert (told.version, told.refunded.amount_minor, told.by_hand) == (payment.version + 2, 0, gbp(300))
    asked = await house.db.fetch("SELECT asked_version FROM refunds ORDER BY created_at")
    assert [row["asked_version"] for row in asked] == [payment.version + 1, payment.version + 2]
    await execute_refund(house.payments, refund.id)
    told = (await servicer.GetPayment(GetPaymentRequest(key=payment.key), None)).payment
    assert (told.version, told.refunded.amount_minor, told.by_hand) == (payment.version + 3, 200, gbp(300))
