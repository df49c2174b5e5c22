"""The SQL of returns. A return is changed under the lock of its order's row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from stoa.kit import ids
from stoa.kit.db import Db, Transaction
from stoa.kit.money import Money
from stoa.services.order.history import Change, change_of
from stoa.services.order.refunds import ReturnedLine
from stoa.services.order.return_states import ReturnStatus


@dataclass(frozen=True, slots=True)
class ReturnLine:
    """`quantity` was asked for. The rest is zero until the return is received: `received` units came, `restocked`
    of them can be sold again, and `net` with its `tax` is what they are worth.
    """

    sku: str
    quantity: int
    received: int
    restocked: int
    net: Money
    tax: Money


@dataclass(frozen=True, slots=True)
class Return:
    """`refund` is what goes back for it: zero until it is received, then what payment is asked for, and what it
    gives where that is less.
    """

    id: str
    order_id: str
    status: ReturnStatus
    reason: str
    lines: tuple[ReturnLine, ...]
    refund: Money
    version: int
    created_at: datetime
    updated_at: datetime


def _return(row: asyncpg.Record) -> Return:
    currency: str = row["currency"]
    lines = (
        ReturnLine(
            line["sku"],
            line["quantity"],
            line["received"],
            line["restocked"],
            Money(line["net_minor"], currency),
            Money(line["tax_minor"], currency),
        )
        for line in row["lines"]
    )
    return Return(
        id=row["id"],
        order_id=row["order_id"],
        status=ReturnStatus(row["status"]),
        reason=row["reason"],
        lines=tuple(lines),
        refund=Money(row["refund_minor"], currency),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


# Where nobody counted what came, all of it did: so older versions recorded it.
_RETURNS = """
    SELECT r.id, r.order_id, r.status, r.reason, r.refund_minor, r.version, r.created_at, r.updated_at,
           orders.currency,
           (
               SELECT json_agg(json_build_object(
                   'sku', sku, 'quantity', quantity, 'net_minor', net_minor, 'tax_minor', tax_minor,
                   'received', coalesce(received_quantity, CASE r.status WHEN 'received' THEN quantity ELSE 0 END),
                   'restocked', coalesce(restocked_quantity, CASE r.status WHEN 'received' THEN quantity ELSE 0 END)
               ) ORDER BY sku)
               FROM return_items WHERE return_items.return_id = r.id
           ) AS lines
    FROM returns AS r JOIN orders ON orders.id = r.order_id
"""

READ_RETURN = _RETURNS + "WHERE r.order_id = $1 AND r.id = $2"


async def read_return(db: Db, order_id: str, return_id: str) -> Return | None:
    row = await db.fetchrow(READ_RETURN, order_id, return_id)
    return _return(row) if row is not None else None


RETURNS_OF_ORDER = _RETURNS + "WHERE r.order_id = $1 AND r.id < $2 ORDER BY r.id DESC LIMIT $3"
# In the words of its index, as for orders.
RETURNS_IN_STATUS = (
    _RETURNS + "WHERE r.status >= $1 AND (r.status, r.id) < ($1, $2) ORDER BY r.status DESC, r.id DESC LIMIT $3"
)


async def returns_of_order(db: Db, order_id: str, before: str | None, limit: int) -> list[Return]:
    """Newest first, from after the return `before`."""
    return [_return(row) for row in await db.fetch(RETURNS_OF_ORDER, order_id, before or ids.LAST, limit)]


async def returns_in_status(db: Db, status: ReturnStatus, before: str | None, limit: int) -> list[Return]:
    """Of all orders, newest first, from after the return `before`."""
    return [_return(row) for row in await db.fetch(RETURNS_IN_STATUS, status, before or ids.LAST, limit)]


ADD_RETURN = """
    WITH asked AS (
        INSERT INTO returns (id, order_id, status, reason) VALUES ($1, $2, 'requested', $3)
    ), lines AS (
        SELECT * FROM unnest($4::text[], $5::bigint[]) AS line (sku, quantity)
    ), listed AS (
        INSERT INTO return_items (return_id, sku, quantity) SELECT $1, sku, quantity FROM lines
    ), counted AS (
        UPDATE order_items SET requested_quantity = requested_quantity + lines.quantity
        FROM lines WHERE order_items.order_id = $2 AND order_items.sku = lines.sku
    )
    INSERT INTO return_status_history (return_id, version, status, reason, actor, actor_id)
    VALUES ($1, 1, 'requested', $3, $6, $7)
