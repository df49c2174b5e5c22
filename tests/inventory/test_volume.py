"""Lists of a shop with very many SKUs: a page reads a bounded part, wherever it begins and however little it shows."""

from __future__ import annotations

from volume import ROWS, fill, read_by

from stoa.services.inventory import stock_repository
from stoa.services.inventory.routes import LOOK_AT, routes
from stoa.testing import Rest, new_user

ADMIN = new_user("admin")
SKU = "'SKU-' || lpad(n::text, 6, '0')"
EVERY = 20_000
"""One SKU of so many has little."""


async def test_a_page_of_stock_reads_a_bounded_part(shop):
    await fill(shop.db, "items", "sku", SKU)
    await fill(
        shop.db, "stock", "sku, warehouse_id, on_hand", f"{SKU}, 'main', CASE n % {EVERY} WHEN 0 THEN 2 ELSE 90 END"
    )
    for after in ("", "SKU-150000", "SKU-299990"):
        assert (await read_by(shop.db, stock_repository.TOTALS_AFTER, after, 21)).rows <= 22
        assert (await read_by(shop.db, stock_repository.LOW_AFTER, after, LOOK_AT, 5, 21)).rows <= LOOK_AT + 1

    rest, query, low, pages = Rest(routes.bind(shop.inventory), shop.db), "low_stock=true", [], 0
    while query:
        page = await rest.ok("GET", f"/inventory?{query}", user=ADMIN)
        low += [one["sku"] for one in page["items"]]
        pages += 1
        query = page["next_cursor"] and f"low_stock=true&cursor={page['next_cursor']}"
    assert low == [f"SKU-{n:06}" for n in range(EVERY, ROWS + 1, EVERY)]
    assert pages == ROWS / LOOK_AT + 1
