"""What the audit says about shipped and returned orders, about refunds by hand, and about what was given up."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import asyncpg
import pytest
from audit.test_audit import Inside, findings
from journeys.client import ADDRESS, Shopper, card
from stocking import admin_of, stock_up, visitor_of

from stoa.kit import inbox_parked, outbox
from stoa.kit.ids import uuid7

SKU = "AUDIT-2"


@pytest.fixture(scope="module")
async def admin(shop) -> Shopper:
    return await admin_of(shop)


async def order_of_three(ada: Shopper) -> dict:
    await ada.fill_cart(**{SKU: 3})
    bought = {"shipping_address": ADDRESS, "shipping_method": "standard", "payment": card()}
    return dict(await ada.ok("POST", "/orders", bought, status=201))


@pytest.fixture
async def new_order(shop, returned):
    """`await new_order()`: a confirmed order of somebody else."""

    async def make() -> dict:
        order = await order_of_three(await visitor_of(shop).register())
        await shop.settle()
        return order

    return make


@pytest.fixture(scope="module")
async def returned(shop, admin: Shopper) -> str:
    """The id of a shipped order of three: 8.33 went back by hand, one is back, and another is asked for."""
    await stock_up(shop, SKU, price=1000, on_hand=10)
    ada = await Shopper(shop.http, admin.base_url).register()
    order = await order_of_three(ada)
    path = f"/orders/{order['id']}"
    by_hand = {"amount": {"amount": 833, "currency": "GBP"}}
    await admin.ok("POST", f"/payments/{order['payment_id']}/refund", by_hand, key=str(uuid4()))
    await admin.ok("POST", f"{path}/ship", {"carrier": "DHL", "tracking_number": "1"})
    one = {"items": [{"sku": SKU, "quantity": 1}], "reason": "test"}
    await admin.ok("POST", f"{path}/return", one, status=201)
    await ada.ok("POST", f"{path}/return", one, status=201)
    await shop.settle()
    await admin.until(f"/payments/{order['payment_id']}", lambda body: body["refunded"]["amount"] == 833 + 1200)
    await shop.settle()
    return str(order["id"])


async def broken(shop, number: int, service: str, sql: str) -> list[str]:
    connection = await asyncpg.connect(shop.databases[service].dsn)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(sql)
        return (await findings(shop.databases | {service: Inside(connection)}, number)).get(number, [])
    finally:
        await transaction.rollback()
        await connection.close()


@pytest.mark.parametrize(
    ("number", "service", "sql", "says"),
    [
        (3, "order", "UPDATE payments SET refunded_minor = 0", "keeps 4194 of its payment, and the provider has 2161"),
        (
            3,
            "payment",
            "UPDATE simulator.payments SET refunded_minor = 3600",
            "keeps 2161 of its payment, and the provider has 594 of it",
        ),
        (
            5,
            "order",
            "UPDATE returns SET refund_minor = 1300 WHERE status = 'received'",
            "gives 1300 back, but 1200 we",
        ),
        (
            5,
            "order",
            "UPDATE returns SET refund_minor = 1100 WHERE status = 'received'",
            "gives 1100 back, but 1200 we",
        ),
        (
            5,
            "payment",
            "UPDATE refunds SET amount_minor = 1100 WHERE length(source) = 36;"
            " UPDATE payments SET refund_asked_minor = amount_minor",
            "gives 1200 back, but 1100 we",
        ),
        (
            5,
            "payment",
            "UPDATE refunds SET source = gen_random_uuid()::text WHERE length(source) = 36",
            "is no return that was received, nor a cancellation, but 1200 were given back for it",
        ),
        (
            5,
            "order",
            "UPDATE return_items SET restocked_quantity = 0 WHERE restocked_quantity = 1",
            f"sold 3 {SKU} and took 0 back for sale, but 3 left the stock and 1 came back",
        ),
        (
            6,
            "order",
            "UPDATE order_items SET quantity = quantity + 1, canceled_quantity = 1",
            f"counts 1 {SKU} called off, and its cancellations 0",
        ),
        (6, "order", "DELETE FROM shipment_items", f"counts 3 {SKU} sent, and its parcels 0"),
        (
            6,
            "order",
            "UPDATE order_items SET returned_quantity = 2",
            f"counts 2 {SKU} back and 1 asked for, and its re",
        ),
        (6, "order", "UPDATE order_items SET requested_quantity = 0", f"counts 1 {SKU} back and 0 asked for, and its"),
        (
            6,
            "order",
            "UPDATE returns SET status = 'approved', refund_minor = 0",
            f"counts 1 {SKU} back and 1 asked for, and its returns 0 and 2",
        ),
    ],
)
async def test_what_is_broken_is_named(shop, returned, number, service, sql, says):
    found = await broken(shop, number, service, sql)
    assert [what for what in found if what.startswith(says)], found
    assert await findings(shop.databases) == {}


async def test_an_order_that_was_shipped_unpaid_is_named(shop, returned):
    """All of it was asked back by hand before the version on which it was shipped."""
    says = "was shipped although nothing of its payment was left"
    everything = (
        "UPDATE refunds SET amount_minor = 2400 WHERE source LIKE 'operator:%'; UPDATE payments SET amount_minor = 3600"
    )
    assert says in await broken(shop, 3, "payment", everything + "; UPDATE refunds SET asked_version = 1")
    # Where the last of it was asked for after that version, it was shipped in good faith.
    assert says not in await broken(shop, 3, "payment", everything)
    assert await findings(shop.databases) == {}


async def test_what_failed_and_was_discarded_is_accounted_for(shop, admin, returned):
    """A return whose refund payment could not make: nothing of it is due any more, and the rest is still compared."""
    payment, again = shop.databases["payment"], {"items": [{"sku": SKU, "quantity": 1}], "reason": "test"}
    await payment.execute("UPDATE payments SET currency = 'EUR'")
    made = await admin.ok("POST", f"/orders/{returned}/return", again, status=201)
    assert made["refund"]["amount"] == 1200
    event = await shop.databases["order"].fetchval("SELECT event_id FROM event_log ORDER BY id DESC LIMIT 1")
    # The next failure is the last.
    while await payment.execute(LAST_TRY, event) != "UPDATE 1":
        await asyncio.sleep(0.01)
    async with asyncio.timeout(60):
        while not await payment.fetchval(PARKED, event):
            await asyncio.sleep(0.05)
    await payment.execute("UPDATE payments SET currency = 'GBP'")
    await shop.settle()
    found = await findings(shop.databases)
    assert {number: sorted(what) for number, what in found.items()} == {
        3: ["gave back 2033 of 2400 that are due"],
        5: [
            "(order.returned) had no effect in payment",
            "(order.returned) is parked in the inbox of payment",
            "gives 1200 back, but 0 were given for it",
        ],
    }
    assert await inbox_parked.discard(payment, event, "paid back by bank transfer")
    assert await findings(shop.databases) == {}
    # The order waits for the money until the staff has ended that.
    order = await admin.ok("GET", f"/orders/{returned}")
    assert (order["payment_status"], order["refunded"]["amount"]) == ("refund_pending", 2033)
    order = await admin.ok("POST", f"/orders/{returned}/settle", {"reason": "paid back by bank transfer"})
    assert order["payment_status"] == "settled"
    assert await findings(shop.databases) == {}


async def test_a_refund_that_the_provider_refuses_is_named_until_it_is_settled(shop, admin, new_order):
    order, payment = await new_order(), shop.databases["payment"]
    await payment.execute("UPDATE simulator.payments SET currency = 'EUR' WHERE order_id = $1", order["id"])
    await admin.ok("POST", f"/orders/{order['id']}/cancel", {"reason": "test"})
    await shop.settle()
    async with asyncio.timeout(30):
        while await payment.fetchval("SELECT count(*) FROM refunds WHERE state = 'pending'"):
            await asyncio.sleep(0.01)
    await payment.execute("UPDATE simulator.payments SET currency = 'GBP' WHERE order_id = $1", order["id"])
    total = order["total"]["amount"]
    assert await findings(shop.databases) == {3: [f"keeps {total} GBP of the canceled order {order['id']}"]}
    await admin.ok("POST", f"/orders/{order['id']}/settle", {"reason": "paid back by bank transfer"})
    assert await findings(shop.databases) == {}
    # No more than was settled is kept.
    less = f"UPDATE orders SET settled_minor = settled_minor - 1 WHERE id = '{order['id']}'"
    assert await broken(shop, 3, "order", less) == [f"keeps {total} GBP of the canceled order {order['id']}"]


async def test_what_was_refused_and_was_discarded_is_accounted_for(shop, returned):
    order, event = shop.databases["order"], uuid7()
    # As the relay leaves it when the recipient has refused it.
    await order.execute(REFUSED, event, returned, outbox.shard_of(returned))
    assert {5} == (await findings(shop.databases)).keys()
    assert await outbox.discard(order, "notification", event, "the customer was told by phone")
    await shop.settle()
    assert await findings(shop.databases) == {}


LAST_TRY = "UPDATE inbox SET attempts = 11 WHERE event_id = $1 AND attempts = 1"
PARKED = "SELECT parked_at IS NOT NULL FROM inbox WHERE event_id = $1"
REFUSED = """
    WITH logged AS (
        INSERT INTO event_log (event_id, type, subject, aggregate_version, time, traceparent, data)
        SELECT $1, 'order.delivered', subject, 99, now(), traceparent, data
        FROM event_log WHERE subject = $2 AND type = 'order.placed' RETURNING id, subject)
    INSERT INTO outbox_parked (recipient, id, shard, subject, reason)
    SELECT 'notification', id, $3, subject, 'notification does not hear of order.delivered' FROM logged
"""
