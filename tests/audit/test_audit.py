"""The audit is quiet about a sound shop and names what is broken: a check never seen failing proves nothing."""

from __future__ import annotations

from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest
from journeys.client import ADDRESS, card
from stocking import stock_up

from stoa.audit.audit import INVARIANTS, audit, judge
from stoa.audit.look import EVER

SKU = "AUDIT-1"


@pytest.fixture(scope="module")
async def sold(shop):
    """A shop with one guest's order, settled."""
    await stock_up(shop, SKU, price=1000, on_hand=10)
    async with shop.http.post("/api/v1/cart", headers={"Idempotency-Key": str(uuid4())}) as answer:
        cart = (await answer.json())["id"]
    async with shop.http.post(f"/api/v1/cart/{cart}/items", json={"sku": SKU, "quantity": 2}) as answer:
        assert answer.status == 201, await answer.text()
    order = {
        "cart_id": cart,
        "email": "guest@example.com",
        "shipping_address": ADDRESS,
        "shipping_method": "standard",
        "payment": card(),
    }
    async with shop.http.post("/api/v1/orders", json=order, headers={"Idempotency-Key": str(uuid4())}) as answer:
        assert answer.status == 201, await answer.text()
    await shop.settle()
    return shop


async def findings(databases, only: int | None = None) -> dict[int, list[str]]:
    """What each invariant finds, or one of them, each said in words."""
    if only is None:
        verdicts = await audit(databases, looks=2, pause_seconds=0.0)
    else:
        (invariant,) = (each for each in INVARIANTS if each.number == only)
        verdicts = [await judge(databases, invariant, since=EVER, looks=2, pause_seconds=0.0)]
    return {
        verdict.invariant.number: [finding.what for finding in verdict.findings]
        for verdict in verdicts
        if verdict.findings
    }


async def test_a_sound_shop_has_no_findings(sold):
    assert await findings(sold.databases) == {}
    assert [invariant.number for invariant in INVARIANTS] == [1, 2, 3, 4, 5, 6, 7, 8, 9]


# As a checkout whose row is lost leaves it, before there is an order.
ALLOCATED = "SELECT gen_random_uuid(), gen_random_uuid(), 'allocated', gen_random_uuid()"

# A unit more than was asked for, of what lies there.
OWED_TO_IT = (
    "INSERT INTO backorders (reservation_id, sku, quantity, promised_on) "
    f"SELECT id, '{SKU}', 1, now() FROM reservations WHERE state = 'committed'"
)
# A transfer and a receipt as they are where nothing is booked of them.
TRANSFER = """
    WITH place AS (INSERT INTO warehouses (id, name, priority) VALUES ('annex', 'Annex', 200)),
    transfer AS (
        INSERT INTO transfers (id, source, destination, state)
        VALUES (gen_random_uuid(), 'main', 'annex', '{state}') RETURNING id
    )
    INSERT INTO transfer_lines (transfer_id, sku, quantity, sent) SELECT id, 'A', 2, {sent} FROM transfer
"""
RECEIPT = """
    WITH receipt AS (
        INSERT INTO receipts (id, supplier, warehouse_id, state)
        VALUES (gen_random_uuid(), 'P', 'main', '{state}') RETURNING id
    )
    INSERT INTO receipt_lines (receipt_id, sku, ordered, received) SELECT id, 'A', 2, {received} FROM receipt
"""

