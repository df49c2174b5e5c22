"""Cards that customers let the shop keep, over REST."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from stoa.kit import problems, text
from stoa.kit.http.routes import OWNER, Request, Routes
from stoa.kit.http.types import Page
from stoa.services.payment import methods_repository
from stoa.services.payment.errors import CardsNotKept, NoSuchPaymentMethod, TooManyPaymentMethods
from stoa.services.payment.keep_card import forget_card, keep_card, make_default
from stoa.services.payment.methods_repository import PaymentMethod
from stoa.services.payment.service import Payments

routes: Routes[Payments] = Routes("payment")

Token = Annotated[
    str,
    msgspec.Meta(min_length=1, max_length=200, pattern=text.LINE, description="The provider's name for the card"),
]


class NewMethod(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`token` comes from the payment provider: a card number never comes here. The first card is the default one."""

    token: Token
    is_default: bool = False


class MethodView(msgspec.Struct, frozen=True, kw_only=True):
    """What a shopper knows a card by; `expires` is its month, as `2029-05`, or empty."""

    id: str
    provider: str
    brand: str
    last4: str
    expires: str
    is_default: bool
    created_at: datetime


@routes.get("/payments/methods", answer=Page[MethodView], who=OWNER, summary="My cards")
async def list_payment_methods(payments: Payments, request: Request) -> Page[MethodView]:
    """The oldest first: at most a handful, so one page."""
    return Page([_view(one) for one in await methods_repository.of_user(payments.db, request.user_id)])


@routes.post(
    "/payments/methods",
    body=NewMethod,
    answer=MethodView,
    status=201,
    who=OWNER,
    raises=(CardsNotKept, TooManyPaymentMethods, problems.Unavailable),
    summary="Have a card kept",
)
async def add_payment_method(payments: Payments, request: Request[NewMethod]) -> MethodView:
    """An order names it then by `payment.payment_method_id`. A repeat keeps it once."""
    body = request.body
    return _view(await keep_card(payments, request.user_id, body.token, is_default=body.is_default))


@routes.put(
    "/payments/methods/{method_id:uuid}/default",
    answer=MethodView,
    who=OWNER,
    raises=(NoSuchPaymentMethod,),
    summary="Suggest this card first",
)
async def make_payment_method_default(payments: Payments, request: Request) -> MethodView:
    return _view(await make_default(payments, request.user_id, request.path["method_id"]))


@routes.delete("/payments/methods/{method_id:uuid}", who=OWNER, summary="Forget a card")
async def forget_payment_method(payments: Payments, request: Request) -> None:
    """Nobody pays by it from now on, and the provider is told to keep it no more."""
    await forget_card(payments, request.user_id, request.path["method_id"])


def _view(one: PaymentMethod) -> MethodView:
    return MethodView(
        id=one.id,
        provider=one.provider,
        brand=one.brand,
        last4=one.last4,
        expires=one.expires,
        is_default=one.is_default,
        created_at=one.created_at,
    )
