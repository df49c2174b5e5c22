"""From a cart to an order over REST."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from stoa.kit import context, ids, problems, text
from stoa.kit.custom_fields.values import Metadata, Values
from stoa.kit.emails import normalized
from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import ANYONE, OWN_REQUIRED, SIGNED_IN, UNKEPT, Answer, AnswerOf, Raw, Request, Routes, may
from stoa.kit.http.types import Address, Email, Id, Page, PageQuery, Price
from stoa.kit.money import Money
from stoa.ports.destination import destination_of
from stoa.services.checkout import repository, zones_routes
from stoa.services.checkout.addresses import checked_address
from stoa.services.checkout.errors import CartEmpty, NoSuchCheckout
from stoa.services.checkout.find_promotions import PromotionsAsked, find_alone
from stoa.services.checkout.place_order import Placed, place
from stoa.services.checkout.pricing import Quote, quote
from stoa.services.checkout.promotions import Promotions
from stoa.services.checkout.purchase import Purchase
from stoa.services.checkout.read_cart import CartAsked, CartContents, read_cart
from stoa.services.checkout.repository import Checkout
from stoa.services.checkout.retry_checkout import retry
from stoa.services.checkout.service import Checkouts
from stoa.services.checkout.shipping import Offer
from stoa.services.checkout.states import State

routes: Routes[Checkouts] = Routes("checkout", about={"checkout_id": "The checkout's id"})
routes.include(zones_routes.routes)

READ = may("checkout.checkouts.read")
RETRY = may("checkout.checkouts.retry")
Method = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=text.LINE)]
Token = Annotated[
    str,
    msgspec.Meta(min_length=1, max_length=200, pattern=text.LINE, description="The provider's name for the card"),
]
Codes = Annotated[list[Annotated[str, msgspec.Meta(max_length=64, pattern=text.LINE)]], msgspec.Meta(max_length=20)]
StateName = Literal["running", "compensating", "completed", "failed", "needs_attention"]


class PaymentBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of both: `token` comes from the payment provider, a card number never comes here; `payment_method_id` is a
    card that the buyer has let the shop keep."""

    method: Literal["card"]
    token: Token | UnsetType = UNSET
    payment_method_id: Id | UnsetType = UNSET


class QuoteBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without `cart_id` the caller's own cart."""

    cart_id: Id | None = None
    shipping_method: Method
    shipping_address: Address | None = None
    coupon_codes: Codes = msgspec.field(default_factory=list)


class MethodsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without `cart_id` the caller's own cart, without an address the one that came with it."""

    cart_id: Id | None = None
    shipping_address: Address | None = None
    coupon_codes: Codes = msgspec.field(default_factory=list)


class Offers(msgspec.Struct, frozen=True):
    items: list[Offer]


class OrderBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices and totals never come from the client; `expected_total` is what it has seen, to be refused
    where it costs something else now. A guest gives `cart_id`. E-mail and addresses may have come with the cart
    (`POST /cart`); what is said here counts before that.
    """

    cart_id: Id | None = None
    email: Email | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    shipping_method: Method
    payment: PaymentBody
    coupon_codes: Codes = msgspec.field(default_factory=list)
    expected_total: Price | None = None
    custom_fields: Values | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


class CheckoutView(msgspec.Struct, frozen=True, kw_only=True):
    """`step` is the last that may have acted, or the one at which it failed; `answer_status` what the shopper got."""

    id: str
    order_id: str
    user_id: str | None
    state: str
    step: str
    attempts: int
    error: str | None
    total: Money | None
    answer_status: int | None
    created_at: datetime
    updated_at: datetime


class ListQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """state: only those in this state; `needs_attention` waits for somebody"""

    state: StateName | None = None


@routes.post(
    "/checkout/quote",
    body=QuoteBody,
    answer=Quote,
    who=ANYONE,
    idempotent=UNKEPT,
    raises=(problems.NotFound, CartEmpty),
    summary="What the cart would cost",
)
async def quote_cart(checkouts: Checkouts, request: Request[QuoteBody]) -> Quote:
    """What the cart costs now, with the trace of how each figure was worked out. Nothing is held. A code that does not
    apply is among `promotions` with its reason."""
    body = request.body
    await checkouts.neighbors.rules.check(body.shipping_method)
    cart, address = await _cart_to(checkouts, request, body)
    promotions = await _promotions_of(checkouts, request, cart, body.coupon_codes)
    return await quote(cart.items, body.shipping_method, destination_of(address), cart.rules, promotions)


@routes.post(
    "/checkout/shipping-methods",
    body=MethodsBody,
    answer=Offers,
    who=ANYONE,
    idempotent=UNKEPT,
    raises=(problems.NotFound, CartEmpty),
    summary="How the cart can be sent, and what that costs",
)
async def list_shipping_methods(checkouts: Checkouts, request: Request[MethodsBody]) -> Offers:
    """The methods of where it goes; without an address the places where it can be picked up. Why one is not offered
    stands beside it."""
    cart, address = await _cart_to(checkouts, request, request.body)
    promotions = await _promotions_of(checkouts, request, cart, request.body.coupon_codes)
    return Offers(await cart.rules.offers(cart.items, destination_of(address), promotions))


async def _promotions_of(
    checkouts: Checkouts, request: Request[Any], cart: CartContents, coupon_codes: list[str]
) -> Promotions:
    user_id = request.user_id if request.principal else None
    asked = PromotionsAsked(cart, user_id, request.groups, tuple(coupon_codes))
    return await find_alone(checkouts.db, checkouts.neighbors, asked)


async def _cart_to(
    checkouts: Checkouts, request: Request[Any], body: QuoteBody | MethodsBody
) -> tuple[CartContents, Address | None]:
    """The caller's cart, and where it goes. Raises what the address is refused for."""
    user_id = _buyer(request, body.cart_id)
    cart = await read_cart(checkouts.neighbors, CartAsked(user_id, body.cart_id, body.shipping_address, request.groups))
    return cart, _checked(body.shipping_address or cart.shipping_address, "shipping_address")


@routes.post(
    "/orders",
    body=OrderBody,
    answer=AnswerOf("order", "OrderView"),
    status=201,
    others={202: CheckoutView},
    raises=(problems.PaymentRequired, problems.NotFound),
    who=ANYONE,
    idempotent=OWN_REQUIRED,
    summary="Buy the cart",
)
async def place_order(checkouts: Checkouts, request: Request[OrderBody]) -> Raw | Answer:
    """Buys the cart. The answer is kept under the `Idempotency-Key`, also that of a refusal.

    202 where it takes long: the order is still being placed, and a repeat of the key gets its answer.
    """
    body = request.body
    key = request.idempotency_key
    assert key is not None  # the route requires it
    await checkouts.neighbors.rules.check(body.shipping_method)
    user_id = _buyer(request, body.cart_id)
    _check_card(body.payment, user_id)
    purchase = Purchase(
        checkout_id=ids.uuid7(),
        order_id=ids.uuid7(),
        user_id=user_id,
        email=normalized(body.email) if body.email else "",
        account_email=request.principal.email if request.principal else "",
        groups=request.groups,
        cart_id=body.cart_id.lower() if body.cart_id else None,
        shipping_method=body.shipping_method,
        coupon_codes=tuple(body.coupon_codes),
        shipping_address=_checked(body.shipping_address, "shipping_address"),
        billing_address=_checked(body.billing_address, "billing_address"),
        payment_method=body.payment.method,
        token=body.payment.token or "",
        payment_method_id=(body.payment.payment_method_id or "").lower(),
        expected_total=body.expected_total.money if body.expected_total else None,
        custom_fields=_said(body.custom_fields),
        metadata=_said(body.metadata),
        traceparent=context.current().traceparent,
        request_id=context.current().request_id,
    )
    # A guest has no name of its own but the cart, which nobody else can guess.
    scope = f"user:{user_id}" if user_id else f"cart:{purchase.cart_id}"
    body_hash = hashlib.sha256(msgspec.json.encode(body)).digest()
    placed = await place(checkouts, scope, key, body_hash, purchase)
    return await _answer(checkouts, placed, key)


