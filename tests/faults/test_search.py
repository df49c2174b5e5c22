"""The process is killed while its index is written: it comes back with all that was announced, once. And an index that
is made anew takes the place of the one that answers until then."""

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


async def test_what_is_made_anew_is_whole_and_nobody_is_turned_away_meanwhile(mortal_shop: MortalShop) -> None:
    await mortal_shop.start()
    db = mortal_shop.databases["search"]
    await db.execute(WRITE_DOCUMENTS, 40)
    async with asyncio.timeout(20):
        while await total(mortal_shop) != 40:
            await asyncio.sleep(0.1)
    # What no event tells: only who reads all documents sees that one is not there.
    await db.execute("DELETE FROM documents WHERE revision = 1")
    said, totals = await reindexed(mortal_shop)
    assert "1 built" in said
    assert totals <= {40, 39}
    assert await asked_anew(mortal_shop, limit=1) == 39
    # The gateway may have kept what was found before.
    async with asyncio.timeout(20):
        while await total(mortal_shop) != 39:
            await asyncio.sleep(0.1)

    # Nor do events tell what catalog never had.
    said, totals = await reindexed(mortal_shop, "--from-catalog")
    assert "0 products" in said and "1 built" in said
    assert totals <= {39, 0}
    assert await asked_anew(mortal_shop, limit=2) == 0
    await mortal_shop.must_be_sound()


async def reindexed(shop: MortalShop, *words: str) -> tuple[str, set[int]]:
    """What the command said, and how much was found meanwhile."""
    command = asyncio.create_task(shop.run("reindex", *words))
    totals = set()
    while not command.done():
        totals.add(await total(shop))
        await asyncio.sleep(0.02)
    return await command, totals


async def asked_anew(shop: MortalShop, limit: int) -> int:
    """How much is found, by a question that the gateway has no answer to."""
    async with shop.http.get(f"/api/v1/search?facets=none&limit={limit}") as answer:
        return int((await answer.json())["total"])


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
