"""The SQL of orders that are being placed: made, confirmed or abandoned, many at once, each for its checkout."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from stoa.kit.db import Db, Transaction
from stoa.services.order.new_order import NewOrder
from stoa.services.order.repository import Order, order_of, whole_of
from stoa.services.order.states import Status

# One statement and so one transaction, whatever the number of orders. A checkout that is known already
# claims nothing, and what claims nothing writes nothing. In the order of ids, so that two of these that
# share checkouts wait for each other and do not deadlock.
CREATE_ORDERS = """
    WITH wanted AS (
        SELECT * FROM jsonb_to_recordset($1::jsonb) AS wanted (
            checkout_id uuid, order_id uuid, user_id uuid, email text, currency text, subtotal_minor bigint,
            discount_minor bigint, shipping_minor bigint, tax_minor bigint, total_minor bigint, shipping_method text,
            shipping_address jsonb, billing_address jsonb, payment_id uuid, reservation_key text, custom_fields jsonb,
            metadata jsonb, items jsonb, tax_included boolean, taxes jsonb, shipping_name text, pickup boolean,
            delivery_earliest date, delivery_latest date
        )
    ), claimed AS (
        INSERT INTO checkouts (id, order_id) SELECT checkout_id, order_id FROM wanted ORDER BY checkout_id
        ON CONFLICT (id) DO NOTHING
        RETURNING id, order_id
    ), made AS (
        INSERT INTO orders (
            id, user_id, email, currency, subtotal_minor, discount_minor, shipping_minor, tax_minor, total_minor,
            shipping_method, shipping_address, billing_address, payment_id, reservation_key, custom_fields, metadata,
            tax_included, taxes, shipping_name, pickup, delivery_earliest, delivery_latest
        )
        SELECT order_id, user_id, email, currency, subtotal_minor, discount_minor, shipping_minor, tax_minor,
               total_minor, shipping_method, shipping_address, billing_address, payment_id, reservation_key,
               numbered_fields('order', nullif(custom_fields, '{}')), metadata,
               tax_included, taxes, shipping_name, pickup, delivery_earliest, delivery_latest
        FROM wanted JOIN claimed USING (order_id)
        RETURNING id, version, status
    ), listed AS (
        INSERT INTO order_items (
            order_id, product_id, sku, name, unit_price_minor, quantity, discount_minor, tax_minor, said, metadata,
            promise, promised_on, position
        )
        SELECT order_id, item.*
        FROM wanted JOIN claimed USING (order_id), ROWS FROM (
            jsonb_to_recordset(wanted.items) AS (
                product_id uuid, sku text, name text, unit_price_minor bigint, quantity bigint,
                discount_minor bigint, tax_minor bigint, said jsonb, metadata jsonb, promise text,
                promised_on date
            )
        ) WITH ORDINALITY AS item
    ), told AS (
        INSERT INTO order_status_history (order_id, version, status, reason, actor)
        SELECT id, version, status, 'checked out', 'checkout' FROM made
    )
    SELECT id, order_id FROM claimed
"""


async def create_orders(db: Db, orders: Sequence[NewOrder]) -> dict[str, str]:
    """Write the orders whose checkout is not known yet, no checkout twice among them; their ids, by checkout."""
    return {row["id"]: row["order_id"] for row in await db.fetch(CREATE_ORDERS, orders)}


@dataclass(frozen=True, slots=True)
class KnownCheckout:
    """`order_id` is None for a tombstone."""

    order_id: str | None
    abandoned: bool


READ_CHECKOUTS = "SELECT id, order_id, abandoned_at IS NOT NULL AS abandoned FROM checkouts WHERE id = ANY ($1::uuid[])"


async def read_checkouts(db: Db, checkout_ids: Sequence[str]) -> dict[str, KnownCheckout]:
    rows = await db.fetch(READ_CHECKOUTS, checkout_ids)
    return {row["id"]: KnownCheckout(row["order_id"], row["abandoned"]) for row in rows}


# In the order of ids, as CREATE_ORDERS.
ABANDON_CHECKOUTS = """
    INSERT INTO checkouts (id, abandoned_at) SELECT id, now() FROM unnest($1::uuid[]) AS given_up (id) ORDER BY id
    ON CONFLICT (id) DO NOTHING
    RETURNING id
