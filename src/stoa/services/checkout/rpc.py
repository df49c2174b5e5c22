"""What operators ask of checkout: proto/stoa/checkout/v1 says what it means."""

# ruff: noqa: N802, ARG002 - names and arguments are those of the generated class

from __future__ import annotations

from typing import Any
from uuid import UUID

from stoa.contracts.checkout.v1.checkout_pb2 import GetCheckoutRequest, GetCheckoutResponse
from stoa.contracts.checkout.v1.checkout_pb2_grpc import CheckoutServiceServicer
from stoa.services.checkout import repository
from stoa.services.checkout.errors import NoSuchCheckout
from stoa.services.checkout.service import Checkouts


class CheckoutServicer(CheckoutServiceServicer):
    def __init__(self, checkouts: Checkouts) -> None:
        self._checkouts = checkouts

    async def GetCheckout(self, request: GetCheckoutRequest, context: Any) -> GetCheckoutResponse:
        try:
            checkout_id = str(UUID(request.checkout_id))
        except ValueError:
            raise NoSuchCheckout from None
        row = await repository.by_id(self._checkouts.db, checkout_id)
        if row is None:
            raise NoSuchCheckout
        return GetCheckoutResponse(checkout_id=row.id, state=row.state, step=row.step, order_id=row.purchase.order_id)
