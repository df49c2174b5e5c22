"""The SQL of an order's timeline, which is put together of all that is kept of it, and of refunds one by one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from stoa.kit.db import Db, Transaction, later
from stoa.kit.money import Money
from stoa.services.order.notes_repository import Audience
from stoa.services.order.repository import Order
from stoa.services.order.timeline import Entry, Happened

# All of one order, of which there is little.
TIMELINE = """
    SELECT at, key, kind, actor, reason, amount_minor, detail
    FROM (
        SELECT changed_at AS at, '1 ' || lpad(version::text, 9, '0') AS key, 'status' AS kind, actor, reason,
               NULL::bigint AS amount_minor, jsonb_build_object('from', from_status, 'to', status) AS detail
        FROM order_status_history WHERE order_id = $1
        UNION ALL
        SELECT shipped_at, '2 ' || id, 'parcel_sent', 'staff', '', NULL,
               jsonb_build_object(
                   'number', number, 'carrier', carrier, 'tracking_number', tracking_number, 'items', (
                       SELECT jsonb_agg(jsonb_build_array(sku, quantity) ORDER BY sku)
                       FROM shipment_items WHERE shipment_id = shipments.id
                   )
               )
        FROM shipments WHERE order_id = $1
        UNION ALL
        SELECT delivered_at, '3 ' || id, 'parcel_delivered', 'staff', '', NULL, jsonb_build_object('number', number)
        FROM shipments WHERE order_id = $1 AND delivered_at IS NOT NULL
        UNION ALL
        SELECT created_at, '4 ' || id, 'items_canceled', actor, reason, refund_minor,
               jsonb_build_object('items', (
                   SELECT jsonb_agg(jsonb_build_array(sku, quantity) ORDER BY sku)
                   FROM cancellation_items WHERE cancellation_id = cancellations.id
               ))
        FROM cancellations WHERE order_id = $1
        UNION ALL
        SELECT change.changed_at, '5 ' || returns.id || lpad(change.version::text, 9, '0'), 'return', change.actor,
               CASE WHEN change.status IN ('requested', 'refused') THEN change.reason ELSE '' END,
               CASE change.status WHEN 'received' THEN refund_minor END,
               jsonb_build_object('status', change.status, 'items', (
                   SELECT jsonb_agg(jsonb_build_array(sku, units) ORDER BY sku)
                   FROM (
                       SELECT sku, CASE change.status WHEN 'received' THEN coalesce(received_quantity, quantity)
                                   ELSE quantity END AS units
                       FROM return_items WHERE return_id = returns.id
                   ) AS line
                   WHERE units > 0
               ))
        FROM returns JOIN return_status_history AS change ON change.return_id = returns.id WHERE returns.order_id = $1
        UNION ALL
        SELECT told_at, '6 ' || refund_id || outcome, 'refund', 'payment', '', amount_minor,
               jsonb_build_object('outcome', outcome)
        FROM refunds_told WHERE payment_id = $2
        UNION ALL
        SELECT created_at, '7 ' || id, 'note', 'staff', text, NULL, jsonb_build_object('audience', audience)
        FROM order_notes WHERE order_id = $1 AND audience = ANY ($3::text[])
    ) AS entry
    WHERE (at, key) < (coalesce($4::timestamptz, 'infinity'), coalesce($5::text, ''))
    ORDER BY at DESC, key DESC LIMIT $6
"""


class Position(NamedTuple):
    at: datetime
    key: str


async def timeline_of(db: Db, order: Order, before: Position | None, limit: int, *, private: bool) -> list[Entry]:
    """Newest first; what is the shop's own only where it is to be seen."""
    audiences = [*Audience] if private else [Audience.CUSTOMER]
    rows = await db.fetch(TIMELINE, order.id, order.payment_id, audiences, *(before or (None, None)), limit)
    currency = order.total.currency
    return [
        Entry(
            row["at"],
            row["key"],
            Happened(row["kind"]),
            row["actor"],
            row["reason"],
            Money(row["amount_minor"], currency) if row["amount_minor"] is not None else None,
            row["detail"],
        )
        for row in rows
    ]


class RefundTold(NamedTuple):
    """What became of one refund."""

    refund_id: str
    payment_id: str
    outcome: str
    amount_minor: int
    told_at: datetime


HEAR_REFUNDS = """
    INSERT INTO refunds_told (refund_id, payment_id, outcome, amount_minor, told_at)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::timestamptz[])
    ON CONFLICT DO NOTHING
"""


async def hear_refunds(tx: Transaction, told: Iterable[RefundTold]) -> None:
    """Each once, whatever is told twice."""
    if rows := sorted(told):
        await later(tx, HEAR_REFUNDS, *(list(column) for column in zip(*rows, strict=True)))