BREAK = [
    (1, "inventory", "UPDATE stock SET on_hand = on_hand + 1"),
    (1, "inventory", "UPDATE stock SET reserved = reserved + 1"),
    (1, "inventory", "UPDATE items SET backorder_limit = 1, backordered = 1"),
    (1, "inventory", OWED_TO_IT),
    (1, "inventory", f"{OWED_TO_IT}; UPDATE items SET backorder_limit = 1, backordered = 1"),
    (2, "inventory", f"{OWED_TO_IT}; UPDATE reservations SET state = 'released'"),
    (5, "inventory", OWED_TO_IT),
    (1, "inventory", "UPDATE owners SET seller_id = gen_random_uuid()"),
    (1, "inventory", "INSERT INTO owners (sku, product_version) VALUES ('NOBODYS', 1)"),
    (1, "inventory", "UPDATE stock SET incoming = 1"),
    (1, "inventory", TRANSFER.format(state="sent", sent=2)),
    (1, "inventory", TRANSFER.format(state="sent", sent=0)),
    (
        1,
        "inventory",
        f"{TRANSFER.format(state='draft', sent=0)}; UPDATE warehouses SET closed_at = now() WHERE id <> 'main'",
    ),
    (1, "inventory", RECEIPT.format(state="received", received=2)),
    (1, "inventory", RECEIPT.format(state="received", received=0)),
    (
        1,
        "inventory",
        "INSERT INTO stock_movements (sku, warehouse_id, kind, quantity, document_id) "
        "SELECT 'A', 'main', unnest('{transfer_in,write_off}'::text[]), unnest('{1,-1}'::int[]), gen_random_uuid()",
    ),
    (2, "inventory", "UPDATE reservations SET state = 'held', expires_at = now() - interval '1 hour'"),
    (2, "inventory", "UPDATE reservations SET state = 'allocated'"),
    (2, "inventory", f"INSERT INTO reservations (id, key, state, order_id) {ALLOCATED}"),
    (3, "order", "UPDATE orders SET payment_id = gen_random_uuid()"),
    (3, "order", "UPDATE orders SET status = 'canceled', fulfillment_status = 'canceled'"),
    (3, "payment", "UPDATE simulator.payments SET status = 'voided'"),
    (4, "checkout", "UPDATE checkouts SET state = 'failed'"),
    (4, "order", "UPDATE orders SET status = 'pending', confirmed_at = NULL"),
    (5, "notification", "UPDATE inbox SET done_at = NULL"),
    (5, "order", "INSERT INTO outbox (recipient, id, shard) SELECT 'giftwrap', max(id), 0 FROM event_log"),
    (
        5,
        "inventory",
        "INSERT INTO stock_movements "
        "(sku, warehouse_id, kind, quantity, order_id) SELECT sku, warehouse_id, kind, quantity, order_id "
        "FROM stock_movements WHERE kind = 'sale'",
    ),
    (6, "payment", "UPDATE payments SET amount_minor = amount_minor + 1"),
    (6, "order", "UPDATE order_items SET tax_minor = tax_minor + 100000"),
    (7, "catalog", "UPDATE products SET price_minor = price_minor + 1, price_max_minor = price_max_minor + 1"),
    (7, "catalog", "UPDATE products SET version = version + 1"),
    (7, "inventory", "UPDATE stock SET on_hand = reserved"),
]


@pytest.mark.parametrize(("number", "service", "breaks"), BREAK)
async def test_what_is_broken_is_named(sold, number, service, breaks):
    database = sold.databases[service]
    # In one transaction that the shop's own loops cannot see half of: they would mend or trip over it.
    connection = await asyncpg.connect(database.dsn)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(breaks)
        assert number in await findings(sold.databases | {service: Inside(connection)}, number)
    finally:
        await transaction.rollback()
        await connection.close()
    assert await findings(sold.databases, number) == {}


# What is done and what is booked of it are written in one statement each: here one of both is missing.
TRANSFERS = "INSERT INTO transfers (id, source, destination, state) VALUES ('{id}', 'main', 'annex', '{state}')"
TRANSFER_LINES = "INSERT INTO transfer_lines (transfer_id, sku, quantity, {columns}) VALUES ('{id}', 'A', 5, {values})"
MOVED = (
    "INSERT INTO stock_movements (sku, warehouse_id, kind, quantity, document_id)"
    " VALUES ('A', 'main', '{kind}', {units}, '{id}')"
)
COUNTED = (
    "INSERT INTO stock_counts (id, warehouse_id, state) VALUES ('{id}', 'main', 'applied');"
    " INSERT INTO stock_count_lines (count_id, sku, expected, counted, counted_at, applied_at)"
    " VALUES ('{id}', 'A', 5, 3, now(), now())"
)
RECEIPTS = "INSERT INTO receipts (id, supplier, warehouse_id, state) VALUES ('{id}', 'P', 'main', '{state}')"
RECEIPT_LINES = "INSERT INTO receipt_lines (receipt_id, sku, ordered, {columns}) VALUES ('{id}', 'A', 5, {values})"
DOCUMENT = "018f0000-0000-7000-8000-00000000000d"


def sent(columns: str, values: str, *movements: tuple[str, int], state: str = "received") -> list[str]:
    lines = TRANSFER_LINES.format(id=DOCUMENT, columns=columns, values=values)
    return [TRANSFERS.format(id=DOCUMENT, state=state), lines, *moved(*movements)]


