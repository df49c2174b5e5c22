"""Documents and who waits, of a shop that has very many of both: each list and each job reads a bounded part."""

from __future__ import annotations

import pytest
from volume import fill, read_by

from stoa.kit import clock
from stoa.kit.db import Database
from stoa.services.inventory import (
    counts_repository,
    receipts_repository,
    subscriptions_repository,
    transfers_repository,
)

ROWS = 20_000
ID = "('01a00000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"
MIDDLE = "01a00000-0000-7000-8000-000000002710"
SKU = "'SKU-' || lpad((n % 5000)::text, 6, '0')"
EVERY = 1_000
"""One of so many is not done yet."""


@pytest.fixture
async def many(shop) -> Database:
    db = shop.db
    await db.execute("INSERT INTO warehouses (id, name, priority) VALUES ('annex', 'Annex', 200)")
    state = f"CASE n % {EVERY} WHEN 0 THEN 'open' ELSE 'done' END"
    sent = state.replace("open", "sent").replace("done", "received")
    await fill(db, "transfers", "id, source, destination, state", f"{ID}, 'main', 'annex', {sent}", ROWS)
    received = f"CASE n % {EVERY} WHEN 0 THEN 0 ELSE 1 END"
    columns = "transfer_id, sku, quantity, sent, received"
    await fill(db, "transfer_lines", columns, f"{ID}, {SKU}, 1, 1, {received}", ROWS)
    expected = state.replace("open", "expected").replace("done", "received")
    await fill(db, "receipts", "id, supplier, warehouse_id, state", f"{ID}, 'P', 'main', {expected}", ROWS)
    await fill(db, "receipt_lines", "receipt_id, sku, ordered, received", f"{ID}, {SKU}, 1, {received}", ROWS)
    return db


async def test_lists_of_documents(many):
    everything = "SELECT id FROM transfers ORDER BY id DESC"
    assert len(await many.fetch(everything)) == ROWS
    for module, name, state in (
        (transfers_repository, "TRANSFERS", "sent"),
        (receipts_repository, "RECEIPTS", "expected"),
    ):
        for before in (None, MIDDLE):
            assert (await read_by(many, getattr(module, f"{name}_BEFORE"), before, 21)).rows <= 21
            found = await read_by(many, getattr(module, f"{name}_OF_STATE_BEFORE"), before, 21, state)
            assert found.rows <= ROWS / EVERY


async def test_what_is_incoming_is_found_without_what_has_come(many):
    """Of a SKU with many documents those that are done are not looked at."""
    read = await read_by(many, receipts_repository.INCOMING_OF, ["SKU-000000", "SKU-000001", "SKU-001000"])
    assert read.rows == 32, "eight lines of transfers and eight of receipts, each with its head"
    assert {one.sku for one in await receipts_repository.incoming_of(many, ["SKU-000000", "SKU-000001"])} == {
        "SKU-000000"
    }


async def test_lines_of_a_count(shop):
    await shop.db.execute(f"INSERT INTO stock_counts (id, warehouse_id, state) VALUES ('{MIDDLE}', 'main', 'open')")
    counted = f"CASE n % {EVERY} WHEN 0 THEN NULL ELSE {{}} END"
    await fill(
        shop.db,
        "stock_count_lines",
        "count_id, sku, expected, counted, counted_at, applied_at",
        f"'{MIDDLE}', 'SKU-' || lpad(n::text, 6, '0'), {counted.format(5)}, "
        f"{counted.format(f'5 + (n % {EVERY} = 1)::int')}, {counted.format('now()')}, {counted.format('now()')}",
        ROWS,
    )
    for after in ("", "SKU-015000"):
        for statement in (
            counts_repository.LINES_AFTER,
            counts_repository.UNCOUNTED_AFTER,
            counts_repository.DIFFERENT_AFTER,
        ):
            assert (await read_by(shop.db, statement, MIDDLE, after, 21)).rows <= 21
    assert (await read_by(shop.db, counts_repository.UNAPPLIED, MIDDLE, 500)).rows == 0


async def test_who_waits(shop):
    columns = "id, sku, email, token"
    await fill(shop.db, "stock_subscriptions", columns, f"{ID}, {SKU}, n || '@example.com', {ID}", ROWS)
    due = f"CASE n % {EVERY} WHEN 0 THEN now() END"
    columns = "sku, due_at, hidden, product_id"
    await fill(shop.db, "awaited_skus", columns, f"'SKU-' || lpad(n::text, 6, '0'), {due}, n % 2 = 0, {ID}", 5000)
    now = clock.now()
    assert (await read_by(shop.db, subscriptions_repository.NEXT_DUE, now)).rows == 1
    assert (await read_by(shop.db, subscriptions_repository.DUE, now, 20)).rows <= 5
    assert (await read_by(shop.db, subscriptions_repository.HIDDEN_OF, [MIDDLE], ["SKU-001000"])).rows <= 2
    # Each is read to be found and locked, and once more to be removed.
    assert (await read_by(shop.db, subscriptions_repository.TAKE_FIRST, ["SKU-001000"], [3])).rows <= 8
    assert (await read_by(shop.db, subscriptions_repository.REMOVE_OLD, MIDDLE, 100)).rows <= 201
    assert (await read_by(shop.db, subscriptions_repository.UNSUBSCRIBE, MIDDLE)).rows == 2
