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
from stoa.kit import clock
from stoa.kit.context import Context, current
from stoa.kit.http.decoding import converted
from stoa.kit.http.types import Count, Id, Label, Quantity, Sku
from stoa.kit.many import done, origins_of, outcome
from stoa.kit.problems import Problem
from stoa.services.inventory import repository, stock_repository
from stoa.services.inventory.allocate import Promise
from stoa.services.inventory.allocation.place import Destination, Latitude, Longitude
from stoa.services.inventory.bodies import merged
from stoa.services.inventory.count import import_stock
from stoa.services.inventory.errors import MayNotCount, NoSuchReservation
from stoa.services.inventory.holds import ReservationRequest
from stoa.services.inventory.import_on_the_way import import_on_the_way
from stoa.services.inventory.import_supply import import_supply
from stoa.services.inventory.promise import Kind
from stoa.services.inventory.release import release, release_many
from stoa.services.inventory.repair_repository import Miscount
from stoa.services.inventory.repair_stock import repair_stock
from stoa.services.inventory.reservation import Reservation
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.states import State
from stoa.services.inventory.stock_rows import SkuStock
from stoa.services.inventory.supply_messages import on_the_way_of, supply_of

Item = TypeVar("Item")
Result = TypeVar("Result")

Key = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+(?!\n)$",
        description="An idempotency key",
        examples=["phone-order-17"],
    ),
]

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


class _Destination(msgspec.Struct):
    country: Annotated[str, Meta(max_length=2)]
    region: Label
    postal_code: Annotated[str, Meta(max_length=20)]
    latitude: Latitude | None
    longitude: Longitude | None


class _Reserve(msgspec.Struct, kw_only=True):
    key: Key
    lines: Annotated[list[_Line], Meta(min_length=1, max_length=1000)]
    order_id: Id | None = None
    destination: _Destination


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
        stock = await stock_repository.stock_of_each(self._inventory.db, request.skus)
        return pb.GetStockResponse(stock=[_stock_message(one) for one in stock.values()])

    async def Reserve(self, request: pb.ReserveRequest, context: Any) -> pb.ReserveResponse:
        reserved = await self._inventory.reserving.submit(self._asked_for(request))
        return pb.ReserveResponse(reservation=_message(reserved))

    async def ReserveMany(self, request: pb.ReserveManyRequest, context: Any) -> pb.ReserveManyResponse:
        results = await _wave(self._inventory.reserving.submit_many, self._asked_for, request)
        promises = [_promises(one) if isinstance(one, Reservation) else [] for one in results]
        return pb.ReserveManyResponse(
            outcomes=[outcome(Outcome, one, done) for one in results],
            promises=[pb.Promises(promises=some) for some in promises] if any(promises) else (),
        )

    def _asked_for(self, request: pb.ReserveRequest) -> ReservationRequest:
        asked = converted(
            {
                "key": request.key,
                "lines": _plain(request.lines),
                "order_id": request.order_id or None,
                "destination": {
                    "country": request.country,
                    "region": request.region,
                    "postal_code": request.postal_code,
                    "latitude": request.latitude if request.HasField("latitude") else None,
                    "longitude": request.longitude if request.HasField("longitude") else None,
                },
            },
            _Reserve,
        )
        return ReservationRequest(
            asked.key,
            merged(asked.lines),
            self._inventory.settings.hold_seconds,
            asked.order_id and asked.order_id.lower(),
            Destination(*msgspec.structs.astuple(asked.destination)),
        )

    async def Release(self, request: pb.ReleaseRequest, context: Any) -> pb.ReleaseResponse:
        return pb.ReleaseResponse(state=_STATES[await release(self._inventory, _key(request))])

    async def ReleaseMany(self, request: pb.ReleaseManyRequest, context: Any) -> pb.ReleaseManyResponse:
        results = await _wave(partial(release_many, self._inventory), _key, request)
        return pb.ReleaseManyResponse(outcomes=[outcome(Outcome, one, done) for one in results])

    async def Allocate(self, request: pb.AllocateRequest, context: Any) -> pb.AllocateResponse:
        asked = converted({"key": request.key, "order_id": request.order_id}, _Allocate)
        promise = Promise(asked.key, asked.order_id.lower())
        return pb.AllocateResponse(reservation=_message(await self._inventory.allocating.submit(promise)))

    async def GetReservation(self, request: pb.GetReservationRequest, context: Any) -> pb.GetReservationResponse:
        found = await repository.reservation(self._inventory.db, _key(request))
        if found is None:
            raise NoSuchReservation
        fills = [
            pb.Fill(sku=fill.sku, warehouse_id=fill.warehouse_id, quantity=fill.quantity, returned=fill.returned)
            for fill in found.fills
        ]
        return pb.GetReservationResponse(reservation=_message(found), fills=fills)

    async def ImportStock(self, request: pb.ImportStockRequest, context: Any) -> pb.ImportStockResponse:
        by = current().principal
        if by is not None and not (by.may("inventory.stock.count") or by.may("inventory.stock.count_own")):
            raise MayNotCount
        lines = merged(converted({"lines": _plain(request.lines)}, _ImportStock).lines)
        added = await import_stock(self._inventory, lines)
        return pb.ImportStockResponse(added=added, already_there=len(lines) - added)

    async def ImportSupply(self, request: pb.ImportSupplyRequest, context: Any) -> pb.ImportSupplyResponse:
        await import_supply(self._inventory, supply_of(request))
        return pb.ImportSupplyResponse()

    async def ImportOnTheWay(self, request: pb.ImportOnTheWayRequest, context: Any) -> pb.ImportOnTheWayResponse:
        transfers, receipts = on_the_way_of(request, clock.now().date())
        added = await import_on_the_way(self._inventory, transfers, receipts)
        return pb.ImportOnTheWayResponse(added=added, already_there=len(transfers) + len(receipts) - added)

    async def RepairStock(self, request: pb.RepairStockRequest, context: Any) -> pb.RepairStockResponse:
        inventory = self._inventory
        done = await repair_stock(inventory.db, inventory.outbox, request.after_sku, dry_run=request.dry_run)
        return pb.RepairStockResponse(
            mended=map(_counter, done.mended),
            unmended=map(_counter, done.unmended),
            busy=map(_counter, done.busy),
            items=done.items,
            looked_at=done.looked_at,
            last_sku=done.last,
        )


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


