"""The contract's answers and refusals, from the servicer itself."""

import pytest
from payment.conftest import House

from stoa.contracts.common.v1.common_pb2 import Money
from stoa.contracts.payment.v1.payment_pb2 import AuthorizeRequest
from stoa.kit import problems
from stoa.kit.ids import uuid7
from stoa.kit.money import MOST_MINOR
from stoa.services.payment.rpc import PaymentServicer


@pytest.mark.parametrize("amount", [-1, MOST_MINOR + 1, 2**63 - 1])
async def test_an_amount_that_is_none_is_not_asked_for(house: House, amount: int):
    request = AuthorizeRequest(
        key="k", order_id=uuid7(), amount=Money(amount_minor=amount, currency="GBP"), method="card", token="tok_ok"
    )
    with pytest.raises(problems.Unprocessable) as refusal:
        await PaymentServicer(house.payments).Authorize(request, None)
    assert (refusal.value.type, refusal.value.field) == ("/problems/unprocessable", "amount")
    assert await house.row("k") is None
