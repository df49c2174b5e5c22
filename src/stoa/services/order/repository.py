"""All SQL of order but that of parcels (`shipments_repository`), returns (`returns_repository`) and checkouts
(`placing_repository`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import Any, NamedTuple

import asyncpg
import msgspec

from stoa.kit import ids
from stoa.kit.custom_fields.values import NOTHING, Fields, Value, fields_of
from stoa.kit.db import Db, Transaction, later
from stoa.kit.money import Money
from stoa.services.order.fulfillment import FulfillmentStatus, Units, fulfillment_status
from stoa.services.order.history import Change, change_of
from stoa.services.order.payment_status import PaymentFacts, PaymentState, PaymentStatus, PaymentTold
from stoa.services.order.promise import Kind, Promise
from stoa.services.order.refunds import BoughtLine
from stoa.services.order.states import Status


class Item(msgspec.Struct, frozen=True):
    """`discount` and `tax` are this line's share of the order's; `said` is what the cart's line said for its fields."""

    product_id: str
    sku: str
    name: str
    unit_price: Money
    quantity: int
    discount: Money
    tax: Money
    canceled_quantity: int
    shipped_quantity: int
    returned_quantity: int
    requested_quantity: int
    said: Mapping[str, Value] = {}
    custom_fields: Fields = NOTHING
    metadata: Mapping[str, str] = {}
    promise: Promise | None = None
    """None where all was on hand when it was bought, and where nobody knows any more."""
    tax_included: bool = False
    """Whether its price has the tax in it."""

    @property
    def subtotal(self) -> Money:
        return self.unit_price * self.quantity

    @property
    def bought(self) -> BoughtLine:
        return BoughtLine(
            self.sku,
            self.quantity,
            self.canceled_quantity,
            self.shipped_quantity,
            self.returned_quantity,
            self.requested_quantity,
            self.subtotal - self.discount - self.tax if self.tax_included else self.subtotal - self.discount,
            self.tax,
            self.tax_included,
        )

    @property
    def units(self) -> Units:
        return Units(self.quantity, self.canceled_quantity, self.shipped_quantity, self.returned_quantity)


class Shipment(msgspec.Struct, frozen=True):
    """A parcel; its `number` counts those of the order. `items` are units by SKU."""

    id: str
    number: int
    carrier: str
    tracking_number: str
    tracking_url: str | None
    shipped_at: datetime
    delivered_at: datetime | None
    items: tuple[tuple[str, int], ...]


class Tax(msgspec.Struct, frozen=True):
    """What is due by one `rate` in percent, None where nobody said; `base` is what it is on, without tax."""

    name: str
    rate: str | None
    base: Money
    amount: Money


class DeliveryEstimate(msgspec.Struct, frozen=True):
    earliest: date
    latest: date


class Standing(NamedTuple):
    """How an order, its payment and its parcels stand."""

    status: Status
    payment: PaymentStatus
    fulfillment: FulfillmentStatus


class Order(msgspec.Struct, frozen=True):
    """`confirmed_at` is when it was paid; `payment_told`, `refunded` and what staff gave back `by_hand` are what
    payment said last. `refund_due` is what payment is to give back, without what staff has `settled` otherwise.
    """

    id: str
    number: str
    user_id: str | None
    email: str
    kept: Standing
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
    shipments: tuple[Shipment, ...]
    confirmed_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime
    custom_fields: Fields = NOTHING
    metadata: Mapping[str, str] = {}
    tax_included: bool = False
    taxes: tuple[Tax, ...] = ()
    shipping_name: str = ""
    pickup: bool = False
    delivery_estimate: DeliveryEstimate | None = None

    @property
    def status(self) -> Status:
        return self.kept.status

    @property
    def units(self) -> dict[str, Units]:
        """By SKU."""
        return {item.sku: item.units for item in self.items}

    @property
    def fulfillment(self) -> FulfillmentStatus:
        arrived = [shipment.delivered_at is not None for shipment in self.shipments]
        return fulfillment_status([item.units for item in self.items], arrived)

    @property
    def paid(self) -> PaymentFacts:
        return PaymentFacts(
            self.total,
            self.refund_due,
            self.settled,
            self.refunded,
            self.by_hand,
            self.confirmed_at is not None,
            self.payment_told,
        )

    @property
    def standing(self) -> Standing:
        """As it is; `kept` is what is written of it."""
        return Standing(self.status, self.paid.status, self.fulfillment)

    @property
    def left(self) -> Money:
        return self.paid.left


