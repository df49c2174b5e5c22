"""Payments over REST: an owner looks, an admin acts."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from stoa.kit import problems
from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import PUBLIC, REQUIRED, SIGNED_IN, UNKEPT, Request, Routes, may
from stoa.kit.http.types import Id, Page, PageQuery, Price, ShortText
from stoa.kit.money import Money
from stoa.services.payment import drifts_routes, methods_routes, repository
from stoa.services.payment.authorize_payment import authorize_by_hand
from stoa.services.payment.capture_payment import capture_by_hand
from stoa.services.payment.errors import BadSignature, NoSuchPayment, NoSuchProvider
from stoa.services.payment.find_payment import payment_of_id, visible
from stoa.services.payment.methods_routes import Token
from stoa.services.payment.receive_webhook import receive
from stoa.services.payment.refund_payment import refund_by_hand
from stoa.services.payment.repository import NewPayment, Refund
from stoa.services.payment.service import Payments
from stoa.services.payment.states import Payment
from stoa.services.payment.void_payment import void_by_hand

routes: Routes[Payments] = Routes(
    "payment",
    about={
        "payment_id": "The payment's id",
        "provider": "The payment provider that sends it",
        "drift_id": "The drift's id",
        "method_id": "The payment method's id",
    },
)

COLLECT = may("payment.payments.collect")
GIVE_BACK = may("payment.payments.refund")
READ_LEDGER = may("payment.ledger.read")
EntryId = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class PaymentBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    method: Literal["card"]
    token: Token


class NewPaymentBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A payment outside the checkout, by an operator. `user_id` says who may see it."""

    order_id: Id
    user_id: Id | None = None
    amount: Price
    payment: PaymentBody


class VoidBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: ShortText = ""


class RefundBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without an amount all that is left goes back."""

    amount: Price | None = None
    reason: ShortText = ""


class RefundView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    source: str
    reason: str
    amount: Money
    state: str
    created_at: datetime
    done_at: datetime | None


class PaymentView(msgspec.Struct, frozen=True, kw_only=True):
    """`kept_at` is when it was decided to ship the order: the payment is not voided any more, only refunded."""

    id: str
    order_id: str | None
    attempt: int
    state: str
    method: str
    provider: str
    amount: Money
    refunded: Money
    decline_reason: str
    kept_at: datetime | None
    version: int
    refunds: list[RefundView]


class OrderQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """order_id: the order that they are to pay"""

    order_id: Id


class LedgerQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """payment_id: only the entries of this payment"""

    payment_id: Id | None = None


class LedgerEntryView(msgspec.Struct, frozen=True, kw_only=True):
    """`amount` is signed; the entries of one `transaction_id` sum to zero."""

    id: int
    transaction_id: str
    payment_id: str
    movement: str
    account: str
    amount: Money
    created_at: datetime


@routes.post(
    "/payments",
    body=NewPaymentBody,
    answer=PaymentView,
    status=201,
    raises=(problems.PaymentRequired, problems.NotFound),
    who=COLLECT,
    idempotent=REQUIRED,
    summary="Authorize a card by hand",
)
async def add_payment(payments: Payments, request: Request[NewPaymentBody]) -> PaymentView:
    """Authorizes a card for an order that has no payment; `unknown` where the provider did not answer yet."""
    body = request.body
    new = NewPayment(
        key=f"admin:{request.user_id}:{_digest(request)}",
        order_id=body.order_id.lower(),
        user_id=body.user_id.lower() if body.user_id else None,
        amount=body.amount.money,
        method=body.payment.method,
    )
    return await _view(payments, await authorize_by_hand(payments, new, body.payment.token))


@routes.get("/payments/{payment_id:uuid}", answer=PaymentView, who=SIGNED_IN, summary="One payment")
async def show_payment(payments: Payments, request: Request) -> PaymentView:
    """One of the caller's own, or any for who may read payments."""
    payment = await payment_of_id(payments, request.path["payment_id"])
    if not visible(payment, request.principal):
        raise NoSuchPayment
    return await _view(payments, payment)


@routes.get("/payments", query=OrderQuery, answer=Page[PaymentView], who=SIGNED_IN, summary="The payments of an order")
async def list_payments(payments: Payments, request: Request[None, OrderQuery]) -> Page[PaymentView]:
    """The attempts to pay an order, in their order: at most a handful, so one page."""
    found = await repository.payments_of_order(payments.db, request.query.order_id)
    return Page([await _view(payments, payment) for payment in found if visible(payment, request.principal)])


