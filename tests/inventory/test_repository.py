"""What the schema itself holds, and that every statement fits it."""

from __future__ import annotations

import asyncpg
import pytest

from stoa.services.inventory import (
    discrepancies_repository,
    owners_repository,
    repository,
    stock_repository,
)
from stoa.testing import prepare_all


async def test_every_statement_fits_the_schema(shop):
    modules = (repository, stock_repository, discrepancies_repository, owners_repository)
    assert sum([len(await prepare_all(shop.db, each)) for each in modules]) == 38


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("UPDATE stock SET reserved = 11", "stock_never_oversold"),
        ("UPDATE stock SET reserved = -1", "stock_never_oversold"),
        ("UPDATE stock SET on_hand = -1", "stock_never_oversold"),
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
