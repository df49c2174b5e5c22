"""A large shop: its copies sell, and everything in it adds up."""

from __future__ import annotations

from bench import copies, orders
from bench.shop import running

from stoa.audit.audit import audit
from stoa.kit.db import Database
from stoa.runtime.data_dir import DataDir

COPIES = 300


async def test_a_shop_of_copies_is_sound_and_sells_them(tmp_path):
    async with running(tmp_path / "shop", "all-in-one") as shop:
        rows = await copies.left_by_an_order(shop)
    told: list[str] = []
    size = await copies.fill(DataDir(tmp_path / "shop"), rows, COPIES, told.append)
    assert size > COPIES * 1000
    assert len(told) == len(copies.tables(rows))
    async with running(tmp_path / "shop", "all-in-one") as shop:
        # Two were bought before, to see what an order leaves.
        counted = {
            ("stoa_order", "orders"): COPIES + 2,
            ("stoa_order", "order_items"): COPIES + 2,
            ("stoa_inventory", "reservations"): COPIES + 2,
            ("stoa_notification", "order_contacts"): COPIES + 2,
            ("stoa_payment", "payments"): COPIES + 2,
        }
        for (database, table), count in counted.items():
            connection = await shop.look(database)
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == count
        bought = await orders.buy(shop, lambda number: copies.sku(number + 1), 6, 2)
        assert bought.rate > 0
        databases = {each.removeprefix("stoa_"): Database(each, shop.dsn(each), 1) for each in shop.services}
        try:
            broken = [verdict for verdict in await audit(databases, looks=2, pause_seconds=0.1) if verdict.findings]
        finally:
            for each in databases.values():
                await each.close()
        assert not broken
