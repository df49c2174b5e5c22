"""The SQL of what everybody pays: one of a variant, in the shop's currency, in no group, wherever the goods go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from stoa.kit.db import Db, Transaction
from stoa.kit.money import Money
from stoa.services.catalog import pricing
from stoa.services.catalog.pricing import Held, ListedPrice
from stoa.services.catalog.repository import Changed


class Known(NamedTuple):
    """A variant, with what public lists say of it. `noted` is what is noted as paid at that moment, None where nothing
    is; the product was added at `added_at`, and is sorted by `lowest` and `highest`."""

    id: str
    product_id: str
    own_price: Money
    is_archived: bool
    noted: int | None
    added_at: datetime
    lowest: int
    highest: int
    listed: Sequence[ListedPrice]


class DueList(NamedTuple):
    id: str
    due_at: datetime
    starts_at: datetime | None
    ends_at: datetime | None
    is_public: bool
    done_to: str | None


KNOWN_OF = f"""
    SELECT variant.id, variant.product_id, variant.price_minor, variant.currency, variant.archived_at IS NOT NULL,
        (
            SELECT amount_minor FROM price_history WHERE variant_id = variant.id AND since <= $2
            ORDER BY since DESC LIMIT 1
        ),
        product.created_at, product.price_minor, product.price_max_minor,
        (
            SELECT json_agg({pricing.LISTED_PRICE})
            FROM prices AS price
            CROSS JOIN LATERAL (SELECT * FROM price_lists WHERE id = price.list_id LIMIT 1) AS list
            WHERE price.variant_id = variant.id AND list.status = 'active' AND list.currency = variant.currency
                AND list.customer_group IS NULL AND list.countries = '{{}}' AND price.least_quantity = 1
        )
    FROM variants AS variant
    CROSS JOIN LATERAL (SELECT * FROM products WHERE id = variant.product_id LIMIT 1) AS product
    WHERE variant.product_id = ANY($1::uuid[])
"""  # noqa: S608 - a constant of ours


async def known_of(tx: Transaction, product_ids: Iterable[str], at: datetime) -> list[Known]:
    """Of locked products all variants, archived ones too."""
    return [_known(row) for row in await tx.fetch(KNOWN_OF, list(product_ids), at)]


def _known(row: asyncpg.Record) -> Known:
    variant_id, product_id, price_minor, currency, is_archived, noted, added_at, lowest, highest, listed = row
    own_price, prices = Money(price_minor, currency), [ListedPrice(*each) for each in listed or ()]
    return Known(variant_id, product_id, own_price, is_archived, noted, added_at, lowest, highest, prices)


# What can matter no more goes with what is noted: a price that ended 30 days before the present one began.
NOTE_PRICES = """
    WITH new AS (
        SELECT variant_id, since, amount_minor
        FROM jsonb_to_recordset($1) AS new (variant_id uuid, since timestamptz, amount_minor bigint)
    ), outlived AS (
        DELETE FROM price_history AS old
        WHERE variant_id = ANY(ARRAY(SELECT variant_id FROM new)) AND EXISTS (
            SELECT FROM price_history AS next
            WHERE next.variant_id = old.variant_id AND next.since > old.since
                AND next.since <= $2::timestamptz - interval '30 days'
        )
    )
    INSERT INTO price_history (variant_id, since, amount_minor)
    SELECT variant_id, since, amount_minor FROM new ORDER BY variant_id, since
    ON CONFLICT (variant_id, since) DO UPDATE SET amount_minor = EXCLUDED.amount_minor
"""


async def note_prices(tx: Transaction, noted: Sequence[tuple[str, datetime, int]], at: datetime) -> None:
    """By variant: since when, and how much."""
    rows = [
        {"variant_id": variant_id, "since": since.isoformat(), "amount_minor": amount}
        for variant_id, since, amount in noted
    ]
    await tx.execute(NOTE_PRICES, rows, at)


_RANGES = "SELECT id, lowest, highest FROM jsonb_to_recordset($1) AS new (id uuid, lowest bigint, highest bigint)"

PROJECT_PRICES = f"""
    UPDATE products SET price_minor = new.lowest, price_max_minor = new.highest
    FROM ({_RANGES}) AS new
    WHERE products.id = new.id AND products.id = ANY($2::uuid[])
"""  # noqa: S608 - a constant of ours
CHANGE_PRICES = f"""
    UPDATE products SET price_minor = new.lowest, price_max_minor = new.highest, version = version + 1,
        updated_at = now()
    FROM ({_RANGES}) AS new
    WHERE products.id = new.id AND products.id = ANY($2::uuid[])
    RETURNING products.id, products.slug, products.version, products.seller_id
