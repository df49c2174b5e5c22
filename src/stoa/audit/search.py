"""Invariant 7: what is found is what is sold, as of its version, at its price, by its names, and what can be bought."""

from __future__ import annotations

from stoa.audit.finding import Finding, Findings, Invariant
from stoa.audit.look import Look, side_by_side

# At what everybody pays by price lists.
ACTIVE = """
    SELECT product.id AS key, product.version, coalesce(product.price_minor, 0) AS price, (
        SELECT string_agg(locale || ' ' || coalesce(said.name, product.name), E'\n' ORDER BY locale COLLATE "C")
        FROM translations AS said WHERE said.thing_id = product.id
    ) AS names
    FROM products AS product WHERE product.standing = 'active' ORDER BY product.id
"""

DOCUMENTS = """
    SELECT product_id AS key, product_version AS version,
           coalesce((said ->> 'price_minor')::bigint, 0) AS price, (
        SELECT string_agg(locale || ' ' || (texts ->> 'name'), E'\n' ORDER BY locale COLLATE "C")
        FROM jsonb_each(said -> 'texts') AS each (locale, texts)
    ) AS names, (said ->> 'popularity')::float8 AS popularity, coalesce(popularity.popularity, 0) AS worked_out
    FROM documents LEFT JOIN popularity USING (product_id),
         LATERAL (SELECT convert_from(document, 'UTF8')::jsonb AS said) AS read
    WHERE document IS NOT NULL ORDER BY product_id
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
        elif found[0]["names"] != sold[0]["names"]:
            yield Finding(product_id, "is found by other names in other languages than it has there")
        elif found[0]["popularity"] != found[0]["worked_out"]:
            is_now = found[0]["worked_out"]
            yield Finding(product_id, f"is found as popular as {found[0]['popularity']:.1f}, and is {is_now:.1f}")
    async for sku, (there, known) in side_by_side(look.rows("inventory", TO_PROMISE), look.rows("search", KNOWN)):
        available = bool(there) and there[0]["available"]
        if known and known[0]["available"] != available:
            yield Finding(sku, f"is found as {_stock(not available)}, and is {_stock(available)}")


def _stock(available: object) -> str:
    return "in stock" if available else "sold out"


SEARCH = Invariant(
    7,
    "what is found is what is sold, as of its version, at its price, by its names, and as in stock what can be bought",
    check,
)
