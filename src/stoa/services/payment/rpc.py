"""What the checkout asks of payment: proto/stoa/payment/v1 says what each call means."""

# ruff: noqa: N802, ARG002 - names and arguments are those of the generated class

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from stoa.contracts.common.v1 import common_pb2
from stoa.contracts.payment.v1 import payment_pb2 as pb
from stoa.contracts.payment.v1.payment_pb2_grpc import PaymentServiceServicer
from stoa.kit import problems
from stoa.kit.context import Context
from stoa.kit.ids import is_uuid
from stoa.kit.many import each, outcome
from stoa.kit.money import MOST_MINOR, Money
from stoa.services.payment import repository
from stoa.services.payment.authorize_payment import authorize, authorizing
from stoa.services.payment.capture_payment import capture, capturing
from stoa.services.payment.find_payment import payment_of_id, payment_of_key
from stoa.services.payment.keep_payment import keep
from stoa.services.payment.repository import NewPayment
from stoa.services.payment.resolve_payment import resolve
from stoa.services.payment.service import Payments
from stoa.services.payment.states import Payment, State
from stoa.services.payment.void_payment import void, voiding

_STATES = {state: pb.PaymentState.Value(f"PAYMENT_STATE_{state.upper()}") for state in State}


class PaymentServicer(PaymentServiceServicer):
    def __init__(self, payments: Payments) -> None:
        self._payments = payments

    async def Authorize(self, request: pb.AuthorizeRequest, context: Any) -> pb.AuthorizeResponse:
        payment = await authorize(self._payments, _new_payment(request), request.token, request.payment_method_id)
        return pb.AuthorizeResponse(payment=_message(payment))

    async def AuthorizeMany(self, request: pb.AuthorizeManyRequest, context: Any) -> pb.AuthorizeManyResponse:
        def begin(one: pb.AuthorizeRequest, origin: Context) -> asyncio.Task[Payment]:
            return authorizing(self._payments, _new_payment(one), one.token, origin, one.payment_method_id)

        results = await each(begin, request.requests, request.origins)
        return pb.AuthorizeManyResponse(outcomes=[outcome(pb.PaymentOutcome, one, _message) for one in results])

    async def ResolvePayment(self, request: pb.ResolvePaymentRequest, context: Any) -> pb.ResolvePaymentResponse:
        return pb.ResolvePaymentResponse(payment=_message(await resolve(self._payments, _key(request.key))))

    async def Capture(self, request: pb.CaptureRequest, context: Any) -> pb.CaptureResponse:
        return pb.CaptureResponse(payment=_message(await capture(self._payments, _key(request.key))))

    async def CaptureMany(self, request: pb.CaptureManyRequest, context: Any) -> pb.CaptureManyResponse:
        def begin(one: pb.CaptureRequest, origin: Context) -> asyncio.Task[Payment]:
            return capturing(self._payments, _key(one.key), origin)

        results = await each(begin, request.requests, request.origins)
        return pb.CaptureManyResponse(outcomes=[outcome(pb.PaymentOutcome, one, _message) for one in results])

    async def VoidPayment(self, request: pb.VoidPaymentRequest, context: Any) -> pb.VoidPaymentResponse:
        payment = await void(self._payments, _key(request.key), request.reason)
        return pb.VoidPaymentResponse(payment=_message(payment))

    async def VoidMany(self, request: pb.VoidManyRequest, context: Any) -> pb.VoidManyResponse:
        def begin(one: pb.VoidPaymentRequest, origin: Context) -> asyncio.Task[Payment]:
            return voiding(self._payments, _key(one.key), one.reason, origin)

        results = await each(begin, request.requests, request.origins)
        return pb.VoidManyResponse(outcomes=[outcome(pb.PaymentOutcome, one, _message) for one in results])

    async def KeepPayment(self, request: pb.KeepPaymentRequest, context: Any) -> pb.KeepPaymentResponse:
        payment = await keep(self._payments, _uuid(request.payment_id, "payment_id"))
        return pb.KeepPaymentResponse(payment=await self._with_by_hand(payment))

    async def GetPayment(self, request: pb.GetPaymentRequest, context: Any) -> pb.GetPaymentResponse:
        if request.payment_id:
            payment = await payment_of_id(self._payments, _uuid(request.payment_id, "payment_id"))
        else:
            payment = await payment_of_key(self._payments, _key(request.key))
        return pb.GetPaymentResponse(payment=await self._with_by_hand(payment))

    async def _with_by_hand(self, payment: Payment) -> pb.Payment:
        message = _message(payment)
        # Asked after the payment was read: newer than the version says, never older.
        by_hand = await repository.given_by_hand(self._payments.db, payment.id)
        message.by_hand.CopyFrom(_money(Money(by_hand, payment.amount.currency)))
        return message


def _new_payment(request: pb.AuthorizeRequest) -> NewPayment:
    return NewPayment(
        key=_key(request.key),
        order_id=_uuid(request.order_id, "order_id"),
        user_id=_uuid(request.user_id, "user_id") if request.user_id else None,
        amount=_amount(request.amount),
        method=request.method,
    )


def _message(payment: Payment) -> pb.Payment:
    return pb.Payment(
        id=payment.id,
        key=payment.key,
        order_id=payment.order_id or "",
        state=_STATES[payment.state],
        amount=_money(payment.amount),
        refunded=_money(payment.refunded),
        refund_asked=_money(payment.refund_asked),
        decline_reason=payment.decline_reason,
        version=payment.version,
    )


def _money(money: Money) -> common_pb2.Money:
    return common_pb2.Money(amount_minor=money.amount, currency=money.currency)


def _key(key: str) -> str:
    if not 1 <= len(key) <= 200 or "\0" in key:
        raise problems.Unprocessable("A key has 1 to 200 characters.", field="key")
    return key


def _uuid(text: str, field: str) -> str:
    if is_uuid(text):
        return text.lower()
    try:
        return str(UUID(text))
    except ValueError:
        raise problems.Unprocessable("This is not a UUID.", field=field) from None


def _amount(money: common_pb2.Money) -> Money:
    if not 0 <= money.amount_minor <= MOST_MINOR or len(money.currency) != 3 or not money.currency.isupper():
        raise problems.Unprocessable(f"An amount is 0 to {MOST_MINOR}, of an ISO 4217 currency.", field="amount")
    return Money(money.amount_minor, money.currency)
