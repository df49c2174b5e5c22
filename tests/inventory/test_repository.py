"""What the schema itself holds, and that every statement fits it."""

from __future__ import annotations

import importlib
import pkgutil

import asyncpg
import pytest

from stoa.services import inventory
from stoa.testing import prepare_all


async def test_every_statement_fits_the_schema(shop):
    modules = [
        importlib.import_module(f"{inventory.__name__}.{found.name}")
        for found in pkgutil.iter_modules(inventory.__path__)
        if found.name.endswith("repository")
    ]
    assert min([len(await prepare_all(shop.db, each)) for each in modules]) > 0


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("UPDATE stock SET reserved = 11", "stock_never_oversold"),
        ("UPDATE stock SET reserved = -1", "stock_never_oversold"),
        ("UPDATE stock SET on_hand = -1", "stock_never_oversold"),
        ("UPDATE items SET backordered = 1", "items_backordered"),
        ("UPDATE items SET backordered = -1", "items_backordered"),
        ("UPDATE items SET policy = 'backorder'", "items_policy"),
        ("UPDATE items SET policy = 'preorder'", "items_policy"),
        ("UPDATE stock SET safety_stock = -1", "stock_safety_stock_check"),
        (
            "INSERT INTO backorders (reservation_id, sku, quantity, filled, promised_on) "
            "VALUES (gen_random_uuid(), 'A', 1, 1, now())",
            "backorders_filled",
        ),
        ("UPDATE reservations SET state = 'sold'", "reservations_state_check"),
        ("UPDATE reservations SET expires_at = NULL", "reservations_held_expires"),
        ("UPDATE reservations SET state = 'allocated'", "reservations_promised_to"),
        ("UPDATE reservation_lines SET quantity = 0", "reservation_lines_quantity_check"),
        ("UPDATE reservation_lines SET returned = 3", "reservation_lines_returned"),
        (
            "INSERT INTO stock_movements (sku, warehouse_id, kind, quantity) VALUES ('A', 'main', 'sale', -1)",
            "stock_movements_kind",
        ),
        (
            "INSERT INTO stock_movements (sku, warehouse_id, kind, quantity) VALUES ('A', 'main', 'gift', 1)",
            "stock_movements_kind",
        ),
    ],
)
async def test_checks_stand_behind_the_acts(shop, sql, constraint):
    await shop.put("A", 10)
    await shop.reserve("k", A=2)
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await shop.db.execute(sql)
    assert refused.value.constraint_name == constraint
    assert await shop.stock("A") == (10, 2)


@pytest.mark.parametrize(
    "sql", ["UPDATE stock_movements SET quantity = 1", "DELETE FROM stock_movements", "TRUNCATE stock_movements"]
)
async def test_movements_are_append_only(shop, sql):
    await shop.put("A", 10)
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await shop.db.execute(sql)
    assert await shop.movements("A") == [("opening", 10)]
