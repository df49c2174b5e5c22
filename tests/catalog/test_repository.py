"""What the schema itself holds, and that every statement fits it."""

from __future__ import annotations

import asyncpg
import pytest

from stoa.services.catalog import (
    brands_repository,
    categories_repository,
    price_lists_repository,
    public_prices_repository,
    repository,
    sellers_repository,
    types_repository,
    variants_repository,
)
from stoa.services.catalog.lists_repository import list_statement
from stoa.testing import prepare_all

from .conftest import every_list


async def test_every_statement_fits_the_schema(shop):
    assert len(await prepare_all(shop.db, repository)) == 15
    assert len(await prepare_all(shop.db, variants_repository)) == 12
    assert len(await prepare_all(shop.db, sellers_repository)) == 7
    assert len(await prepare_all(shop.db, categories_repository)) == 13
    assert len(await prepare_all(shop.db, price_lists_repository)) == 14
    assert len(await prepare_all(shop.db, types_repository)) == 18
    assert len(await prepare_all(shop.db, public_prices_repository)) == 14
    assert len(await prepare_all(shop.db, brands_repository)) == 24


async def test_every_list_fits_the_schema(shop):
    async with shop.db.dedicated() as connection:
        for sort, given in every_list():
            await connection.prepare(list_statement(sort, given))


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("UPDATE products SET currency = NULL", "products_active_has_price"),
        ("UPDATE products SET price_minor = -1", "products_price"),
        ("UPDATE products SET price_minor = price_max_minor + 1", "products_price"),
        ("UPDATE products SET status = 'sold'", "products_status_check"),
        ("UPDATE products SET withheld_at = now()", "products_withheld_by_somebody"),
        ("UPDATE products SET seller_barred = true", "products_barred_have_seller"),
        ("UPDATE variants SET price_minor = -1", "variants_price_minor_check"),
    ],
)
async def test_checks_stand_behind_the_acts(shop, sql, constraint):
    await shop.add("mug", 500)
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await shop.db.execute(sql)
    assert refused.value.constraint_name == constraint
