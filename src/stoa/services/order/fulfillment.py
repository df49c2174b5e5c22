"""What of an order has left and arrived, by its units and parcels: pure rules.

docs/algorithms/orders.md lists the statuses; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from stoa.services.order.errors import GoodsToComeYet, MoreThanLeft, NotInOrder
from stoa.services.order.lines import check_once
from stoa.services.order.states import Status


class FulfillmentStatus(StrEnum):
    UNFULFILLED = "unfulfilled"
    """Nothing has left."""
    PARTIALLY_SHIPPED = "partially_shipped"
    """Some of it has left, and some is still to be sent."""
    SHIPPED = "shipped"
    """All that was not canceled has left."""
    PARTIALLY_DELIVERED = "partially_delivered"
    """All has left, and some of its parcels have arrived."""
    DELIVERED = "delivered"
    """All has left, and every parcel has arrived."""
    CANCELED = "canceled"
    """Every unit was called off."""
    RETURNED = "returned"
    """Every unit that was sent is back, and none is still to be sent."""


@dataclass(frozen=True, slots=True)
class Units:
    """Of one line: what was bought, and what became of it."""

    bought: int
    canceled: int
    shipped: int
    returned: int

    @property
    def to_ship(self) -> int:
        return self.bought - self.canceled - self.shipped


def fulfillment_status(lines: Sequence[Units], arrived: Sequence[bool]) -> FulfillmentStatus:
    """`arrived` says of each parcel whether the customer has it."""
    shipped = sum(line.shipped for line in lines)
    to_ship = sum(line.to_ship for line in lines)
    if not shipped:
        return FulfillmentStatus.UNFULFILLED if to_ship else FulfillmentStatus.CANCELED
    if to_ship:
        return FulfillmentStatus.PARTIALLY_SHIPPED
    if shipped == sum(line.returned for line in lines):
        return FulfillmentStatus.RETURNED
    if all(arrived):
        return FulfillmentStatus.DELIVERED
    return FulfillmentStatus.PARTIALLY_DELIVERED if any(arrived) else FulfillmentStatus.SHIPPED


_STATUS = {
    FulfillmentStatus.PARTIALLY_SHIPPED: Status.PROCESSING,
    FulfillmentStatus.SHIPPED: Status.SHIPPED,
    FulfillmentStatus.PARTIALLY_DELIVERED: Status.SHIPPED,
    FulfillmentStatus.DELIVERED: Status.DELIVERED,
    FulfillmentStatus.CANCELED: Status.CANCELED,
    FulfillmentStatus.RETURNED: Status.RETURNED,
}


def status_by(before: Status, fulfillment: FulfillmentStatus) -> Status:
    """The state of an order whose units are so; that of `before` while nothing of it has left."""
    return _STATUS.get(fulfillment, before)


def packed(
    lines: Mapping[str, Units], wanted: Sequence[tuple[str, int]] | None, to_come: Mapping[str, int]
) -> list[tuple[str, int]]:
    """What is in the parcel, by SKU: what is `wanted`, or all that is left to send. What is `to_come` is not on hand.

    Raises, naming the field, `NotInOrder`, `DuplicateLine` or `MoreThanLeft`; `GoodsToComeYet` names the SKUs.
    """
    if wanted is None:
        parcel = [(sku, line.to_ship) for sku, line in lines.items() if line.to_ship]
    else:
        check_units(lines, wanted)
        parcel = list(wanted)
    missing = {sku: to_come[sku] for sku, units in parcel if units > lines[sku].to_ship - to_come.get(sku, 0)}
    if missing:
        raise GoodsToComeYet(missing)
    return parcel


def check_units(lines: Mapping[str, Units], wanted: Sequence[tuple[str, int]]) -> None:
    """Raise, naming the field, `NotInOrder`, `DuplicateLine` or `MoreThanLeft` unless so much is still to be sent."""
    check_once([sku for sku, _ in wanted])
    for at, (sku, units) in enumerate(wanted):
        if sku not in lines:
            raise NotInOrder(sku, field=f"items[{at}].sku")
        if units > (left := lines[sku].to_ship):
            raise MoreThanLeft(sku, field=f"items[{at}].quantity", left=left)
