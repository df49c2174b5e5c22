"""All SQL of order but that of returns, which is in `returns_repository`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

import asyncpg

from stoa.kit import ids
from stoa.kit.custom_fields.values import NOTHING, Fields, Value, fields_of
from stoa.kit.db import Db, Transaction, later
from stoa.kit.money import Money
from stoa.services.order.history import Change, change_of
from stoa.services.order.new_order import NewOrder
from stoa.services.order.payment_status import PaymentState, PaymentTold, left
from stoa.services.order.refunds import BoughtLine
from stoa.services.order.states import Status


@dataclass(frozen=True, slots=True)
class Item:
    """`discount` and `tax` are this line's share of the order's; `said` is what the cart's line said for its fields."""

    product_id: str
    sku: str
    name: str
    unit_price: Money
    quantity: int
    discount: Money
    tax: Money
    returned_quantity: int
    requested_quantity: int
    said: Mapping[str, Value] = field(default_factory=dict)
    custom_fields: Fields = NOTHING
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def subtotal(self) -> Money:
        return self.unit_price * self.quantity

    @property
    def bought(self) -> BoughtLine:
        return BoughtLine(
            self.sku,
            self.quantity,
            self.returned_quantity,
            self.requested_quantity,
            self.subtotal - self.discount,
            self.tax,
        )


@dataclass(frozen=True, slots=True)
class Shipment:
    carrier: str
    tracking_number: str
    shipped_at: datetime
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Order:
    """`confirmed_at` is when it was paid; `payment_told`, `refunded` and what staff gave back `by_hand` are what
    payment said last. `refund_due` is what payment is to give back, without what staff has `settled` otherwise.
    """

    id: str
    number: str
    user_id: str | None
    email: str
    status: Status
    items: tuple[Item, ...]
    subtotal: Money
    discount: Money
    shipping: Money
    tax: Money
    total: Money
    shipping_method: str
    shipping_address: dict[str, str]
    billing_address: dict[str, str]
    payment_id: str | None
    payment_told: PaymentState | None
    reservation_key: str
    refund_due: Money
    settled: Money
    refunded: Money
    by_hand: Money
    shipment: Shipment | None
    confirmed_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime
    custom_fields: Fields = NOTHING
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def left(self) -> Money:
        return left(total=self.total, refund_due=self.refund_due, refunded=self.refunded, by_hand=self.by_hand)