"""  # noqa: S608 - a constant of ours


async def project_prices(tx: Transaction, ranges: Mapping[str, tuple[int, int]]) -> None:
    """By these locked products are sorted from now on: the lowest and the highest price."""
    await tx.execute(PROJECT_PRICES, _rows(ranges), list(ranges))


async def change_prices(tx: Transaction, ranges: Mapping[str, tuple[int, int]]) -> list[Changed]:
    """The same; each version goes up by one."""
    return [Changed(*row) for row in await tx.fetch(CHANGE_PRICES, _rows(ranges), list(ranges))]


def _rows(ranges: Mapping[str, tuple[int, int]]) -> list[dict[str, Any]]:
    return [{"id": each, "lowest": lowest, "highest": highest} for each, (lowest, highest) in ranges.items()]


# In the order of their ids, as all do who lock several.
HOLD_PRODUCTS = "SELECT id FROM products WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE"


async def hold_products(tx: Transaction, product_ids: Iterable[str]) -> None:
    await tx.execute(HOLD_PRODUCTS, list(product_ids))


HELD_PRICES = """
    SELECT variant_id, floor(extract(epoch FROM since) * 1000)::bigint, amount_minor FROM price_history
    WHERE variant_id = ANY($1::uuid[])
    ORDER BY variant_id, since
"""


async def held_prices(db: Db, variant_ids: Iterable[str]) -> dict[str, list[Held]]:
    """What everybody paid since when, by variant id; of those without an entry always the own price."""
    found: dict[str, list[Held]] = {}
    for variant_id, *held in await db.fetch(HELD_PRICES, list(variant_ids)):
        found.setdefault(variant_id, []).append(Held(*held))
    return found


RANGES_OF = "SELECT id, price_minor, price_max_minor, currency FROM products WHERE id = ANY($1::uuid[])"


async def ranges_of(db: Db, product_ids: Iterable[str]) -> dict[str, tuple[Money, Money]]:
    """What everybody pays at least and at most, by product id; without those that have no variant."""
    rows = await db.fetch(RANGES_OF, list(product_ids))
    return {
        each: (Money(lowest, currency), Money(highest, currency))
        for each, lowest, highest, currency in rows
        if currency
    }


# Whom another process has in hand is left to it.
LOCK_DUE = """
    SELECT id, due_at, starts_at, ends_at,
        status = 'active' AND customer_group IS NULL AND countries = '{}' AS is_public, done_to
    FROM price_lists WHERE due_at <= $1 ORDER BY due_at, id LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED
"""


async def lock_due(tx: Transaction, at: datetime) -> DueList | None:
    """The list by which something changed first that is not done."""
    row = await tx.fetchrow(LOCK_DUE, at)
    return None if row is None else DueList(*row)


NEXT_OF_LIST = """
    SELECT variant.id, variant.product_id
    FROM (
        SELECT DISTINCT variant_id FROM prices WHERE list_id = $1 AND variant_id > $2 ORDER BY variant_id LIMIT $3
    ) AS price
    CROSS JOIN LATERAL (SELECT id, product_id FROM variants WHERE id = price.variant_id LIMIT 1) AS variant
    ORDER BY variant.id
"""
_FIRST = "00000000-0000-0000-0000-000000000000"


async def next_of_list(tx: Transaction, due: DueList, most: int) -> dict[str, str]:
    """The products' ids by the ids of the next variants, in their order."""
    rows = await tx.fetch(NEXT_OF_LIST, due.id, due.done_to or _FIRST, most)
    return {row["id"]: row["product_id"] for row in rows}


SET_DUE = "UPDATE price_lists SET due_at = $2, done_to = $3 WHERE id = $1"


async def set_due(tx: Transaction, list_id: str, due_at: datetime | None, done_to: str | None = None) -> None:
    """Of a locked list."""
    await tx.execute(SET_DUE, list_id, due_at, done_to)


NEXT_DUE = "SELECT due_at FROM price_lists WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1"


async def next_due(db: Db) -> datetime | None:
    found: datetime | None = await db.fetchval(NEXT_DUE)
    return found


# Once everybody pays what they do without it.
LOCK_ARCHIVED = """
    SELECT id FROM price_lists WHERE status = 'archived' AND due_at IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
FORGET_PRICES = """
    DELETE FROM prices WHERE (list_id, variant_id, least_quantity) IN (
        SELECT list_id, variant_id, least_quantity FROM prices WHERE list_id = $1
        ORDER BY variant_id, least_quantity LIMIT $2
    )
"""
FORGET_LIST = "DELETE FROM price_lists WHERE id = $1"


async def lock_archived(tx: Transaction) -> str | None:
    found: str | None = await tx.fetchval(LOCK_ARCHIVED)
    return found


async def forget_prices(tx: Transaction, list_id: str, most: int) -> int:
    """How many were removed."""
    return int((await tx.execute(FORGET_PRICES, list_id, most)).split()[-1])


async def forget_list(tx: Transaction, list_id: str) -> None:
    """A locked one with no price in it."""
    await tx.execute(FORGET_LIST, list_id)