def order_of(row: asyncpg.Record) -> Order:
    currency: str = row["currency"]
    items = tuple(_item(item, currency, row["tax_included"]) for item in row["items"])
    estimate = None
    if row["delivery_earliest"] is not None:
        estimate = DeliveryEstimate(row["delivery_earliest"], row["delivery_latest"])
    return Order(
        id=row["id"],
        number=row["number"],
        user_id=row["user_id"],
        email=row["email"],
        kept=Standing(
            Status(row["status"]), PaymentStatus(row["payment_status"]), FulfillmentStatus(row["fulfillment_status"])
        ),
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
        shipments=tuple(_shipment(shipment) for shipment in row["shipments"] or ()),
        confirmed_at=row["confirmed_at"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        custom_fields=fields_of(row["custom_fields"]),
        metadata=row["metadata"],
        tax_included=row["tax_included"],
        taxes=tuple(_tax(tax, currency) for tax in row["taxes"]),
        shipping_name=row["shipping_name"],
        pickup=row["pickup"],
        delivery_estimate=estimate,
    )


def _tax(tax: Mapping[str, Any], currency: str) -> Tax:
    return Tax(tax["name"], tax["rate"], Money(tax["base_minor"], currency), Money(tax["amount_minor"], currency))


def _item(item: Sequence[Any], currency: str, tax_included: bool) -> Item:
    """In the order of `_WHOLE`."""
    product_id, sku, name, price, quantity, discount, tax, canceled, shipped, returned, requested, *more = item
    said, fields, metadata, kind, on = more
    return Item(
        product_id=product_id,
        sku=sku,
        name=name,
        unit_price=Money(price, currency),
        quantity=quantity,
        discount=Money(discount, currency),
        tax=Money(tax, currency),
        canceled_quantity=canceled,
        shipped_quantity=shipped,
        returned_quantity=returned,
        requested_quantity=requested,
        said=said,
        custom_fields=fields_of(fields),
        metadata=metadata,
        promise=Promise(Kind(kind), date.fromisoformat(on)) if kind else None,
        tax_included=tax_included,
    )


def _shipment(shipment: Sequence[Any]) -> Shipment:
    """In the order of `_WHOLE`."""
    shipment_id, number, carrier, tracking_number, tracking_url, shipped_at, delivered_at, items = shipment
    return Shipment(
        id=shipment_id,
        number=number,
        carrier=carrier,
        tracking_number=tracking_number,
        tracking_url=tracking_url,
        shipped_at=_time(shipped_at),
        delivered_at=_time(delivered_at) if delivered_at else None,
        items=tuple((sku, quantity) for sku, quantity in items),
    )


def _time(written: str) -> datetime:
    return datetime.fromisoformat(written).astimezone(UTC)


# The whole of an order in one row, so that it is of one moment. A page of orders is one statement too. An item without
# the names of its columns takes both sides a fifth less.
_WHOLE = """
    SELECT o.id, o.number, o.user_id, o.email, o.status, o.payment_status, o.fulfillment_status, o.currency,
           o.subtotal_minor, o.discount_minor, o.shipping_minor, o.tax_minor, o.total_minor, o.shipping_method,
           o.shipping_address, o.billing_address, o.payment_id, o.reservation_key, o.refund_due_minor, o.settled_minor,
           o.confirmed_at, o.version,
           o.tax_included, o.taxes, o.shipping_name, o.pickup, o.delivery_earliest, o.delivery_latest,
           o.created_at, named_fields(o.custom_fields) AS custom_fields, o.metadata,
           greatest(o.updated_at, payments.updated_at) AS updated_at,
           payments.state AS payment_told, coalesce(payments.refunded_minor, 0) AS refunded_minor,
           coalesce(payments.by_hand_minor, 0) AS by_hand_minor,
           (
               SELECT json_agg(
                   json_build_array(
                       product_id, sku, name, unit_price_minor, quantity, discount_minor, tax_minor, canceled_quantity,
                       shipped_quantity, returned_quantity, requested_quantity, said, named_fields(custom_fields),
                       metadata, promise, promised_on
                   ) ORDER BY position
               )
               FROM order_items WHERE order_items.order_id = o.id
           ) AS items,
           (
               SELECT json_agg(
                   json_build_array(
                       id, number, carrier, tracking_number, tracking_url, shipped_at, delivered_at,
                       (
                           SELECT json_agg(json_build_array(sku, quantity) ORDER BY sku)
                           FROM shipment_items WHERE shipment_id = shipments.id
                       )
                   ) ORDER BY number
               )
               FROM shipments WHERE shipments.order_id = o.id
           ) AS shipments
    FROM {orders} AS o
    LEFT JOIN payments ON payments.id = o.payment_id
"""


def whole_of(orders: str) -> str:
    """What reads the orders that stand in a table, or in a part of a statement, of this name."""
    return _WHOLE.format(orders=orders)


_ORDERS = whole_of("orders")


READ_ORDERS = _ORDERS + "WHERE o.id = ANY ($1::uuid[])"


async def read_orders(db: Db, order_ids: Sequence[str]) -> dict[str, Order]:
    """Those of the orders that are there, by id."""
    return {row["id"]: order_of(row) for row in await db.fetch(READ_ORDERS, order_ids)}


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
    return [order_of(row) for row in await db.fetch(ORDERS_WITH_VALUE, number, value, before or ids.LAST, limit)]


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
        found[lists[row["place"] - 1]].append(order_of(row))
    return found


class Pages(NamedTuple):
    """A page of so many orders, newest first, of those `before` an id and not older than the id `since`."""

    before: str
    since: str
    limit: int


# A statement for each index that is walked, newest first; none has filters that could throw away what it has walked,
# but where those of one buyer, address or number are few.
ALL_ORDERS = _ORDERS + "WHERE o.id < $1 AND o.id >= $2 ORDER BY o.id DESC LIMIT $3"


async def list_orders(db: Db, pages: Pages) -> list[Order]:
    return [order_of(row) for row in await db.fetch(ALL_ORDERS, *pages)]


ORDERS_FROM = _ORDERS + "WHERE o.id >= $1 AND o.id < $2 ORDER BY o.id LIMIT $3"
ORDERS_AFTER = _ORDERS + "WHERE o.id > $1 AND o.id < $2 ORDER BY o.id LIMIT $3"


async def orders_from(db: Db, since: str, before: str, limit: int) -> list[Order]:
    """The oldest first."""
    return [order_of(row) for row in await db.fetch(ORDERS_FROM, since, before, limit)]


async def orders_after(db: Db, last: str, before: str, limit: int) -> list[Order]:
    """Those behind the `last`."""
    return [order_of(row) for row in await db.fetch(ORDERS_AFTER, last, before, limit)]


# The newest of each way in which an order can stand, and of these the newest. In the words of its index: of a status
# that few have PostgreSQL would else read the orders of all, whoever asks.
ORDERS_STANDING = f"""
    WITH page AS MATERIALIZED (
        SELECT listed.id
        FROM unnest($4::text[], $5::text[], $6::text[]) AS standing (status, payment_status, fulfillment_status)
        CROSS JOIN LATERAL (
            SELECT id FROM orders
            WHERE (orders.status, orders.payment_status, orders.fulfillment_status, id)
                < (standing.status, standing.payment_status, standing.fulfillment_status, $1)
              AND (orders.status, orders.payment_status, orders.fulfillment_status, id)
                >= (standing.status, standing.payment_status, standing.fulfillment_status, $2)
            ORDER BY orders.status DESC, orders.payment_status DESC, orders.fulfillment_status DESC, id DESC LIMIT $3
        ) AS listed
        ORDER BY listed.id DESC LIMIT $3
    )
    {_ORDERS} WHERE o.id = ANY (ARRAY(SELECT id FROM page)) ORDER BY o.id DESC
"""  # noqa: S608 - both parts stand in this file


async def list_orders_standing(db: Db, pages: Pages, standings: Collection[Standing]) -> list[Order]:
    """Of all that stand in one of these ways."""
    statuses, payments, fulfillments = zip(*standings, strict=True)
    rows = await db.fetch(ORDERS_STANDING, *pages, list(statuses), list(payments), list(fulfillments))
    return [order_of(row) for row in rows]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which orders; None: any."""

    user_id: str | None = None
    number: str | None = None
    email: str | None = None
    status: Status | None = None
    payment_status: PaymentStatus | None = None
    fulfillment_status: FulfillmentStatus | None = None


_NARROWED = (
    _ORDERS
    + """
    WHERE {by} AND o.id < $1 AND o.id >= $2
      AND ($4::text IS NULL OR o.status = $4) AND ($5::text IS NULL OR o.payment_status = $5)
      AND ($6::text IS NULL OR o.fulfillment_status = $6)
      AND ($7::uuid IS NULL OR o.user_id = $7) AND ($8::text IS NULL OR lower(o.email) = lower($8))
      AND ($9::text IS NULL OR o.number = $9)
    ORDER BY o.id DESC LIMIT $3
"""
)
ORDERS_OF_USER = _NARROWED.format(by="o.user_id = $7")
ORDERS_OF_EMAIL = _NARROWED.format(by="lower(o.email) = lower($8)")
ORDER_NUMBERED = _NARROWED.format(by="o.number = $9")


async def list_orders_of_few(db: Db, pages: Pages, wanted: Wanted) -> list[Order]:
    """Of a number, an address or a buyer, one of which is wanted: a buyer has few."""
    sql = ORDER_NUMBERED if wanted.number else ORDERS_OF_EMAIL if wanted.email else ORDERS_OF_USER
    standing = (wanted.status, wanted.payment_status, wanted.fulfillment_status)
    return [
        order_of(row) for row in await db.fetch(sql, *pages, *standing, wanted.user_id, wanted.email, wanted.number)
    ]


KEEP_STANDINGS = """
    UPDATE orders SET payment_status = standing.payment_status, fulfillment_status = standing.fulfillment_status
    FROM unnest($1::uuid[], $2::text[], $3::text[]) AS standing (id, payment_status, fulfillment_status)
    WHERE orders.id = standing.id
"""


async def keep_standings(tx: Transaction, standings: Mapping[str, Standing]) -> None:
    """Of locked orders, by id. Their states are there already."""
    payments = [standing.payment for standing in standings.values()]
    await later(tx, KEEP_STANDINGS, [*standings], payments, [each.fulfillment for each in standings.values()])


KEEP_PAYMENT_STATUSES = """
    UPDATE orders SET payment_status = told.payment_status
    FROM unnest($1::uuid[], $2::text[]) AS told (id, payment_status)
    WHERE orders.id = told.id
"""


async def keep_payment_statuses(tx: Transaction, statuses: Mapping[str, PaymentStatus]) -> None:
    """Of locked orders, by id."""
    await later(tx, KEEP_PAYMENT_STATUSES, [*statuses], [*statuses.values()])


# What is read of an order of whose payment something was told.
READ_PAYMENT_FACTS = """
    SELECT o.id, o.currency, o.total_minor, o.refund_due_minor, o.settled_minor, o.payment_status,
           o.confirmed_at IS NOT NULL AS confirmed, payments.state, payments.refunded_minor, payments.by_hand_minor
    FROM orders AS o JOIN payments ON payments.id = o.payment_id
    WHERE o.payment_id = ANY ($1::uuid[])
"""


async def read_payment_facts(
    tx: Transaction, payment_ids: Iterable[str]
) -> dict[str, tuple[PaymentStatus, PaymentFacts]]:
    """By the id of the order: what is kept, and what decides it."""
    return {row["id"]: _payment_facts(row) for row in await tx.fetch(READ_PAYMENT_FACTS, list(payment_ids))}


def _payment_facts(row: asyncpg.Record) -> tuple[PaymentStatus, PaymentFacts]:
    def amount(name: str) -> Money:
        return Money(row[f"{name}_minor"], row["currency"])

    return PaymentStatus(row["payment_status"]), PaymentFacts(
        total=amount("total"),
        refund_due=amount("refund_due"),
        settled=amount("settled"),
        refunded=amount("refunded"),
        by_hand=amount("by_hand"),
        confirmed=row["confirmed"],
        told=PaymentState(row["state"]),
    )


# Apart from reading: a statement that waits for this lock would still see the order of before the wait.
LOCK_ORDER = "SELECT id FROM orders WHERE id = $1 FOR UPDATE"


async def lock_order(tx: Transaction, order_id: str) -> bool:
    """Whether it is there; then nobody else can change it until the transaction ends."""
    return await tx.fetchval(LOCK_ORDER, order_id) is not None


LOCK_ORDERS = "SELECT id FROM orders WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE"


async def lock_orders(tx: Transaction, order_ids: Collection[str]) -> None:
    await tx.execute(LOCK_ORDERS, list(order_ids))


LOCK_ORDERS_OF_PAYMENTS = """
    SELECT id FROM orders
    WHERE id = ANY ($1::uuid[] || ARRAY(SELECT paid.id FROM orders AS paid WHERE paid.payment_id = ANY ($2::uuid[])))
    ORDER BY id FOR UPDATE
"""


async def lock_orders_of_payments(tx: Transaction, order_ids: Collection[str], payment_ids: Collection[str]) -> None:
    """These orders, and those that name one of the payments."""
    await tx.execute(LOCK_ORDERS_OF_PAYMENTS, list(order_ids), list(payment_ids))


CHANGE_STATUS = """
    WITH changed AS (
        UPDATE orders
        SET status = $3, fulfillment_status = $8, refund_due_minor = refund_due_minor + $4, updated_at = now(),
            version = version + 1
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
    fulfillment: FulfillmentStatus,
    *,
    reason: str,
    actor: str,
    actor_id: str | None,
    refund_minor: int = 0,
) -> None:
    """The locked `order` goes to `status`, with its line of history; `refund_minor` more is to go back."""
    await tx.execute(CHANGE_STATUS, order.id, order.status, status, refund_minor, reason, actor, actor_id, fulfillment)


TOUCH_ORDER = """
    UPDATE orders SET refund_due_minor = refund_due_minor + $2, updated_at = now(), version = version + 1
    WHERE id = $1
    RETURNING version
"""


CANCEL_ALL = "UPDATE order_items SET canceled_quantity = quantity WHERE order_id = $1"


async def cancel_all(tx: Transaction, order_id: str) -> None:
    """All units of a locked order are called off; nothing of it has left."""
    await tx.execute(CANCEL_ALL, order_id)


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
    UPDATE orders SET refund_due_minor = due.minor, updated_at = now(), version = version + 1
    FROM (
        SELECT $2 + greatest(0, coalesce(sum(cancellations.refund_minor), 0)::bigint - min(settled_minor)) AS minor
        FROM orders LEFT JOIN cancellations ON cancellations.order_id = orders.id WHERE orders.id = $1
    ) AS due
    WHERE id = $1 AND status = 'canceled' AND refund_due_minor <> due.minor
"""


async def change_refund_of_canceled(tx: Transaction, order_id: str, minor: int) -> None:
    """So much goes back for a locked order that was canceled, beside what did for units of it before."""
    await tx.execute(CHANGE_REFUND_OF_CANCELED, order_id, minor)


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
