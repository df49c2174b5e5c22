"""The process is killed while its index is written: it comes back with all that was announced, once."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from stoa.testing.mortal import MortalShop


@pytest.mark.parametrize("point", ["search:written", "search:committed", "search:built"])
async def test_killed_while_the_index_is_written(mortal_shop: MortalShop, point: str) -> None:
    await mortal_shop.start(crash_at=point)
    db = mortal_shop.databases["search"]
    # As the feed writes them: what the index makes of it is what is looked at here.
    await db.execute(WRITE_DOCUMENTS, 40)
    if point == "search:built":
        await db.execute("UPDATE feed SET generation = generation + 1")
    await search_until_gone(mortal_shop)
    await mortal_shop.died()
    await mortal_shop.start()
    async with asyncio.timeout(20):
        while await total(mortal_shop) != 40:
            await asyncio.sleep(0.1)


async def search_until_gone(shop: MortalShop) -> None:
    try:
        for _ in range(200):
            await total(shop)
            await asyncio.sleep(0.02)
    except (OSError, aiohttp.ClientError):
        return


async def total(shop: MortalShop) -> int:
    async with shop.http.get("/api/v1/search?facets=none") as answer:
        return int((await answer.json())["total"]) if answer.status == 200 else -1


WRITE_DOCUMENTS = """
    WITH held AS (UPDATE feed SET revision = revision + $1 RETURNING revision - $1 AS before)
    INSERT INTO documents (product_id, product_version, revision, document)
    SELECT id, 1, before + number, convert_to(jsonb_build_object(
        'id', id, 'version', 0, 'slug', 'mug-' || number, 'name', 'Mug ' || number,
        'created_at', '2027-01-01T00:00:00Z', 'card', replace(encode(convert_to(jsonb_build_object(
            'id', id, 'slug', 'mug-' || number, 'name', 'Mug ' || number, 'brand', '', 'status', 'active',
            'category', null, 'price', null, 'price_max', null, 'image', null, 'skus', '[]'::jsonb,
            'available', false, 'available_skus', '[]'::jsonb)::text, 'UTF8'), 'base64'), chr(10), '')
    )::text, 'UTF8')
    FROM held, (SELECT number, gen_random_uuid() AS id FROM generate_series(1, $1) AS number) AS new
"""