"""


async def abandon_checkouts(tx: Transaction, checkout_ids: Sequence[str]) -> set[str]:
    """Leave a tombstone for each of those that were not known; which."""
    return {row["id"] for row in await tx.fetch(ABANDON_CHECKOUTS, checkout_ids)}


ABANDON_ORDERS = """
    WITH given_up AS MATERIALIZED (
        SELECT id, order_id, reason
        FROM unnest($1::uuid[], $2::text[]) AS given_up (id, reason) JOIN checkouts USING (id)
    ), theirs AS MATERIALIZED (
        SELECT id, status, confirmed_at FROM orders WHERE id IN (SELECT order_id FROM given_up) ORDER BY id FOR UPDATE
    ), canceled AS (
        UPDATE orders
        SET status = 'canceled', fulfillment_status = 'canceled', updated_at = now(), version = version + 1
        FROM theirs WHERE orders.id = theirs.id AND theirs.status = 'pending'
        RETURNING orders.id, version, orders.status
    ), told AS (
        INSERT INTO order_status_history (order_id, version, from_status, status, reason, actor)
        SELECT canceled.id, version, 'pending', status, reason, 'checkout'
        FROM canceled JOIN given_up ON given_up.order_id = canceled.id
    ), called_off AS (
        UPDATE order_items SET canceled_quantity = quantity FROM canceled WHERE order_items.order_id = canceled.id
    ), marked AS (
        UPDATE checkouts SET abandoned_at = now()
        FROM theirs WHERE order_id = theirs.id AND confirmed_at IS NULL AND abandoned_at IS NULL
    )
    SELECT given_up.id, status FROM given_up JOIN theirs ON theirs.id = order_id WHERE confirmed_at IS NOT NULL
"""


async def abandon_orders(tx: Transaction, reasons: Mapping[str, str]) -> dict[str, Status]:
    """Cancel the pending orders of these checkouts, and note that they were given up; but for those whose order was
    confirmed: these are answered, with what their order is.
    """
    rows = await tx.fetch(ABANDON_ORDERS, list(reasons), list(reasons.values()))
    return {row["id"]: Status(row["status"]) for row in rows}


# Which of the orders somebody else holds: those that cannot be locked without waiting. xmax is the transaction that
# locks a row.
HELD_ORDERS = """
    WITH free AS MATERIALIZED (SELECT id FROM orders WHERE id = ANY ($1::uuid[]) FOR UPDATE SKIP LOCKED)
    SELECT id, xmax::text AS holder FROM orders WHERE id = ANY ($1::uuid[]) AND id NOT IN (SELECT id FROM free)
"""


async def held_orders(db: Db, order_ids: Collection[str]) -> dict[str, str]:
    """Those that somebody else holds at this moment, each with who it is: another has another name."""
    return {row["id"]: row["holder"] for row in await db.fetch(HELD_ORDERS, list(order_ids))}


async def held_checkouts(db: Db, checkout_ids: Collection[str]) -> dict[str, str]:
    """Those whose order somebody else holds."""
    checkouts = await read_checkouts(db, list(checkout_ids))
    held = await held_orders(db, [each.order_id for each in checkouts.values() if each.order_id])
    return {key: held[each.order_id] for key, each in checkouts.items() if each.order_id in held}


# It answers with all that its caller tells of the orders, so that nothing is read that was just written.
_CONFIRM = """
    WITH pending AS (
        SELECT id FROM orders WHERE id = ANY ($1::uuid[]) AND status = 'pending' ORDER BY id FOR UPDATE
    ), confirmed AS (
        UPDATE orders
        SET status = 'confirmed', payment_status = 'paid', confirmed_at = now(), updated_at = now(),
            version = version + 1
        FROM pending WHERE orders.id = pending.id
        RETURNING orders.*
    ), told AS (
        INSERT INTO order_status_history (order_id, version, from_status, status, reason, actor)
        SELECT id, version, 'pending', status, 'paid', 'checkout' FROM confirmed
    )
    {confirmed}
"""


CONFIRM_ORDERS = _CONFIRM.format(confirmed=whole_of("confirmed"))


CONFIRMED_VERSION = 2
"""Of an order that nobody touched between its making and its confirmation."""


async def confirm_orders(tx: Transaction, order_ids: Sequence[str]) -> dict[str, Order]:
    """Those that were pending and are confirmed now, by id; their lines as they were when the statement began."""
    return {row["id"]: order_of(row) for row in await tx.fetch(CONFIRM_ORDERS, order_ids)}


REFUND_CANCELED = """
    WITH unpaid AS (
        SELECT id FROM orders
        WHERE id = ANY ($1::uuid[]) AND status = 'canceled' AND confirmed_at IS NULL
          AND NOT EXISTS (SELECT FROM checkouts WHERE order_id = orders.id AND abandoned_at IS NOT NULL)
        ORDER BY id FOR UPDATE
    )
    UPDATE orders
    SET confirmed_at = now(), refund_due_minor = total_minor, updated_at = now(), version = version + 1
    FROM unpaid WHERE orders.id = unpaid.id AND confirmed_at IS NULL
    RETURNING orders.id
"""


async def refund_canceled(tx: Transaction, order_ids: Sequence[str]) -> set[str]:
    """Those whose buyer canceled them before they were paid: they are paid now, and all of it is to go back."""
    return {row["id"] for row in await tx.fetch(REFUND_CANCELED, order_ids)}
