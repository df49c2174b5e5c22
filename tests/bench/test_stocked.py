"""A shop of made-up goods: each can be found, and everything in it adds up."""

from __future__ import annotations

import asyncio
from itertools import islice

from bench import assortment, stocked
from bench.shop import running

from stoa.audit.audit import audit
from stoa.kit.db import Database
from stoa.runtime.data_dir import DataDir

GOODS = 300


async def test_a_stocked_shop_is_sound_and_finds_its_goods(tmp_path):
    async with running(tmp_path / "shop", "all-in-one") as shop:
        made_of = await stocked.template(shop)
    told: list[str] = []
    await stocked.fill(DataDir(tmp_path / "shop"), made_of, GOODS, told.append)
    assert len(told) == len([rows for rows in made_of.rows.values() if rows])
    async with running(tmp_path / "shop", "all-in-one") as shop:
        async with asyncio.timeout(60):
            while (await shop.send("GET", f"/products/search?q={_last().sku}"))["total"] != 1:
                await asyncio.sleep(0.5)
        for good in islice(assortment.goods(GOODS), 0, None, 60):
            (found,) = (await shop.send("GET", f"/search?q={good.sku}"))["items"]
            shown = await shop.send("GET", f"/products/{good.slug}")
            assert (found["name"], found["brand"], found["category"]["slug"]) == (
                shown["name"],
                shown["brand"],
                shown["category"]["slug"],
            )
            assert (found["price"]["amount"], shown["price"]["amount"]) == (good.price, good.price)
            assert shown["variants"][0]["options"] == {"Color": good.color}
            assert found["available_skus"] == [good.sku]
        await shop.settle()
        databases = {each.removeprefix("stoa_"): Database(each, shop.dsn(each), 1) for each in shop.services}
        try:
            broken = [verdict for verdict in await audit(databases, looks=2, pause_seconds=0.1) if verdict.findings]
        finally:
            for each in databases.values():
                await each.close()
        assert not broken


def test_goods_of_a_small_shop_are_those_of_a_large_one():
    assert list(assortment.goods(5)) == list(islice(assortment.goods(50), 5))


def test_every_question_is_another_one():
    for count in (20, 5000):
        for asked in assortment.questions(count, 40):
            assert len(asked.parameters) == 40
            assert len({tuple(each.items()) for each in asked.parameters}) > 20, asked.what


def test_a_misspelled_word_is_another_one():
    words = assortment.WORDS[:500]
    assert all(sorted(assortment.misspelled(word)) == sorted(word) for word in words)
    assert sum(assortment.misspelled(word) != word for word in words) > 490


def _last() -> assortment.Good:
    return list(assortment.goods(GOODS))[-1]
