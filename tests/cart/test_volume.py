"""Carts of a shop with very many products: each is read by its own lines."""

from __future__ import annotations

from tests.volume import ROWS, fill, read_by

from stoa.services.cart import repository

CART = "lpad(to_hex(n), 32, '0')::uuid"
LINE = "cart_id, sku, quantity, added_in"
SKU = "'SKU-' || lpad(n::text, 6, '0')"


async def test_a_cart_reads_its_lines_and_what_is_said_of_them(database):
    """Also where all that was in carts so far is at the beginning of what there is, and the next is at its end."""
    db = await database("cart")
    await fill(db, "sku_marks", "sku, sold_out, version", f"{SKU}, false, 1")
    await fill(db, "carts", "id", CART)
    await fill(db, "cart_items", LINE, f"{CART}, {SKU}, 1, 1", rows=6)
    last = await db.fetchval(f"SELECT {CART} FROM (SELECT {ROWS}) AS of (n)")
    await db.execute(f"INSERT INTO cart_items ({LINE}) SELECT {CART}, {SKU}, 1, 1 FROM (SELECT {ROWS}) AS of (n)")
    assert (await read_by(db, repository.READ_CARTS, [last])).rows == 3
