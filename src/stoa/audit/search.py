"""Invariant 7: what is found is what is sold, as of its version, at its price, and what of it can be bought."""

from __future__ import annotations

from stoa.audit.finding import Finding, Findings, Invariant
from stoa.audit.look import Look, side_by_side

# At what everybody pays by price lists.
ACTIVE = """
    SELECT id AS key, version, coalesce(price_minor, 0) AS price FROM products WHERE standing = 'active' ORDER BY id
"""

DOCUMENTS = """
    SELECT product_id AS key, product_version AS version,
           coalesce((convert_from(document, 'UTF8')::jsonb ->> 'price_minor')::bigint, 0) AS price
    FROM documents WHERE document IS NOT NULL ORDER BY product_id
"""

# As inventory works it out: what is sellable, and what may be promised without being on hand.
TO_PROMISE = """
    SELECT items.sku AS key,
           CASE policy WHEN 'none' THEN 0 ELSE greatest(0, backorder_limit - backordered) END
           + coalesce(sum(greatest(0, on_hand - reserved - safety_stock)), 0) > 0 AS available
    FROM items LEFT JOIN stock USING (sku)
    GROUP BY items.sku, policy, backorder_limit, backordered ORDER BY items.sku COLLATE "C"
"""

KNOWN = 'SELECT sku AS key, available FROM skus WHERE product_id IS NOT NULL ORDER BY sku COLLATE "C"'


async def check(look: Look) -> Findings:
    async for product_id, (sold, found) in side_by_side(look.rows("catalog", ACTIVE), look.rows("search", DOCUMENTS)):
        if not found:
            yield Finding(product_id, "is sold, and cannot be found")
        elif not sold:
            yield Finding(product_id, "is found, and is not sold")
        elif found[0]["version"] != sold[0]["version"]:
            yield Finding(product_id, f"is found as of version {found[0]['version']}, and has {sold[0]['version']}")
        elif found[0]["price"] != sold[0]["price"]:
            yield Finding(product_id, f"is found for {found[0]['price']}, and costs {sold[0]['price']}")
    async for sku, (there, known) in side_by_side(look.rows("inventory", TO_PROMISE), look.rows("search", KNOWN)):
        available = bool(there) and there[0]["available"]
        if known and known[0]["available"] != available:
            yield Finding(sku, f"is found as {_stock(not available)}, and is {_stock(available)}")


def _stock(available: object) -> str:
    return "in stock" if available else "sold out"


SEARCH = Invariant(
    7, "what is found is what is sold, as of its version, at its price, and as in stock what can be bought", check
)
