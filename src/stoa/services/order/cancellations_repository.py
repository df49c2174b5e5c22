"""The SQL of units that were called off. They are written under the lock of their order's row."""

from __future__ import annotations

from collections.abc import Sequence

from stoa.kit.db import Transaction
from stoa.services.order.refunds import CanceledLine

ADD_CANCELLATION = """
    WITH called_off AS (
        INSERT INTO cancellations (id, order_id, reason, refund_minor, actor, actor_id) VALUES ($1, $2, $3, $4, $5, $6)
    ), lines AS (
        SELECT * FROM unnest($7::text[], $8::bigint[], $9::bigint[], $10::bigint[])
            AS line (sku, quantity, net_minor, tax_minor)
    ), listed AS (
        INSERT INTO cancellation_items (cancellation_id, sku, quantity, net_minor, tax_minor)
        SELECT $1, sku, quantity, net_minor, tax_minor FROM lines
    )
    UPDATE order_items SET canceled_quantity = canceled_quantity + lines.quantity
    FROM lines WHERE order_items.order_id = $2 AND order_items.sku = lines.sku
"""


async def add_cancellation(
    tx: Transaction,
    cancellation_id: str,
    *,
    order_id: str,
    reason: str,
    refund_minor: int,
    lines: Sequence[CanceledLine],
    actor: str,
    actor_id: str,
) -> None:
    """Units of a locked order are called off, counted on its lines."""
    await tx.execute(
        ADD_CANCELLATION,
        cancellation_id,
        order_id,
        reason,
        refund_minor,
        actor,
        actor_id,
        [line.sku for line in lines],
        [line.quantity for line in lines],
        [line.net.amount for line in lines],
        [line.tax.amount for line in lines],
    )


# Not below zero: where the staff has settled it meanwhile, nothing more of it was expected.
CHANGE_REFUND_OF_CANCELLATION = """
    WITH asked AS (
        SELECT id, refund_minor FROM cancellations WHERE order_id = $1 AND id = $2 AND refund_minor <> $3
    ), changed AS (
        UPDATE cancellations SET refund_minor = $3 FROM asked WHERE cancellations.id = asked.id
    )
    UPDATE orders
    SET refund_due_minor = greatest(0, refund_due_minor + $3 - asked.refund_minor), updated_at = now(),
        version = version + 1
    FROM asked WHERE orders.id = $1
"""


async def change_refund_of_cancellation(tx: Transaction, order_id: str, cancellation_id: str, minor: int) -> None:
    """So much goes back for units of a locked order that were called off."""
    await tx.execute(CHANGE_REFUND_OF_CANCELLATION, order_id, cancellation_id, minor)
