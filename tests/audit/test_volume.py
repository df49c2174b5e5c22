"""The audit of a large shop: it reads a piece at a time, and `since` leaves out what began before."""

from __future__ import annotations

import tracemalloc
from datetime import timedelta

import pytest

from stoa.app import SERVICES
from stoa.audit.audit import audit
from stoa.kit import clock
from stoa.kit.ids import first_uuid7

FEW, MANY = 1_500, 12_000
"""Few are more than one piece already."""
START = clock.now().replace(microsecond=0) - timedelta(days=10)
"""The first order was placed then, and another one each second; events are compared for longer than that."""

# Order n of a shop where each was for one MUG, paid, and had its sale booked. Its ids begin with its time.
ID = "(lpad(to_hex({start} + n * 1000), 12, '0') || '7000' || '{kind}' || lpad(to_hex(n), 12, '0'))::uuid".replace(
    "{start}", str(int(START.timestamp() * 1000))
)
ORDER, CHECKOUT, PAYMENT, EVENT = (ID.format(kind=kind) for kind in ("8001", "8002", "8003", "8004"))

FILL = {
    "order": f"""
        WITH n AS (SELECT generate_series(1, $1::int) AS n),
        placed AS (
            INSERT INTO orders (id, email, status, currency, subtotal_minor, discount_minor, shipping_minor, tax_minor,
                                total_minor, shipping_method, shipping_address, billing_address, payment_id,
                                reservation_key, confirmed_at)
            SELECT {ORDER}, 'ada@example.com', 'confirmed', 'GBP', 1000, 0, 0, 0, 1000, 'standard', '{{}}', '{{}}',
                   {PAYMENT}, {CHECKOUT}, now() FROM n
        ), lines AS (
            INSERT INTO order_items (order_id, position, product_id, sku, name, unit_price_minor, quantity,
                                     discount_minor, tax_minor)
            SELECT {ORDER}, 0, {ORDER}, 'MUG', 'Mug', 1000, 1, 0, 0 FROM n
        ), logged AS (
            INSERT INTO event_log (event_id, type, subject, aggregate_version, time, traceparent, data)
            SELECT {EVENT}, 'order.placed', {ORDER}, 1, now(), '', '{{}}' FROM n
        )
        INSERT INTO checkouts (id, order_id) SELECT {CHECKOUT}, {ORDER} FROM n
    """,
    "checkout": f"""
        INSERT INTO checkouts (id, scope, key, body_hash, order_id, state, step, data, lease_owner, lease_until,
                               answer_status, answer_body)
        SELECT {CHECKOUT}, 'guest', n::text, '', {ORDER}, 'completed', 'clear_cart', '{{}}', '', now(), 201, ''
        FROM generate_series(1, $1::int) AS n
    """,
    "payment": f"""
        WITH n AS (SELECT generate_series(1, $1::int) AS n),
        paid AS (
            INSERT INTO payments (id, key, order_id, state, method, amount_minor, currency)
            SELECT {PAYMENT}, {CHECKOUT}, {ORDER}, 'captured', 'card', 1000, 'GBP' FROM n RETURNING id
        ), booked AS (
            INSERT INTO ledger (transaction_id, payment_id, movement, account, amount_minor, currency)
            SELECT {PAYMENT}, {PAYMENT}, 'capture', account, amount, 'GBP'
            FROM n, (VALUES ('customer_funds', -1000), ('captured', 1000)) AS entry (account, amount)
        )
        INSERT INTO simulator.payments (key, order_id, amount_minor, currency, status)
        SELECT {CHECKOUT}, {ORDER}, 1000, 'GBP', 'captured' FROM n
    """,
    "inventory": f"""
        WITH n AS (SELECT generate_series(1, $1::int) AS n),
        item AS (INSERT INTO items (sku) VALUES ('MUG')),
        opened AS (
            INSERT INTO stock_movements (sku, warehouse_id, kind, quantity)
            VALUES ('MUG', 'main', 'opening', $1::int + 9)
        ),
        stocked AS (INSERT INTO stock (sku, warehouse_id, on_hand) VALUES ('MUG', 'main', 9)),
        reserved AS (
            INSERT INTO reservations (id, key, state, order_id)
            SELECT {CHECKOUT}, {CHECKOUT}, 'committed', {ORDER} FROM n
        )
        INSERT INTO stock_movements (sku, warehouse_id, kind, quantity, order_id)
        SELECT 'MUG', 'main', 'sale', -1, {ORDER} FROM n
    """,
}
HEARD = f"""
    INSERT INTO inbox (event_id, type, source, subject, aggregate_version, time, traceparent, data, done_at)
    SELECT {EVENT}, 'order.placed', 'order', {ORDER}, 1, now(), '', '{{}}', now()
    FROM generate_series(1, $1::int) AS n
"""


@pytest.fixture
async def shop_of(database):
    """`await shop_of(1000)`: all databases of a shop that sold so much."""

    async def make(orders: int):
        databases = {name: await database(name) for name in SERVICES}
        # All from the first event on.
        heard_by = [each.name for each in SERVICES.values() if "order.placed" in each.hears]
        for name, sql in (*FILL.items(), *((name, HEARD) for name in heard_by)):
            await databases[name].execute(sql, orders)
            await databases[name].execute("ANALYZE")
        await databases["order"].execute(
            "INSERT INTO hearers (recipient, type, after_id) SELECT unnest($1::text[]), 'order.placed', 0", heard_by
        )
        return databases

    return make


async def broken(databases, **options) -> dict[int, list[str]]:
    verdicts = await audit(databases, looks=1, **options)
    return {v.invariant.number: [finding.subject for finding in v.findings] for v in verdicts if v.findings}


async def peak_of(databases) -> int:
    """The most memory, in bytes, that an audit without findings takes at once."""
    tracemalloc.start()
    try:
        assert await broken(databases) == {}
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_many_times_the_orders_take_no_more_memory(shop_of):
    few, many = await peak_of(await shop_of(FEW)), await peak_of(await shop_of(MANY))
    assert many < 1.5 * few


async def test_since_compares_what_began_then_or_later(shop_of):
    databases = await shop_of(FEW)
    # The orders of the seconds 500 and 1500: unpaid, sold twice, unheard of.
    spoiled = [await databases["order"].fetchval(f"SELECT {ORDER} FROM (SELECT $1::int AS n)", n) for n in (500, 1500)]
    await databases["payment"].execute("UPDATE payments SET amount_minor = 999 WHERE order_id = ANY ($1)", spoiled)
    await databases["inventory"].execute(
        "INSERT INTO stock_movements (sku, warehouse_id, kind, quantity, order_id) "
        "SELECT 'MUG', 'main', 'sale', -1, unnest($1::uuid[])",
        spoiled,
    )
    events = [
        await databases["order"].fetchval("SELECT event_id FROM event_log WHERE subject = $1", id_) for id_ in spoiled
    ]
    await databases["notification"].execute("UPDATE inbox SET done_at = NULL WHERE event_id = ANY ($1)", events)

    whole = await broken(databases)
    assert {number: whole[number] for number in (5, 6)} == {5: sorted([*events, *spoiled]), 6: spoiled}

    later = await broken(databases, since=first_uuid7(START + timedelta(seconds=1000)))
    assert {number: later[number] for number in (5, 6)} == {5: sorted([events[1], spoiled[1]]), 6: spoiled[1:]}

    after = await broken(databases, since=first_uuid7(START + timedelta(seconds=1501)))
    assert set(after) == {1}  # stock is added up whole
