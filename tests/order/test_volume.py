"""Lists of a shop with very many orders: a page reads its part, wherever it begins."""

from __future__ import annotations

from tests.volume import ROWS, fill, read_by

from stoa.kit import ids
from stoa.services.order import repository

STATUSES = "'{pending,confirmed,processing,shipped,delivered}'::text[]"


async def test_a_page_of_orders_reads_its_orders(database):
    db = await database("order")
    await fill(
        db,
        "orders",
        "id, user_id, email, status, currency, subtotal_minor, discount_minor, shipping_minor, tax_minor, total_minor,"
        " shipping_method, shipping_address, billing_address, reservation_key, confirmed_at",
        "lpad(to_hex(n), 32, '0')::uuid, md5('user' || n % 1000)::uuid, 'ada@example.com',"
        f" ({STATUSES})[1 + n % 5], 'GBP', 1, 0, 0, 0, 1, 'standard', '{{}}', '{{}}', n::text, now()",
    )
    middle = await db.fetchval("SELECT id FROM orders WHERE reservation_key = $1", str(ROWS // 2))
    some = [row["id"] for row in await db.fetch("SELECT id FROM orders WHERE user_id = md5('user7')::uuid LIMIT 20")]
    user = await db.fetchval("SELECT md5('user7')::uuid")
    for before in (middle, ids.LAST):
        assert (await read_by(db, repository.ALL_ORDERS, before, 21)).rows == 21
        assert (await read_by(db, repository.ORDERS_IN_STATUS, "shipped", before, 21)).rows == 21
        assert (await read_by(db, repository.ORDERS_IN_STATUS, "returned", before, 21)).rows == 0
        assert (await read_by(db, repository.USERS_ORDERS, [user], [before], [None], [21])).rows == 21
    assert (await read_by(db, repository.READ_ORDERS, some)).rows == 20
    assert (await read_by(db, repository.LOCK_ORDERS, some)).rows == 20
