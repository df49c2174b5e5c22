"""What an older order service left is there after its migrations."""

from __future__ import annotations

import importlib.resources

import asyncpg
import pytest

from stoa.kit.ids import uuid7

FOLDER = importlib.resources.files("stoa.services.order") / "migrations"


@pytest.fixture
async def older(postgres):
    """Applies migrations to a database of nothing else: `await older("0001", "0002")`."""
    admin = await asyncpg.connect(postgres.dsn())
    await admin.execute("CREATE DATABASE older_orders")
    connection = await asyncpg.connect(postgres.dsn("older_orders"))
    # What the kit's own migrations bring.
    await connection.execute(
        "CREATE FUNCTION list_custom_fields() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    )

    async def apply(*numbers):
        for file in sorted(FOLDER.iterdir(), key=lambda file: file.name):
            if file.name[:4] in numbers:
                await connection.execute(file.read_text())
        return connection

    yield apply
    await connection.close()
    await admin.execute("DROP DATABASE older_orders")
    await admin.close()


async def test_one_parcel_becomes_a_parcel_with_all_that_was_bought(older):
    db = await older("0001", "0002", "0003", "0004", "0005", "0006")
    shipped, canceled, waiting = uuid7(), uuid7(), uuid7()
    for order_id, status in ((shipped, "shipped"), (canceled, "canceled"), (waiting, "confirmed")):
        await db.execute(
            "INSERT INTO orders (id, email, status, currency, subtotal_minor, discount_minor, shipping_minor,"
            " tax_minor, total_minor, shipping_method, shipping_address, billing_address, reservation_key,"
            " confirmed_at)"
            " VALUES ($1, 'a@example.com', $2, 'GBP', 5, 0, 0, 0, 5, 'standard', '{}', '{}', 'k', now())",
            order_id,
            status,
        )
        await db.execute(
            "INSERT INTO order_items (order_id, position, product_id, sku, name, unit_price_minor, quantity,"
            " discount_minor, tax_minor)"
            " VALUES ($1, 1, $1, 'MUG', 'Mug', 1, 2, 0, 0), ($1, 2, $1, 'CUP', 'Cup', 1, 3, 0, 0)",
            order_id,
        )
    await db.execute(
        "INSERT INTO shipments (order_id, carrier, tracking_number, payment_version) VALUES ($1, 'DHL', 'JD1', 3)",
        shipped,
    )
    await db.execute("UPDATE order_items SET returned_quantity = 1 WHERE order_id = $1 AND sku = 'CUP'", shipped)
    await db.execute("UPDATE orders SET refund_due_minor = 5 WHERE id = $1", canceled)
    await db.execute(
        "WITH paid AS (INSERT INTO payments (id, version, state, refunded_minor, by_hand_minor)"
        " VALUES (gen_random_uuid(), 1, 'refunded', 2, 2) RETURNING id)"
        " UPDATE orders SET payment_id = paid.id FROM paid WHERE orders.id = $1",
        shipped,
    )
    await older("0007", "0008")
    parcel = await db.fetchrow("SELECT * FROM shipments")
    assert (str(parcel["order_id"]), parcel["number"], parcel["tracking_url"]) == (shipped, 1, None)
    assert (parcel["carrier"], parcel["tracking_number"], parcel["payment_version"]) == ("DHL", "JD1", 3)
    items = await db.fetch("SELECT sku, quantity FROM shipment_items WHERE shipment_id = $1 ORDER BY sku", parcel["id"])
    assert [tuple(item) for item in items] == [("CUP", 3), ("MUG", 2)]
    units = await db.fetch("SELECT order_id, sku, shipped_quantity, canceled_quantity FROM order_items")
    assert {(str(one["order_id"]), *tuple(one)[1:]) for one in units} == {
        (shipped, "MUG", 2, 0),
        (shipped, "CUP", 3, 0),
        (canceled, "MUG", 0, 2),
        (canceled, "CUP", 0, 3),
        (waiting, "MUG", 0, 0),
        (waiting, "CUP", 0, 0),
    }
    await older("0009", "0010")
    standings = await db.fetch("SELECT id, payment_status, fulfillment_status FROM orders")
    assert {(str(one["id"]), one["payment_status"], one["fulfillment_status"]) for one in standings} == {
        (shipped, "partially_refunded", "shipped"),
        (canceled, "refund_pending", "canceled"),
        (waiting, "paid", "unfulfilled"),
    }
    assert (
        await db.fetchval(
            "INSERT INTO orders (id, email, currency, subtotal_minor, discount_minor, shipping_minor, tax_minor,"
            " total_minor, shipping_method, shipping_address, billing_address, reservation_key)"
            " VALUES (gen_random_uuid(), 'a', 'GBP', 5, 0, 0, 0, 5, 's', '{}', '{}', 'k')"
            " RETURNING payment_status || ' ' || fulfillment_status"
        )
        == "pending unfulfilled"
    )
    with pytest.raises(asyncpg.CheckViolationError):
        await db.execute("UPDATE order_items SET returned_quantity = 4 WHERE order_id = $1 AND sku = 'CUP'", shipped)
