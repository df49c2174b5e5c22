"""Price lists as catalog keeps them, for the tests of those who only pay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from stoa.kit.db import Database
from stoa.kit.ids import uuid7

ADD_LIST = """
    INSERT INTO price_lists (id, slug, name, currency, customer_group, countries, ends_at, status)
    VALUES ($1, $2, $2, $3, $4, $5, $6, 'active')
"""
ADD_PRICE = """
    INSERT INTO prices (list_id, variant_id, least_quantity, amount_minor)
    SELECT $1, id, $3, $4 FROM variants WHERE sku = $2
"""


async def list_prices(
    catalog: Database,
    prices: Mapping[str, Mapping[int, int]],
    *,
    currency: str = "GBP",
    group: str | None = None,
    countries: Sequence[str] = (),
    ends_at: datetime | None = None,
) -> str:
    """A new active list, with amounts by SKU and least quantity; its id."""
    list_id = uuid7()
    await catalog.execute(ADD_LIST, list_id, f"list-{list_id}", currency, group, list(countries), ends_at)
    for sku, tiers in prices.items():
        for quantity, amount in tiers.items():
            await catalog.execute(ADD_PRICE, list_id, sku, quantity, amount)
    return list_id
