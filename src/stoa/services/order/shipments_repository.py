"""The SQL of parcels. They are read with their order, and written under the lock of its row."""

from __future__ import annotations

from collections.abc import Sequence

from stoa.kit.db import Transaction

ADD_SHIPMENT = """
    WITH parcel AS (
        INSERT INTO shipments (id, order_id, number, carrier, tracking_number, tracking_url, payment_version)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        RETURNING id, order_id
    ), packed AS (
        SELECT id, order_id, sku, quantity FROM parcel, unnest($8::text[], $9::bigint[]) AS item (sku, quantity)
    ), listed AS (
        INSERT INTO shipment_items (shipment_id, sku, quantity) SELECT id, sku, quantity FROM packed
    )
    UPDATE order_items SET shipped_quantity = shipped_quantity + packed.quantity
    FROM packed WHERE order_items.order_id = packed.order_id AND order_items.sku = packed.sku
"""


async def add_shipment(
    tx: Transaction,
    shipment_id: str,
    *,
    order_id: str,
    number: int,
    carrier: str,
    tracking_number: str,
    tracking_url: str | None,
    payment_version: int | None,
    items: Sequence[tuple[str, int]],
) -> None:
    """A parcel of a locked order, its units counted on the order's lines."""
    skus = [sku for sku, _ in items]
    units = [quantity for _, quantity in items]
    await tx.execute(
        ADD_SHIPMENT,
        shipment_id,
        order_id,
        number,
        carrier,
        tracking_number,
        tracking_url,
        payment_version,
        skus,
        units,
    )


MARK_DELIVERED = "UPDATE shipments SET delivered_at = now() WHERE id = ANY ($1::uuid[]) AND delivered_at IS NULL"


async def mark_delivered(tx: Transaction, shipment_ids: Sequence[str]) -> None:
    """Parcels of a locked order."""
    await tx.execute(MARK_DELIVERED, list(shipment_ids))
