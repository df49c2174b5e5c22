"""After an order nothing about its buyer is where it need not be: every table of every database is read."""

from __future__ import annotations

from tests.journeys.client import ADDRESS, Shopper

from stoa.cli.seed import seed
from stoa.runtime.data_dir import DataDir
from stoa.testing import Shop

TABLES = """
    SELECT schemaname, tablename FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2
"""

BELONGS = {
    # Who signs in, who they are, what they agreed to, and what they were sent.
    "auth.users",
    "user.user_profiles",
    "order.orders",
    "notification.deliveries",
    "notification.order_contacts",
    # The answers to requests, for as long as a request may be repeated.
    "auth.idempotency_keys",
    "order.idempotency_keys",
    "checkout.checkouts",
}


async def test_a_buyer_is_known_only_where_that_is_needed(shop_with, tmp_path) -> None:
    shop: Shop = await shop_with()
    await seed(DataDir(tmp_path), shop.process.neighbors.operator_channel)
    visitor = Shopper(shop.http, str(shop.http._base_url).rstrip("/"))
    ada = await visitor.register()
    (product,) = (await ada.ok("GET", "/products?limit=1"))["items"]
    await ada.fill_cart(**{product["skus"][0]: 1})
    placed = await ada.buy(shipping_address=ADDRESS | {"name": "Augusta King-Noel"})
    await ada.ok("POST", f"/orders/{placed['id']}/cancel", {"reason": "changed my mind"})
    await shop.settle()

    assert ada.user is not None
    found = set()
    for name, db in shop.databases.items():
        for schema, table in await db.fetch(TABLES):
            sql = f"SELECT count(*) FROM {schema}.{table} AS row WHERE row::text ~ $1"
            if await db.fetchval(sql, f"{ada.user['email']}|King-Noel|{ADDRESS['line1']}|Lovelace"):
                found.add(f"{name}.{table}")
    assert found <= BELONGS
    assert {"auth.users", "user.user_profiles", "order.orders", "notification.deliveries"} <= found