def _order(row: asyncpg.Record) -> Order:
    currency: str = row["currency"]
    items = tuple(_item(item, currency) for item in row["items"])
    shipment = None
    if row["carrier"] is not None:
        shipment = Shipment(row["carrier"], row["tracking_number"], row["shipped_at"], row["delivered_at"])
    return Order(
        id=row["id"],
        number=row["number"],
        user_id=row["user_id"],
        email=row["email"],
        status=Status(row["status"]),
        items=items,
        subtotal=Money(row["subtotal_minor"], currency),
        discount=Money(row["discount_minor"], currency),
        shipping=Money(row["shipping_minor"], currency),
        tax=Money(row["tax_minor"], currency),
        total=Money(row["total_minor"], currency),
        shipping_method=row["shipping_method"],
        shipping_address=row["shipping_address"],
        billing_address=row["billing_address"],
        payment_id=row["payment_id"],
        payment_told=PaymentState(row["payment_told"]) if row["payment_told"] is not None else None,
        reservation_key=row["reservation_key"],
        refund_due=Money(row["refund_due_minor"], currency),
        settled=Money(row["settled_minor"], currency),
        refunded=Money(row["refunded_minor"], currency),
        by_hand=Money(row["by_hand_minor"], currency),
        shipment=shipment,
        confirmed_at=row["confirmed_at"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        custom_fields=fields_of(row["custom_fields"]),
        metadata=row["metadata"],
    )


def _item(row: dict[str, Any], currency: str) -> Item:
    return Item(
        product_id=row["product_id"],
        sku=row["sku"],
        name=row["name"],
        unit_price=Money(row["unit_price_minor"], currency),
        quantity=row["quantity"],
        discount=Money(row["discount_minor"], currency),
        tax=Money(row["tax_minor"], currency),
        returned_quantity=row["returned_quantity"],
        requested_quantity=row["requested_quantity"],
        said=row["said"],
        custom_fields=fields_of(row["named"]),
        metadata=row["metadata"],
    )


# The whole of an order in one row, so that it is of one moment. A page of orders is one statement too.
_WHOLE = """
    SELECT o.id, o.number, o.user_id, o.email, o.status, o.currency, o.subtotal_minor, o.discount_minor,
           o.shipping_minor, o.tax_minor, o.total_minor, o.shipping_method, o.shipping_address, o.billing_address,
           o.payment_id, o.reservation_key, o.refund_due_minor, o.settled_minor, o.confirmed_at, o.version,
           o.created_at, named_fields(o.custom_fields) AS custom_fields, o.metadata,
           greatest(o.updated_at, payments.updated_at) AS updated_at,
           payments.state AS payment_told, coalesce(payments.refunded_minor, 0) AS refunded_minor,
           coalesce(payments.by_hand_minor, 0) AS by_hand_minor,
           shipments.carrier, shipments.tracking_number, shipments.shipped_at, shipments.delivered_at,
           (
               SELECT json_agg(item ORDER BY position)
               FROM (
                   SELECT *, named_fields(custom_fields) AS named FROM order_items WHERE order_items.order_id = o.id
               ) AS item
           ) AS items
    FROM {orders} AS o
    LEFT JOIN payments ON payments.id = o.payment_id
    LEFT JOIN shipments ON shipments.order_id = o.id
"""
_ORDERS = _WHOLE.format(orders="orders")


READ_ORDERS = _ORDERS + "WHERE o.id = ANY ($1::uuid[])"


async def read_orders(db: Db, order_ids: Sequence[str]) -> dict[str, Order]:
    """Those of the orders that are there, by id."""
    return {row["id"]: _order(row) for row in await db.fetch(READ_ORDERS, order_ids)}


async def read_order(db: Db, order_id: str) -> Order | None:
    return (await read_orders(db, [order_id])).get(order_id)


# Of those with one value of one custom field: the list that is kept of them has the order, and only a page is read.
_LISTED = """
    JOIN (
        SELECT subject FROM custom_field_values
        WHERE field = $1 AND value = $2 AND standing = '' AND subject < $3 ORDER BY subject DESC LIMIT $4
    ) AS listed ON listed.subject = o.id
    ORDER BY o.id DESC
"""
ORDERS_WITH_VALUE = _ORDERS + _LISTED


async def list_orders_with(db: Db, number: int, value: str, *, before: str | None, limit: int) -> list[Order]:
    """Newest first, of all with this value of the custom field of this number."""
    return [_order(row) for row in await db.fetch(ORDERS_WITH_VALUE, number, value, before or ids.LAST, limit)]


class ListOf(NamedTuple):
    """A page of a user's orders, newest first, from after the order `before`; with a status only those that have it."""

    user_id: str
    before: str
    status: Status | None
    limit: int


USERS_ORDERS = f"""
    SELECT asked.place, page.*
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[])
        WITH ORDINALITY AS asked (user_id, before, status, most, place)
    CROSS JOIN LATERAL (
        {_ORDERS}
        WHERE o.user_id = asked.user_id AND o.id < asked.before AND (asked.status IS NULL OR o.status = asked.status)
        ORDER BY o.id DESC LIMIT asked.most
    ) AS page
    ORDER BY asked.place, page.id DESC
"""  # noqa: S608 - both parts stand in this file


async def list_orders_of_users(db: Db, asked: Collection[ListOf]) -> dict[ListOf, list[Order]]:
    """Each of the pages."""
    lists = list(asked)
    found: dict[ListOf, list[Order]] = {each: [] for each in lists}
    for row in await db.fetch(USERS_ORDERS, *map(list, zip(*lists, strict=True))):
        found[lists[row["place"] - 1]].append(_order(row))
    return found


# Two statements and not one with an optional filter: each walks its own index, newest first.
# In the words of its index: of a status that few have PostgreSQL would else read the orders of all, whoever asks.
ORDERS_IN_STATUS = (
    _ORDERS + "WHERE o.status >= $1 AND (o.status, o.id) < ($1, $2) ORDER BY o.status DESC, o.id DESC LIMIT $3"
)
ALL_ORDERS = _ORDERS + "WHERE o.id < $1 ORDER BY o.id DESC LIMIT $2"


async def list_orders(db: Db, *, status: Status | None, before: str, limit: int) -> list[Order]:
    """Newest first, of all, from after the order `before`."""
    if status is not None:
        rows = await db.fetch(ORDERS_IN_STATUS, status, before, limit)
    else:
        rows = await db.fetch(ALL_ORDERS, before, limit)
    return [_order(row) for row in rows]


# One statement and so one transaction, whatever the number of orders. A checkout that is known already
# claims nothing, and what claims nothing writes nothing. In the order of ids, so that two of these that
# share checkouts wait for each other and do not deadlock.
CREATE_ORDERS = """
    WITH wanted AS (
        SELECT * FROM jsonb_to_recordset($1::jsonb) AS wanted (
            checkout_id uuid, order_id uuid, user_id uuid, email text, currency text, subtotal_minor bigint,
            discount_minor bigint, shipping_minor bigint, tax_minor bigint, total_minor bigint, shipping_method text,
            shipping_address jsonb, billing_address jsonb, payment_id uuid, reservation_key text, custom_fields jsonb,
            metadata jsonb, items jsonb
        )
    ), claimed AS (
        INSERT INTO checkouts (id, order_id) SELECT checkout_id, order_id FROM wanted ORDER BY checkout_id
        ON CONFLICT (id) DO NOTHING
        RETURNING id, order_id
    ), made AS (
        INSERT INTO orders (
            id, user_id, email, currency, subtotal_minor, discount_minor, shipping_minor, tax_minor, total_minor,
            shipping_method, shipping_address, billing_address, payment_id, reservation_key, custom_fields, metadata
        )
        SELECT order_id, user_id, email, currency, subtotal_minor, discount_minor, shipping_minor, tax_minor,
               total_minor, shipping_method, shipping_address, billing_address, payment_id, reservation_key,
               numbered_fields('order', nullif(custom_fields, '{}')), metadata
        FROM wanted JOIN claimed USING (order_id)
        RETURNING id, version, status
    ), listed AS (
        INSERT INTO order_items (
            order_id, product_id, sku, name, unit_price_minor, quantity, discount_minor, tax_minor, said, metadata,
            position
        )
        SELECT order_id, item.*
        FROM wanted JOIN claimed USING (order_id), ROWS FROM (
            jsonb_to_recordset(wanted.items) AS (
                product_id uuid, sku text, name text, unit_price_minor bigint, quantity bigint,
                discount_minor bigint, tax_minor bigint, said jsonb, metadata jsonb
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
class Checkout:
    """`order_id` is None for a tombstone."""

    order_id: str | None
    abandoned: bool


READ_CHECKOUTS = "SELECT id, order_id, abandoned_at IS NOT NULL AS abandoned FROM checkouts WHERE id = ANY ($1::uuid[])"


async def read_checkouts(db: Db, checkout_ids: Sequence[str]) -> dict[str, Checkout]:
    rows = await db.fetch(READ_CHECKOUTS, checkout_ids)
    return {row["id"]: Checkout(row["order_id"], row["abandoned"]) for row in rows}


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
        UPDATE orders SET status = 'canceled', updated_at = now(), version = version + 1
        FROM theirs WHERE orders.id = theirs.id AND theirs.status = 'pending'
        RETURNING orders.id, version, orders.status
    ), told AS (
        INSERT INTO order_status_history (order_id, version, from_status, status, reason, actor)
        SELECT canceled.id, version, 'pending', status, reason, 'checkout'
        FROM canceled JOIN given_up ON given_up.order_id = canceled.id
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


# Apart from reading: a statement that waits for this lock would still see the order of before the wait.
LOCK_ORDER = "SELECT id FROM orders WHERE id = $1 FOR UPDATE"


async def lock_order(tx: Transaction, order_id: str) -> bool:
    """Whether it is there; then nobody else can change it until the transaction ends."""
    return await tx.fetchval(LOCK_ORDER, order_id) is not None


LOCK_ORDERS = "SELECT id FROM orders WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE"


async def lock_orders(tx: Transaction, order_ids: Collection[str]) -> None:
    await tx.execute(LOCK_ORDERS, list(order_ids))


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
        UPDATE orders SET status = 'confirmed', confirmed_at = now(), updated_at = now(), version = version + 1
        FROM pending WHERE orders.id = pending.id AND status = 'pending'
        RETURNING orders.*
    ), told AS (
        INSERT INTO order_status_history (order_id, version, from_status, status, reason, actor)
        SELECT id, version, 'pending', status, 'paid', 'checkout' FROM confirmed
    )
    {confirmed}
"""
CONFIRM_ORDERS = _CONFIRM.format(confirmed=_WHOLE.format(orders="confirmed"))
CONFIRMED_VERSION = 2
"""Of an order that nobody touched between its making and its confirmation."""


async def confirm_orders(tx: Transaction, order_ids: Sequence[str]) -> dict[str, Order]:
    """Those that were pending and are confirmed now, by id; their lines as they were when the statement began."""
    return {row["id"]: _order(row) for row in await tx.fetch(CONFIRM_ORDERS, order_ids)}


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


CHANGE_STATUS = """
    WITH changed AS (
        UPDATE orders
        SET status = $3, refund_due_minor = refund_due_minor + $4, updated_at = now(), version = version + 1
        WHERE id = $1
        RETURNING id, version, status
    )
    INSERT INTO order_status_history (order_id, version, from_status, status, reason, actor, actor_id)
    SELECT id, version, $2, status, $5, $6, $7 FROM changed
"""


async def change_status(
    tx: Transaction,
    order: Order,
    status: Status,
    *,
    reason: str,
    actor: str,
    actor_id: str | None,
    refund_minor: int = 0,
) -> None:
    """The locked `order` goes to `status`, with its line of history; `refund_minor` more is to go back."""
    await tx.execute(CHANGE_STATUS, order.id, order.status, status, refund_minor, reason, actor, actor_id)


TOUCH_ORDER = """
    UPDATE orders SET refund_due_minor = refund_due_minor + $2, updated_at = now(), version = version + 1
    WHERE id = $1
    RETURNING version
"""


async def touch_order(tx: Transaction, order_id: str, refund_minor: int = 0) -> int:
    """The next version of a locked order whose status stays; `refund_minor` more is to go back for it."""
    version: int = await tx.fetchval(TOUCH_ORDER, order_id, refund_minor)
    return version


NOTE_ON_ORDER = """
    UPDATE orders SET custom_fields = nullif(coalesce($2, custom_fields), '{}'), metadata = $3 WHERE id = $1
"""


async def note_on_order(
    tx: Transaction, order_id: str, custom_fields: Mapping[str, Any] | None, metadata: Mapping[str, str]
) -> None:
    """Of a locked order. `custom_fields` by their numbers; None where they stay."""
    await tx.execute(NOTE_ON_ORDER, order_id, custom_fields, metadata)


NOTE_ON_LINES = """
    UPDATE order_items SET custom_fields = nullif(noted.custom_fields, '{}'), metadata = noted.metadata
    FROM jsonb_to_recordset($2::jsonb) AS noted (sku text, custom_fields jsonb, metadata jsonb)
    WHERE order_items.order_id = $1 AND order_items.sku = noted.sku
"""


async def note_on_lines(tx: Transaction, order_id: str, lines: Sequence[Mapping[str, Any]]) -> None:
    """Of a locked order."""
    await tx.execute(NOTE_ON_LINES, order_id, lines)


SETTLE_REFUND = """
    UPDATE orders SET refund_due_minor = refund_due_minor - $2, settled_minor = settled_minor + $2,
                      updated_at = now(), version = version + 1
    WHERE id = $1
"""


async def settle_refund(tx: Transaction, order_id: str, minor: int) -> None:
    """So much of what is to go back for a locked order is not expected of payment any more."""
    await tx.execute(SETTLE_REFUND, order_id, minor)


CHANGE_REFUND_OF_CANCELED = """
    UPDATE orders SET refund_due_minor = $2, updated_at = now(), version = version + 1
    WHERE id = $1 AND status = 'canceled' AND refund_due_minor <> $2
"""


async def change_refund_of_canceled(tx: Transaction, order_id: str, minor: int) -> None:
    """So much goes back for a locked order that was canceled."""
    await tx.execute(CHANGE_REFUND_OF_CANCELED, order_id, minor)


ADD_SHIPMENT = "INSERT INTO shipments (order_id, carrier, tracking_number, payment_version) VALUES ($1, $2, $3, $4)"


async def add_shipment(
    tx: Transaction, order_id: str, carrier: str, tracking_number: str, *, payment_version: int | None
) -> None:
    await tx.execute(ADD_SHIPMENT, order_id, carrier, tracking_number, payment_version)


MARK_DELIVERED = "UPDATE shipments SET delivered_at = now() WHERE order_id = $1"


async def mark_delivered(tx: Transaction, order_id: str) -> None:
    await tx.execute(MARK_DELIVERED, order_id)


READ_HISTORY = """
    SELECT from_status, status, reason, actor, changed_at FROM order_status_history WHERE order_id = $1 ORDER BY version
"""


async def read_history(db: Db, order_id: str) -> list[Change[Status]]:
    """Oldest first: an order passes through each state at most once, so there are few."""
    return [change_of(row, Status) for row in await db.fetch(READ_HISTORY, order_id)]


# In the order of ids, so that two of these wait for each other and do not deadlock.
HEAR_PAYMENTS = """
    INSERT INTO payments AS known (id, version, state, refunded_minor, by_hand_minor)
    SELECT id, version, state, refunded_minor, by_hand_minor
    FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[])
        AS told (id, version, state, refunded_minor, by_hand_minor)
    ORDER BY id
    ON CONFLICT (id) DO UPDATE
    SET version = excluded.version, state = excluded.state, updated_at = now(),
        refunded_minor = greatest(known.refunded_minor, excluded.refunded_minor),
        by_hand_minor = excluded.by_hand_minor
    WHERE excluded.version > known.version
"""


async def hear_payments(tx: Transaction, told: Iterable[PaymentTold]) -> None:
    """Remember what payment told, of each payment the newest, unless something newer is known."""
    newest = {each.id: each for each in sorted(told, key=attrgetter("version"))}.values()
    await later(
        tx,
        HEAR_PAYMENTS,
        [each.id for each in newest],
        [each.version for each in newest],
        [each.state for each in newest],
        [each.refunded_minor for each in newest],
        [each.by_hand_minor for each in newest],
    )