def _key(request: pb.ReleaseRequest | pb.GetReservationRequest) -> str:
    return converted({"key": request.key}, _Key).key


def _plain(lines: Iterable[LineMessage]) -> list[dict[str, Any]]:
    return [{"sku": line.sku, "quantity": line.quantity} for line in lines]


_LATER = {Kind.SHIPS_BY: pb.LATER_SHIPS_BY, Kind.PREORDER_FROM: pb.LATER_PREORDER_FROM}


def _stock_message(stock: SkuStock) -> pb.Stock:
    message = pb.Stock(
        sku=stock.item.sku,
        on_hand=stock.on_hand,
        reserved=stock.reserved,
        available=stock.available,
        safety_stock=stock.safety_stock,
        incoming=stock.incoming,
        available_to_promise=stock.to_promise,
    )
    if stock.item.room:
        later = stock.item.later(clock.now().date())
        message.backorder = stock.item.room
        message.later = _LATER[later.kind]
        message.promised_on = later.on.isoformat()
    return message


def _counter(wrong: Miscount) -> pb.RepairStockResponse.Counter:
    return pb.RepairStockResponse.Counter(
        sku=wrong.sku, warehouse_id=wrong.warehouse_id, counter=wrong.counter, was=wrong.was, right=wrong.right
    )


def _message(reservation: Reservation) -> pb.Reservation:
    return pb.Reservation(
        id=reservation.id,
        key=reservation.key,
        state=_STATES[reservation.state],
        lines=[LineMessage(sku=sku, quantity=units) for sku, units in reservation.lines.items()],
        expires_at=reservation.expires_at.isoformat() if reservation.expires_at else "",
        owed=[LineMessage(sku=sku, quantity=units) for sku, units in sorted(reservation.still_owed.items())],
        promises=_promises(reservation),
    )


def _promises(reservation: Reservation) -> list[pb.Promise]:
    later = [(sku, reservation.later[sku]) for sku in sorted(reservation.still_owed)]
    return [pb.Promise(sku=sku, later=_LATER[one.kind], on=one.on.isoformat()) for sku, one in later]
