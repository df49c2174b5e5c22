"""Lists of a shop with very many orders: a page reads its part, wherever it begins."""

from __future__ import annotations

from tests.volume import ROWS, fill, read_by

from stoa.kit import ids
from stoa.services.order import repository
from stoa.services.order.fulfillment import FulfillmentStatus
from stoa.services.order.payment_status import PaymentStatus
from stoa.services.order.standing import possible
from stoa.services.order.states import Status

STATUSES = "'{pending,confirmed,processing,shipped,delivered}'::text[]"
LEFT = "'{unfulfilled,unfulfilled,unfulfilled,shipped,delivered}'::text[]"
ORDERS = 3 * ROWS


async def test_a_page_of_orders_reads_its_orders(database):
    db = await database("order")
    await fill(
        db,
        "orders",
        "id, user_id, email, status, fulfillment_status, payment_status, currency, subtotal_minor, discount_minor,"
        " shipping_minor, tax_minor, total_minor, shipping_method, shipping_address, billing_address, reservation_key,"
        " confirmed_at",
        "lpad(to_hex(n), 32, '0')::uuid, md5('user' || n % 1000)::uuid,"
        f" 'ada' || n % 1000 || '@example.com', ({STATUSES})[1 + n % 5], ({LEFT})[1 + n % 5],"
        " CASE WHEN n = 7 THEN 'failed' ELSE 'paid' END, 'GBP', 1, 0, 0, 0, 1, 'standard', '{}', '{}', n::text,"
        " now()",
        ORDERS,
    )
    middle = await db.fetchval("SELECT id FROM orders WHERE reservation_key = $1", str(ORDERS // 2))
    some = [row["id"] for row in await db.fetch("SELECT id FROM orders WHERE user_id = md5('user7')::uuid LIMIT 20")]
    user = await db.fetchval("SELECT md5('user7')::uuid")
    for before in (middle, ids.LAST):
        page = (before, ids.FIRST, 21)
        assert (await read_by(db, repository.ALL_ORDERS, *page)).rows == 21
        # The newest of each way, and then those of the page.
        for standing, most in (
            ((Status.SHIPPED, None, None), 42),
            ((None, None, FulfillmentStatus.UNFULFILLED), 86),
            ((None, PaymentStatus.PAID, None), 128),
            ((Status.RETURNED, None, None), 0),
        ):
            ways = [list(column) for column in zip(*possible(*standing), strict=True)]
            found = await read_by(db, repository.ORDERS_STANDING, *page, *ways)
            assert most - 2 <= found.rows <= most
            assert found.pages < 1000
        assert (await read_by(db, repository.ORDERS_AFTER, middle, ids.LAST, 200)).rows == 200
        assert (await read_by(db, repository.ORDERS_FROM, middle, ids.LAST, 200)).rows == 200
        few = (None, None, None, None, "ADA7@example.com", None)
        assert (await read_by(db, repository.ORDERS_OF_EMAIL, *page, *few)).rows == 21
        assert (await read_by(db, repository.ORDERS_OF_USER, *page, None, None, None, user, None, None)).rows == 21
        assert (await read_by(db, repository.ORDER_NUMBERED, *page, *[None] * 5, "S-100007")).rows == 1
        assert (await read_by(db, repository.USERS_ORDERS, [user], [before], [None], [21])).rows == 21
    assert (await read_by(db, repository.READ_ORDERS, some)).rows == 20
    assert (await read_by(db, repository.LOCK_ORDERS, some)).rows == 20
