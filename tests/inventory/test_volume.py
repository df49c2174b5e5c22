"""Lists of a shop with very many SKUs: a page reads a bounded part, wherever it begins and however little it shows."""

from __future__ import annotations

from datetime import date

from volume import ROWS, fill, read_by

from stoa.kit.ids import uuid7
from stoa.services.inventory import backorders_repository, policy_repository, repository, stock_repository
from stoa.services.inventory.routes import LOOK_AT, routes
from stoa.testing import Rest, new_user

ADMIN = new_user("admin")
SKU = "'SKU-' || lpad(n::text, 6, '0')"
EVERY = 20_000
"""One SKU of so many has little."""


async def test_a_page_of_stock_reads_a_bounded_part(shop):
    await fill(shop.db, "items", "sku", SKU)
    await fill(shop.db, "owners", "sku, product_version", f"{SKU}, 1")
    await fill(
        shop.db, "stock", "sku, warehouse_id, on_hand", f"{SKU}, 'main', CASE n % {EVERY} WHEN 0 THEN 2 ELSE 90 END"
    )
    for after in ("", "SKU-150000", "SKU-299990"):
        assert (await read_by(shop.db, stock_repository.TOTALS_AFTER, after, 21)).rows <= 22
        assert (await read_by(shop.db, stock_repository.LOW_AFTER, after, LOOK_AT, 5, 21)).rows <= 2 * LOOK_AT + 1
        of_no_product = await read_by(shop.db, stock_repository.OF_NO_PRODUCT_AFTER, after, LOOK_AT, 21)
        assert of_no_product.rows <= 2 * LOOK_AT + 1

    rest, query, low, pages = Rest(routes.bind(shop.inventory), shop.db), "low_stock=true", [], 0
    while query:
        page = await rest.ok("GET", f"/inventory?{query}", user=ADMIN)
        low += [one["sku"] for one in page["items"]]
        pages += 1
        query = page["next_cursor"] and f"low_stock=true&cursor={page['next_cursor']}"
    assert low == [f"SKU-{n:06}" for n in range(EVERY, ROWS + 1, EVERY)]
    assert pages == ROWS / LOOK_AT + 1


async def test_who_waits_and_what_is_due_is_found_among_many(shop):
    waiting = 20_000
    await shop.backorder("HOT", 1)
    await shop.promise("k", uuid7(), HOT=1)
    await fill(
        shop.db,
        "backorders",
        "reservation_id, sku, quantity, filled, state, promised_on",
        # A unique index has one open backorder of a SKU in a reservation: most wait for another each.
        "(SELECT id FROM reservations), CASE n % 2 WHEN 0 THEN 'HOT' ELSE 'S' || n END, 1, n % 2, "
        "CASE n % 2 WHEN 0 THEN 'canceled' ELSE 'filled' END, now()",
        waiting,
    )
    await fill(shop.db, "items", "sku, policy, available_on", "'P' || n, 'preorder', '2099-01-01'::date + n", waiting)
    for after in (None, waiting // 2):
        assert (await read_by(shop.db, backorders_repository.OPEN_AFTER, after, 21)).rows <= 2
        assert (await read_by(shop.db, backorders_repository.OPEN_OF_AFTER, after, 21, "HOT")).rows <= 2
    assert (await read_by(shop.db, backorders_repository.FIRST_WAITING, ["HOT"], [5])).rows <= 3
    assert (await read_by(shop.db, policy_repository.DUE_PREORDERS, date(2099, 1, 3), 200)).rows <= 2
    assert (await read_by(shop.db, policy_repository.NEXT_PREORDER)).rows <= 1
    assert (await read_by(shop.db, repository.FILLS_OF, [uuid7()])).rows <= 1
