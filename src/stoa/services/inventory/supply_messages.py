"""What a message says of supply and of what is on its way, checked, as the acts take it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any

import msgspec
from google.protobuf.message import Message
from msgspec import Meta

from stoa.contracts.inventory.v1 import inventory_pb2 as pb
from stoa.kit.http.decoding import converted
from stoa.kit.http.types import Count, CountryCode, Id, Label, Name, Sku
from stoa.services.inventory.allocation.place import Place
from stoa.services.inventory.bodies import DocumentLines, WarehouseId, merged
from stoa.services.inventory.import_supply import Supply
from stoa.services.inventory.items import LeadDays, Policy
from stoa.services.inventory.policy import Terms
from stoa.services.inventory.receipt import Order
from stoa.services.inventory.transfer import Draft

Days = Annotated[int, Meta(ge=0, le=3650)]


class _Warehouse(msgspec.Struct):
    warehouse_id: WarehouseId = msgspec.field(name="id")
    name: Name
    priority: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    country: CountryCode | None = None
    region: Label = ""
    postal_code: Annotated[str, Meta(max_length=20)] = ""


class _Shelf(msgspec.Struct):
    sku: Sku
    warehouse_id: WarehouseId
    quantity: Count = 0


class _Policy(msgspec.Struct):
    sku: Sku
    policy: Policy
    limit: Count = 0
    lead_days: LeadDays | None = None
    available_on: date | None = None
    low_stock_at: Count | None = None
    safety_stock: dict[WarehouseId, Count] = {}


class _Supply(msgspec.Struct):
    warehouses: list[_Warehouse] = []
    shelves: list[_Shelf] = []
    policies: list[_Policy] = []


class _Transfer(msgspec.Struct):
    id: Id
    source: WarehouseId
    destination: WarehouseId
    lines: DocumentLines
    expected_in_days: Days = 0


class _Receipt(msgspec.Struct):
    id: Id
    supplier: Name
    warehouse_id: WarehouseId
    lines: DocumentLines
    expected_in_days: Days = 0


class _OnTheWay(msgspec.Struct):
    transfers: list[_Transfer] = []
    receipts: list[_Receipt] = []


def supply_of(request: pb.ImportSupplyRequest) -> Supply:
    """Raises `Unprocessable`."""
    said = converted(_plain(request), _Supply)
    shelves: dict[str, dict[str, int]] = {}
    for one in said.shelves:
        shelves.setdefault(one.warehouse_id, {})[one.sku] = one.quantity
    return Supply(
        [(one.name, msgspec.convert(one, Place, from_attributes=True)) for one in said.warehouses],
        shelves,
        {one.sku: msgspec.convert(one, Terms, from_attributes=True) for one in said.policies},
    )


def on_the_way_of(request: pb.ImportOnTheWayRequest, today: date) -> tuple[dict[str, Draft], dict[str, Order]]:
    """Transfers and receipts by their ids. Raises `Unprocessable`."""
    said = converted(_plain(request), _OnTheWay)

    def day(days: int) -> date:
        return today + timedelta(days=days)

    transfers = {
        one.id: Draft(one.source, one.destination, merged(one.lines), day(one.expected_in_days))
        for one in said.transfers
    }
    receipts = {
        one.id: Order(one.supplier, one.warehouse_id, merged(one.lines), day(one.expected_in_days))
        for one in said.receipts
    }
    return transfers, receipts


def _plain(message: Message) -> dict[str, Any]:
    """What is set in it; the rest is what a struct has where nothing is said."""
    return {field.name: _plain_value(value) for field, value in message.ListFields()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, Message):
        return _plain(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain_value(each) for each in value]
    return value