@routes.get("/checkouts/{checkout_id:uuid}", answer=CheckoutView, who=SIGNED_IN, summary="How far a checkout is")
async def show_checkout(checkouts: Checkouts, request: Request) -> CheckoutView:
    """How far it is: one of the caller's own, or any for who may read checkouts."""
    assert request.principal is not None
    row = await _found(checkouts, request.path["checkout_id"])
    if row.purchase.user_id != request.user_id and not request.principal.may("checkout.checkouts.read"):
        raise NoSuchCheckout
    return _view(row)


@routes.get("/checkouts", query=ListQuery, answer=Page[CheckoutView], who=READ, summary="Checkouts of everybody")
async def list_checkouts(checkouts: Checkouts, request: Request[None, ListQuery]) -> Page[CheckoutView]:
    """Oldest first; `state=needs_attention` is what waits for a person."""
    query = request.query
    after = decode_key(query.cursor, tuple[Id])
    state = State(query.state) if query.state else None
    rows = await repository.in_state_after(checkouts.db, state, after, query.limit + 1)
    return page_of([_view(row) for row in rows], query.limit, lambda view: (view.id,))


@routes.post(
    "/checkouts/{checkout_id:uuid}/retry",
    answer=CheckoutView,
    status=202,
    who=RETRY,
    summary="Send a checkout on its way again",
)
async def retry_checkout(checkouts: Checkouts, request: Request) -> CheckoutView:
    """Sends a checkout that needs attention on its way again, in the direction in which it went."""
    return _view(await retry(checkouts, request.path["checkout_id"]))


def _said(sent: dict[str, Any] | UnsetType) -> dict[str, Any]:
    """Of an order that is not there yet, null takes nothing away."""
    return {} if sent is UNSET else {name: value for name, value in sent.items() if value is not None}


def _checked(address: Address | None, field: str) -> Address | None:
    return checked_address(address, field) if address else None


def _check_card(payment: PaymentBody, user_id: str | None) -> None:
    """Raises `Unprocessable` unless it names one card, and a guest none that is kept."""
    if (payment.token is UNSET) == (payment.payment_method_id is UNSET):
        raise problems.Unprocessable("Give a token, or the id of a card that is kept.", field="payment.token")
    if payment.payment_method_id is not UNSET and user_id is None:
        raise problems.Unprocessable("A guest has no cards here: give a token.", field="payment.payment_method_id")


def _buyer(request: Request[Any, Any], cart_id: str | None) -> str | None:
    """The user's id; None for a guest, who has to name the cart."""
    if request.principal is not None:
        return request.user_id
    if cart_id is None:
        raise problems.Unprocessable("Sign in, or say which guest cart it is.", field="cart_id")
    return None


async def _answer(checkouts: Checkouts, placed: Placed, key: str) -> Raw | Answer:
    headers = {"Idempotent-Replay": "true"} if placed.replayed else {}
    if placed.answer is None:
        headers |= {"Location": f"/api/v1/checkouts/{placed.checkout_id}", "Idempotency-Key": key}
        return Answer(202, _view(await _found(checkouts, placed.checkout_id)), headers)
    if placed.answer.status == 201:
        headers["Location"] = f"/api/v1/orders/{placed.order_id}"
    kind = "application/json" if placed.answer.status < 400 else problems.CONTENT_TYPE
    return Raw(placed.answer.body, kind, placed.answer.status, headers)


async def _found(checkouts: Checkouts, checkout_id: str) -> Checkout:
    row = await repository.by_id(checkouts.db, checkout_id)
    if row is None:
        raise NoSuchCheckout
    return row


def _view(row: Checkout) -> CheckoutView:
    purchase = row.purchase
    return CheckoutView(
        id=row.id,
        order_id=purchase.order_id,
        user_id=purchase.user_id,
        state=row.state,
        step=row.step,
        attempts=row.attempts,
        error=row.error,
        total=purchase.quote.total if purchase.quote else None,
        answer_status=purchase.answer.status if purchase.answer else None,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