"""


async def add_return(
    tx: Transaction,
    return_id: str,
    *,
    order_id: str,
    reason: str,
    lines: Sequence[tuple[str, int]],
    actor: str,
    actor_id: str,
) -> None:
    """A requested return of a locked order, counted on its lines."""
    skus = [sku for sku, _ in lines]
    quantities = [quantity for _, quantity in lines]
    await tx.execute(ADD_RETURN, return_id, order_id, reason, skus, quantities, actor, actor_id)


CHANGE_RETURN = """
    WITH changed AS (
        UPDATE returns SET status = $3, updated_at = now(), version = version + 1 WHERE id = $1
        RETURNING version
    )
    INSERT INTO return_status_history (return_id, version, from_status, status, reason, actor, actor_id)
    SELECT $1, version, $2, $3, $4, $5, $6 FROM changed
"""


async def change_return(
    tx: Transaction, asked: Return, status: ReturnStatus, *, reason: str, actor: str, actor_id: str
) -> None:
    """The return of a locked order goes to `status`, with its line of history."""
    await tx.execute(CHANGE_RETURN, asked.id, asked.status, status, reason, actor, actor_id)


FREE_UNITS = """
    UPDATE order_items SET requested_quantity = requested_quantity - asked.quantity
    FROM return_items AS asked
    WHERE asked.return_id = $1 AND order_items.order_id = $2 AND order_items.sku = asked.sku
"""


async def free_units(tx: Transaction, asked: Return) -> None:
    """What the return asked for is not asked for any more."""
    await tx.execute(FREE_UNITS, asked.id, asked.order_id)


# Lines that did not come are received with zero units. What was asked for is free again either way.
RECEIVE_RETURN = """
    WITH came AS (
        SELECT asked.sku, asked.quantity AS asked, coalesce(line.quantity, 0) AS quantity,
               coalesce(line.restock, 0) AS restock, coalesce(line.net_minor, 0) AS net_minor,
               coalesce(line.tax_minor, 0) AS tax_minor
        FROM return_items AS asked
        LEFT JOIN unnest($4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
             AS line (sku, quantity, restock, net_minor, tax_minor) ON line.sku = asked.sku
        WHERE asked.return_id = $1
    ), noted AS (
        UPDATE return_items AS item
        SET received_quantity = came.quantity, restocked_quantity = came.restock,
            net_minor = came.net_minor, tax_minor = came.tax_minor
        FROM came WHERE item.return_id = $1 AND item.sku = came.sku
    ), counted AS (
        UPDATE order_items
        SET requested_quantity = requested_quantity - came.asked, returned_quantity = returned_quantity + came.quantity
        FROM came WHERE order_items.order_id = $2 AND order_items.sku = came.sku
    ), received AS (
        UPDATE returns SET status = 'received', refund_minor = $9, updated_at = now(), version = version + 1
        WHERE id = $1
        RETURNING version
    )
    INSERT INTO return_status_history (return_id, version, from_status, status, reason, actor, actor_id)
    SELECT $1, version, $3, 'received', 'received', $10, $11 FROM received
"""


async def receive_return(
    tx: Transaction, asked: Return, came: Sequence[ReturnedLine], *, refund_minor: int, actor: str, actor_id: str
) -> None:
    """Record what came of a locked order's return, and count it on the order's lines."""
    await tx.execute(
        RECEIVE_RETURN,
        asked.id,
        asked.order_id,
        asked.status,
        [line.sku for line in came],
        [line.quantity for line in came],
        [line.restock for line in came],
        [line.net.amount for line in came],
        [line.tax.amount for line in came],
        refund_minor,
        actor,
        actor_id,
    )


READ_RETURN_HISTORY = """
    SELECT from_status, status, reason, actor, changed_at FROM return_status_history
    WHERE return_id = $1 ORDER BY version
"""


async def read_return_history(db: Db, return_id: str) -> list[Change[ReturnStatus]]:
    """Oldest first: a return passes through each state at most once, so there are few."""
    return [change_of(row, ReturnStatus) for row in await db.fetch(READ_RETURN_HISTORY, return_id)]


# Not below zero: where the staff has settled it meanwhile, nothing more of it was expected.
CHANGE_REFUND_OF_RETURN = """
    WITH asked AS (
        SELECT id, refund_minor FROM returns WHERE order_id = $1 AND id = $2 AND refund_minor <> $3
    ), changed AS (
        UPDATE returns SET refund_minor = $3, updated_at = now() FROM asked WHERE returns.id = asked.id
    )
    UPDATE orders
    SET refund_due_minor = greatest(0, refund_due_minor + $3 - asked.refund_minor), updated_at = now(),
        version = version + 1
    FROM asked WHERE orders.id = $1
"""


async def change_refund_of_return(tx: Transaction, order_id: str, return_id: str, minor: int) -> None:
    """So much goes back for a return of a locked order."""
    await tx.execute(CHANGE_REFUND_OF_RETURN, order_id, return_id, minor)
