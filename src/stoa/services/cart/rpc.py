"""The gRPC servicer of cart: what the checkout reads, and takes out when it is done."""

# ruff: noqa: N802, ARG002 - names and arguments are those of the generated class

from __future__ import annotations

from collections.abc import Mapping
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
from stoa.kit.many import done, each, outcome
from stoa.services.cart import access
from stoa.services.cart.document import Line
from stoa.services.cart.errors import NoSuchCart
from stoa.services.cart.said import names_for
from stoa.services.cart.service import Carts


class CartServicer(cart_pb2_grpc.CartServiceServicer):
    def __init__(self, carts: Carts) -> None:
        self._carts = carts

    async def GetCart(self, request: GetCartRequest, context: Any) -> GetCartResponse:
        caller = request.user_id or None
        cart_id = request.cart_id or caller
        if cart_id is None:
            raise NoSuchCart(field="cart_id")
        try:
            cart = await access.find(self._carts.store, cart_id, caller)
        except NoSuchCart:
            raise NoSuchCart(field="cart_id") from None
        if cart is None:
            return GetCartResponse(cart_id=cart_id)
        known = await names_for(self._carts, cart)
        lines = [_line(known, line) for line in cart.lines]
        said = cart.contact
        return GetCartResponse(
            cart_id=cart.id,
            round=cart.round,
            lines=lines,
            email=said.email or "",
            shipping_address=_address(said.shipping_address),
            billing_address=_address(said.billing_address),
        )

    async def GetMany(self, request: GetManyRequest, context: Any) -> GetManyResponse:
        results = await each(lambda one: self.GetCart(one, context), request.requests, request.origins)
        return GetManyResponse(outcomes=[outcome(CartOutcome, one, lambda cart: cart) for one in results])

    async def ClearCart(self, request: ClearCartRequest, context: Any) -> ClearCartResponse:
        bought = {line.sku: line.quantity for line in request.lines}
        await self._carts.store.end_round(request.cart_id, request.round, bought)
        return ClearCartResponse()

    async def ClearMany(self, request: ClearManyRequest, context: Any) -> ClearManyResponse:
        results = await each(lambda one: self.ClearCart(one, context), request.requests, request.origins)
        return ClearManyResponse(outcomes=[outcome(Outcome, one, done) for one in results])


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