def ordered(columns: str, values: str, *movements: tuple[str, int], state: str = "received") -> list[str]:
    lines = RECEIPT_LINES.format(id=DOCUMENT, columns=columns, values=values)
    return [RECEIPTS.format(id=DOCUMENT, state=state), lines, *moved(*movements)]


def moved(*movements: tuple[str, int]) -> list[str]:
    return [MOVED.format(kind=kind, units=units, id=DOCUMENT) for kind, units in movements]


OUT, IN, LOST = ("transfer_out", -5), ("transfer_in", 5), ("write_off", -5)
SAYS = (
    "has sent {} of A, {} arrived and {} of these were lost, "
    "but by its movements {} left, {} came and {} were written off"
)


@pytest.mark.parametrize(
    ("breaks", "says"),
    [
        (sent("sent", "5", state="sent"), SAYS.format(5, 0, 0, 0, 0, 0)),
        (sent("sent, received", "5, 5", OUT), SAYS.format(5, 5, 0, 5, 0, 0)),
        (sent("sent, received", "5, 4", OUT, IN, state="sent"), SAYS.format(5, 4, 0, 5, 5, 0)),
        (sent("sent, lost", "5, 5", OUT, IN), SAYS.format(5, 5, 5, 5, 5, 0)),
        (sent("sent, received", "5, 5", OUT, IN, LOST), SAYS.format(5, 5, 0, 5, 5, 5)),
        (sent("sent, returned", "5, 5", OUT, state="canceled"), SAYS.format(5, 5, 0, 5, 0, 0)),
        (moved(OUT, IN), SAYS.format(0, 0, 0, 5, 5, 0)),
        (sent("sent", "5", OUT, state="received"), "is a received transfer of which 5 are still to come"),
        (sent("sent, received", "5, 5", OUT, IN, state="sent"), "is a sent transfer of which 0 are still to come"),
        (sent("sent", "5", OUT, state="sent"), "0 are to come to annex, but 5 by its documents"),
        (ordered("received", "5"), "has booked 5 of A, but its movements sum to 0"),
        (ordered("received", "5", ("receipt", 7)), "has booked 5 of A, but its movements sum to 7"),
        (moved(("receipt", 5)), "has booked 0 of A, but its movements sum to 5"),
        ([COUNTED.format(id=DOCUMENT)], "has booked -2 of A, but its movements sum to 0"),
        (moved(("adjustment", -1)), "has booked 0 of A, but its movements sum to -1"),
        (ordered("received", "0"), "is a received receipt of which 5 are still to come"),
        (ordered("canceled", "5", state="expected"), "is an expected receipt of which 0 are still to come"),
        (ordered("received", "2", ("receipt", 2), state="expected"), "0 are to come to main, but 3 by its documents"),
    ],
)
async def test_goods_that_are_moved_and_not_booked_are_named(sold, breaks, says):
    """Or booked and not moved. What each says of its stock too is of no matter here."""
    connection = await asyncpg.connect(sold.databases["inventory"].dsn)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("INSERT INTO warehouses (id, name, priority) VALUES ('annex', 'Annex', 200)")
        for each in breaks:
            await connection.execute(each)
        assert says in (await findings(sold.databases | {"inventory": Inside(connection)}, 1))[1]
    finally:
        await transaction.rollback()
        await connection.close()


async def test_what_was_announced_before_somebody_came_is_not_asked_of_him(sold):
    connections = {name: await asyncpg.connect(sold.databases[name].dsn) for name in ("order", "notification")}
    transactions = [connection.transaction() for connection in connections.values()]
    for each in transactions:
        await each.start()
    inside = {name: Inside(connection) for name, connection in connections.items()}
    try:
        await inside["notification"].execute("DELETE FROM inbox WHERE source = 'order'")
        assert await findings(sold.databases | inside, 5) == {5: ["(order.placed) had no effect in notification"]}
        await inside["order"].execute("UPDATE hearers SET after_id = 1 WHERE recipient = 'notification'")
        assert await findings(sold.databases | inside, 5) == {}
    finally:
        for each in transactions:
            await each.rollback()
        for connection in connections.values():
            await connection.close()


class Inside:
    """A database seen from inside an open transaction, where what was broken in it is there."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.cursor, self.fetch, self.execute = connection.cursor, connection.fetch, connection.execute

    @asynccontextmanager
    async def dedicated(self):
        await self._connection.set_type_codec("uuid", encoder=str, decoder=str, schema="pg_catalog", format="text")
        yield self

    def transaction(self, **_):
        return self._connection.transaction()
