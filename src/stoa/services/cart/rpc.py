"""The gRPC servicer of cart: what the checkout reads, and takes out when it is done."""

# ruff: noqa: N802, ARG002 - names and arguments are those of the generated class

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from stoa.contracts.cart.v1 import cart_pb2_grpc
from stoa.contracts.cart.v1.cart_pb2 import (
    CartLine,
    CartOutcome,
    ClearCartRequest,
    ClearCartResponse,
    ClearManyRequest,
    ClearManyResponse,
    GetCartRequest,
    GetCartResponse,
    GetManyRequest,
    GetManyResponse,
)
from stoa.contracts.common.v1.common_pb2 import Address, Outcome
from stoa.kit.custom_fields.values import Known, named
from stoa.kit.many import done, outcome
from stoa.services.cart import access
from stoa.services.cart.document import Cart, Line
from stoa.services.cart.errors import NoSuchCart
from stoa.services.cart.said import names_for
from stoa.services.cart.service import Carts
from stoa.services.cart.store import Bought


class CartServicer(cart_pb2_grpc.CartServiceServicer):
    def __init__(self, carts: Carts) -> None:
        self._carts = carts

    async def GetCart(self, request: GetCartRequest, context: Any) -> GetCartResponse:
        [answer] = await self._read([request])
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def GetMany(self, request: GetManyRequest, context: Any) -> GetManyResponse:
        results = await self._read(request.requests)
        return GetManyResponse(outcomes=[outcome(CartOutcome, one, lambda cart: cart) for one in results])

    async def _read(self, requests: Sequence[GetCartRequest]) -> list[GetCartResponse | Exception]:
        """The cart of each, or why not."""
        named_carts = {cart_id for one in requests if (cart_id := one.cart_id or one.user_id)}
        carts = await self._carts.store.read_many(named_carts)
        known = await names_for(self._carts, *carts.values())
        return [_answer(carts, known, one) for one in requests]

    async def ClearCart(self, request: ClearCartRequest, context: Any) -> ClearCartResponse:
        [failure] = await self._carts.store.end_rounds([_bought(request)])
        if failure is not None:
            raise failure
        return ClearCartResponse()

    async def ClearMany(self, request: ClearManyRequest, context: Any) -> ClearManyResponse:
        results = await self._carts.store.end_rounds([_bought(one) for one in request.requests])
        return ClearManyResponse(outcomes=[outcome(Outcome, one, done) for one in results])


def _bought(request: ClearCartRequest) -> Bought:
    return Bought(request.cart_id, request.round, {line.sku: line.quantity for line in request.lines})


def _answer(carts: Mapping[str, Cart], known: Known, request: GetCartRequest) -> GetCartResponse | NoSuchCart:
    caller = request.user_id or None
    cart_id = request.cart_id or request.user_id
    try:
        cart = access.found(carts.get(cart_id), cart_id, caller)
    except NoSuchCart:
        return NoSuchCart(field="cart_id")
    if cart is None:
        return GetCartResponse(cart_id=cart_id)
    said = cart.contact
    return GetCartResponse(
        cart_id=cart.id,
        round=cart.round,
        lines=[_line(known, line) for line in cart.lines],
        email=said.email or "",
        shipping_address=_address(said.shipping_address),
        billing_address=_address(said.billing_address),
    )


def _line(known: Known, line: Line) -> CartLine:
    said = named(known, line.said.custom_fields).shown(private=False)
    return CartLine(
        sku=line.sku,
        quantity=line.quantity,
        custom_fields_json=msgspec.json.encode(said) if said else b"",
        metadata=line.said.metadata,
    )


def _address(said: Mapping[str, str] | None) -> Address | None:
    return None if said is None else Address(**said)
