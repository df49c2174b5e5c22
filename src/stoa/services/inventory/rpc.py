"""Inventory for other services: proto/stoa/inventory/v1 says what each call means."""

# ruff: noqa: N802, ARG002 - names and arguments are those of the generated class

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from stoa.contracts.common.v1.common_pb2 import Line as LineMessage
from stoa.contracts.common.v1.common_pb2 import Outcome
from stoa.contracts.inventory.v1 import inventory_pb2 as pb
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceServicer
from stoa.kit.context import Context
from stoa.kit.http.decoding import unprocessable
from stoa.kit.http.types import Count, Id, Quantity, Sku
from stoa.kit.many import done, origins_of, outcome
from stoa.kit.problems import Problem
from stoa.services.inventory import repository, stock_repository
from stoa.services.inventory.allocate import Promise
from stoa.services.inventory.count import import_stock
from stoa.services.inventory.errors import NoSuchReservation
from stoa.services.inventory.holds import ReservationRequest
from stoa.services.inventory.release import release, release_many
from stoa.services.inventory.reservation import Reservation
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.states import State

T = TypeVar("T")
Item = TypeVar("Item")
Result = TypeVar("Result")

Key = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[!-~]+(?!\n)$", description="An idempotency key")]

_STATES = {
    State.HELD: pb.RESERVATION_STATE_HELD,
    State.ALLOCATED: pb.RESERVATION_STATE_ALLOCATED,
    State.COMMITTED: pb.RESERVATION_STATE_COMMITTED,
    State.RELEASED: pb.RESERVATION_STATE_RELEASED,
    State.EXPIRED: pb.RESERVATION_STATE_EXPIRED,
}


class _Line(msgspec.Struct):
    sku: Sku
    quantity: Quantity


class _Key(msgspec.Struct):
    key: Key


class _Reserve(msgspec.Struct):
    key: Key
    lines: Annotated[list[_Line], Meta(min_length=1, max_length=1000)]
    order_id: Id | None = None


class _Allocate(msgspec.Struct):
    key: Key
    order_id: Id


class _OpeningLine(msgspec.Struct):
    sku: Sku
    quantity: Count


class _ImportStock(msgspec.Struct):
    lines: list[_OpeningLine]


class InventoryServicer(InventoryServiceServicer):
    """Requests in, problems or answers out; the work is in the acts."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    async def GetStock(self, request: pb.GetStockRequest, context: Any) -> pb.GetStockResponse:
        totals = await stock_repository.totals_of(self._inventory.db, request.skus)
        return pb.GetStockResponse(
            stock=[
                pb.Stock(sku=one.sku, on_hand=one.on_hand, reserved=one.reserved, available=one.on_hand - one.reserved)
                for one in totals
            ]
        )

    async def Reserve(self, request: pb.ReserveRequest, context: Any) -> pb.ReserveResponse:
        reserved = await self._inventory.reserving.submit(self._asked_for(request))
        return pb.ReserveResponse(reservation=_message(reserved))

    async def ReserveMany(self, request: pb.ReserveManyRequest, context: Any) -> pb.ReserveManyResponse:
        results = await _wave(self._inventory.reserving.submit_many, self._asked_for, request)
        return pb.ReserveManyResponse(outcomes=[outcome(Outcome, one, done) for one in results])

    def _asked_for(self, request: pb.ReserveRequest) -> ReservationRequest:
        asked = _read(_Reserve, key=request.key, lines=_plain(request.lines), order_id=request.order_id or None)
        order_id = asked.order_id and asked.order_id.lower()
        return ReservationRequest(asked.key, _merged(asked.lines), self._inventory.settings.hold_seconds, order_id)

    async def Release(self, request: pb.ReleaseRequest, context: Any) -> pb.ReleaseResponse:
        return pb.ReleaseResponse(state=_STATES[await release(self._inventory, _key(request))])

    async def ReleaseMany(self, request: pb.ReleaseManyRequest, context: Any) -> pb.ReleaseManyResponse:
        results = await _wave(partial(release_many, self._inventory), _key, request)
        return pb.ReleaseManyResponse(outcomes=[outcome(Outcome, one, done) for one in results])

    async def Allocate(self, request: pb.AllocateRequest, context: Any) -> pb.AllocateResponse:
        asked = _read(_Allocate, key=request.key, order_id=request.order_id)
        promise = Promise(asked.key, asked.order_id.lower())
        return pb.AllocateResponse(reservation=_message(await self._inventory.allocating.submit(promise)))

    async def GetReservation(self, request: pb.GetReservationRequest, context: Any) -> pb.GetReservationResponse:
        found = await repository.reservation(self._inventory.db, _key(request))
        if found is None:
            raise NoSuchReservation
        return pb.GetReservationResponse(reservation=_message(found))

    async def ImportStock(self, request: pb.ImportStockRequest, context: Any) -> pb.ImportStockResponse:
        lines = _merged(_read(_ImportStock, lines=_plain(request.lines)).lines)
        added = await import_stock(self._inventory, lines)
        return pb.ImportStockResponse(added=added, already_there=len(lines) - added)


async def _wave(
    act: Callable[[Sequence[Item], Sequence[Context]], Awaitable[Sequence[Result | Exception]]],
    read: Callable[[Any], Item],
    wave: pb.ReserveManyRequest | pb.ReleaseManyRequest,
) -> list[Result | Exception]:
    """What `act` answers to each request that can be read; the problem of each that cannot, in its place."""
    asked = [_or_problem(read, request) for request in wave.requests]
    origins = origins_of(wave.origins, len(asked))
    sound = [(one, origin) for one, origin in zip(asked, origins, strict=True) if not isinstance(one, Problem)]
    answers = iter(await act([one for one, _ in sound], [origin for _, origin in sound]))
    return [one if isinstance(one, Problem) else next(answers) for one in asked]


def _or_problem(read: Callable[[Any], Item], request: Any) -> Item | Problem:
    try:
        return read(request)
    except Problem as problem:
        return problem


def _read(shape: type[T], **values: Any) -> T:
    try:
        return msgspec.convert(values, shape)
    except msgspec.ValidationError as error:
        raise unprocessable(error) from None


def _key(request: pb.ReleaseRequest | pb.GetReservationRequest) -> str:
    return _read(_Key, key=request.key).key


def _plain(lines: Iterable[LineMessage]) -> list[dict[str, Any]]:
    return [{"sku": line.sku, "quantity": line.quantity} for line in lines]


def _merged(lines: Iterable[_Line] | Iterable[_OpeningLine]) -> dict[str, int]:
    """The same SKU on two lines is one request for their sum."""
    merged: dict[str, int] = {}
    for line in lines:
        merged[line.sku] = merged.get(line.sku, 0) + line.quantity
    return merged


def _message(reservation: Reservation) -> pb.Reservation:
    return pb.Reservation(
        id=reservation.id,
        key=reservation.key,
        state=_STATES[reservation.state],
        lines=[LineMessage(sku=sku, quantity=units) for sku, units in reservation.lines.items()],
        expires_at=reservation.expires_at.isoformat() if reservation.expires_at else "",
    )