@routes.post(
    "/payments/{payment_id:uuid}/capture",
    answer=PaymentView,
    who=COLLECT,
    versioned=True,
    summary="Take the held money",
)
async def capture_payment(payments: Payments, request: Request) -> PaymentView:
    """Takes the held money. A repeat changes nothing."""
    return await _view(payments, await capture_by_hand(payments, request.path["payment_id"], request.if_match))


@routes.post(
    "/payments/{payment_id:uuid}/void",
    body=VoidBody,
    answer=PaymentView,
    who=GIVE_BACK,
    versioned=True,
    summary="Undo a payment",
)
async def void_payment(payments: Payments, request: Request[VoidBody]) -> PaymentView:
    """Undoes a payment whose order is not shipped: what is held is let go of, what was captured goes back. A repeat
    changes nothing.
    """
    reason = request.body.reason or "operator"
    return await _view(payments, await void_by_hand(payments, request.path["payment_id"], reason, request.if_match))


@routes.post(
    "/payments/{payment_id:uuid}/refund",
    body=RefundBody,
    answer=PaymentView,
    who=GIVE_BACK,
    versioned=True,
    idempotent=REQUIRED,
    summary="Give money back",
)
async def refund_payment(payments: Payments, request: Request[RefundBody]) -> PaymentView:
    """Gives back; the refund is `pending` in the answer where the provider was silent, and goes on."""
    body = request.body
    if body.amount is not None and body.amount.amount == 0:
        raise problems.Unprocessable("A refund is of at least one minor unit.", field="amount.amount")
    refunded = await refund_by_hand(
        payments,
        request.path["payment_id"],
        f"operator:{request.user_id}:{_digest(request)}",
        body.reason or "operator",
        body.amount.money if body.amount else None,
        if_match=request.if_match,
    )
    return await _view(payments, refunded)


@routes.get(
    "/payments/ledger",
    query=LedgerQuery,
    answer=Page[LedgerEntryView],
    who=READ_LEDGER,
    summary="The double-entry ledger",
)
async def show_ledger(payments: Payments, request: Request[None, LedgerQuery]) -> Page[LedgerEntryView]:
    """The double-entry ledger, oldest first, of one payment or of all."""
    query = request.query
    after = decode_key(query.cursor, tuple[EntryId])
    rows = await repository.ledger_after(payments.db, after or 0, query.payment_id, query.limit + 1)
    entries = [
        LedgerEntryView(
            id=row["id"],
            transaction_id=row["transaction_id"],
            payment_id=row["payment_id"],
            movement=row["movement"],
            account=row["account"],
            amount=Money(row["amount_minor"], row["currency"]),
            created_at=row["created_at"],
        )
        for row in rows
    ]
    return page_of(entries, query.limit, lambda entry: (entry.id,))


@routes.post(
    "/payments/webhooks/{provider}",
    body=bytes,
    raises=(BadSignature, NoSuchProvider),
    who=PUBLIC,
    idempotent=UNKEPT,
    summary="What the payment provider announces",
)
async def receive_webhook(payments: Payments, request: Request[bytes]) -> None:
    """What a provider has to say, signed as it signs: the simulator in `Stoa-Signature`. A second delivery changes
    nothing.
    """
    await receive(payments, request.path["provider"], request.headers, request.raw)


routes.include(drifts_routes.routes)
routes.include(methods_routes.routes)


def _digest(request: Request[Any]) -> str:
    """The idempotency key in a length that our columns have: cut off, two long keys could be the same."""
    return hashlib.sha256((request.idempotency_key or "").encode()).hexdigest()


async def _view(payments: Payments, payment: Payment) -> PaymentView:
    refunds = await repository.refunds_of_payment(payments.db, payment.id) if payment.refund_asked_minor else []
    return PaymentView(
        id=payment.id,
        order_id=payment.order_id,
        attempt=payment.attempt,
        state=payment.state,
        method=payment.method,
        provider=payment.provider,
        amount=payment.amount,
        refunded=payment.refunded,
        decline_reason=payment.decline_reason,
        kept_at=payment.kept_at,
        version=payment.version,
        refunds=[_refund_view(refund) for refund in refunds],
    )


def _refund_view(refund: Refund) -> RefundView:
    return RefundView(
        id=refund.id,
        source=refund.source,
        reason=refund.reason,
        amount=refund.amount,
        state=refund.state,
        created_at=refund.created_at,
        done_at=refund.done_at,
    )
