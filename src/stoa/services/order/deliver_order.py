"""The staff records that the customer has a parcel, or all that are on their way."""

from __future__ import annotations

from stoa.kit.context import Principal
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.order import access, announcements, changing, shipments_repository
from stoa.services.order.errors import ArrivedBefore, NoSuchShipment, WrongState
from stoa.services.order.repository import Order, Shipment
from stoa.services.order.service import Orders
from stoa.services.order.states import Status


async def deliver_order(
    orders: Orders, order_id: str, caller: Principal, shipment_id: str | None = None, if_match: IfMatch = ANYTHING
) -> Order:
    """The order, delivered where nothing is left to send and every parcel has arrived. `WrongState` where nothing of it
    is on its way; `NoSuchShipment`, or `ArrivedBefore` where the customer has that parcel.
    """
    async with orders.db.transaction() as tx:
        order = await access.find_locked(tx, order_id, caller, access.FULFILL, if_match=if_match)
        arrived = _on_their_way(order, shipment_id)
        await shipments_repository.mark_delivered(tx, [parcel.id for parcel in arrived])
        delivered = await changing.follow_units(tx, order, caller, actor="staff", reason="delivered")
        shipment_ids = [parcel.id for parcel in arrived]
        await access.note(tx, order, delivered.status, act="delivered", shipment_ids=shipment_ids)
        await orders.outbox.announce_all(tx, [announcements.delivered(delivered, arrived)])
        return delivered


def _on_their_way(order: Order, shipment_id: str | None) -> list[Shipment]:
    """That parcel, or all of them."""
    parcels = [parcel for parcel in order.shipments if shipment_id in {None, parcel.id}]
    if shipment_id is not None and not parcels:
        raise NoSuchShipment
    on_their_way = [parcel for parcel in parcels if parcel.delivered_at is None]
    if order.status not in {Status.PROCESSING, Status.SHIPPED} or not (on_their_way or shipment_id):
        raise WrongState(order.status, Status.DELIVERED)
    if not on_their_way:
        raise ArrivedBefore
    return on_their_way
