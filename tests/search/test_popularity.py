"""What was sold comes first where somebody asks for what is popular: whatever is told late, twice, or taken back."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from runners import deadlocks
from search.conftest import Town, found

from stoa.kit import clock
from stoa.kit.events import Event
from stoa.kit.ids import uuid7
from stoa.services.search import popularity, sales_repository
from stoa.services.search.document import decoded
from stoa.services.search.jobs import end_what_is_old, let_fade
from stoa.services.search.refresh import refresh_page
from stoa.testing import prepare_all

Lines = dict[str, int]
"""By SKU, which `Sales.products` has the products of."""


class Sales:
    """Events of orders, as they are announced."""

    def __init__(self, **products: dict[str, Any]) -> None:
        self.products = {name.replace("_", "-").upper(): product["id"] for name, product in products.items()}

    def placed(self, order_id: str, lines: Lines, at: datetime | None = None) -> Event:
        items = [{"sku": sku, "product_id": self.products[sku], "quantity": units} for sku, units in lines.items()]
        return self._event("order.placed", order_id, 1, {"items": items}, at)

    def canceled(self, order_id: str, at: datetime | None = None) -> Event:
        return self._event("order.canceled", order_id, 2, {}, at)

    def returned(self, order_id: str, lines: Lines, version: int = 2) -> Event:
        items = [{"sku": sku, "quantity": units, "restock": 0} for sku, units in lines.items()]
        return self._event("order.returned", order_id, version, {"items": items}, None)

    def _event(self, kind: str, order_id: str, version: int, data: dict[str, Any], at: datetime | None) -> Event:
        return Event(
            id=uuid7(),
            type=kind,
            source="order",
            subject=order_id,
            time=at or clock.now(),
            aggregateversion=version,
            traceparent="",
            data=data,
        )


async def popular(town: Town) -> dict[str, float]:
    """By name, as it is in the documents, to one place."""
    rows = await town.db.fetch("SELECT revision, document FROM documents WHERE document IS NOT NULL")
    read = [decoded(row["document"], row["revision"]) for row in rows]
    return {one.name: round(one.popularity, 1) for one in read}


async def revision(town: Town) -> int:
    now: int = await town.db.fetchval("SELECT revision FROM feed")
    return now


def test_more_units_count_more_and_never_as_many_times_as_they_are() -> None:
    assert [popularity.counted(units) for units in (1, 2, 10)] == [1, 2, 10]
    counts = [popularity.counted(units) for units in (10, 11, 28, 100, 10_000)]
    assert counts == sorted({*counts})
    assert [round(count) for count in counts] == [10, 11, 20, 33, 79]


def test_a_unit_is_worth_half_after_a_half_life_whenever_that_is_worked_out() -> None:
    then = clock.now()
    weight = popularity.weight(8, then)
    for half_lives in range(5):
        at = then + half_lives * popularity.HALF_LIFE
        assert math.isclose(weight * popularity.worth(at), 8 / 2**half_lives)
    assert weight * popularity.worth(then + popularity.HALF_LIFE) > popularity.LEAST


async def test_what_was_sold_more_comes_first(town: Town) -> None:
    one = town.process("one")
    red, white, rose = [
        await town.sell(f"{color} wine", f"{color}-1".upper(), f"{color}-2".upper())
        for color in ("Red", "White", "Rose")
    ]
    sales = Sales(red_1=red, red_2=red, white_1=white, rose_1=rose)
    await town.learn(one)
    assert await popular(town) == {"Red wine": 0, "White wine": 0, "Rose wine": 0}

    # A product is all of its variants.
    orders = [{"RED-1": 2}, {"RED-2": 1, "WHITE-1": 4}, {"RED-1": 2}, {"ROSE-1": 28}]
    await town.hear(one, [sales.placed(uuid7(), lines) for lines in orders])
    await town.learn(one)
    assert await popular(town) == {"Red wine": 5, "White wine": 4, "Rose wine": 20.3}
    assert await found(one, "wine", sort="popularity") == ["Rose wine", "Red wine", "White wine"]
    assert await found(one, "wine") == ["Rose wine", "Red wine", "White wine"]


async def test_one_order_of_very_many_does_not_outdo_a_hundred_orders(town: Town) -> None:
    one = town.process("one")
    pin, mug = await town.sell("Pin", "PIN"), await town.sell("Mug", "MUG")
    sales = Sales(pin=pin, mug=mug)
    await town.learn(one)
    await town.hear(one, [sales.placed(uuid7(), {"PIN": 10_000})])
    await town.hear(one, [sales.placed(uuid7(), {"MUG": 1}) for _ in range(100)])
    await town.learn(one)
    assert await found(one, sort="popularity") == ["Mug", "Pin"]


async def test_what_is_told_twice_counts_once(town: Town) -> None:
    one = town.process("one")
    sales = Sales(mug=await town.sell("Mug", "MUG"))
    await town.learn(one)
    order = uuid7()
    placed, back = sales.placed(order, {"MUG": 5}), sales.canceled(order)
    for _ in range(3):
        await town.hear(one, [placed])
    await one.feeding.run()
    assert await popular(town) == {"Mug": 5}
    for event in (back, back, placed):
        await town.hear(one, [event])
    await one.feeding.run()
    assert await popular(town) == {"Mug": 0}


async def test_what_is_canceled_or_comes_back_is_taken_off_again(town: Town) -> None:
    one = town.process("one")
    mug, cup = await town.sell("Mug", "MUG"), await town.sell("Cup", "CUP")
    sales = Sales(mug=mug, cup=cup)
    await town.learn(one)
    kept, canceled, returned = uuid7(), uuid7(), uuid7()
    bought = {kept: {"MUG": 3}, canceled: {"MUG": 2, "CUP": 6}, returned: {"MUG": 28, "CUP": 3}}
    await town.hear(one, [sales.placed(order, lines) for order, lines in bought.items()])
    await one.feeding.run()
    assert await popular(town) == {"Mug": 25.3, "Cup": 9}
    await town.hear(one, [sales.canceled(canceled), sales.returned(returned, {"MUG": 20, "CUP": 1, "PEN": 1})])
    await one.feeding.run()
    assert await popular(town) == {"Mug": 11, "Cup": 2}
    # More than there was cannot come back.
    await town.hear(one, [sales.returned(returned, {"MUG": 20, "CUP": 1}, version=3)])
    await one.feeding.run()
    assert await popular(town) == {"Mug": 3, "Cup": 1}


async def test_what_came_back_before_its_sale_was_heard_of_does_not_count(town: Town) -> None:
    """As where the sale is replayed from the log."""
    one = town.process("one")
    sales = Sales(mug=await town.sell("Mug", "MUG"))
    await town.learn(one)
    canceled, returned, other = uuid7(), uuid7(), uuid7()
    await town.hear(one, [sales.canceled(canceled), sales.returned(returned, {"MUG": 1})])
    await town.hear(one, [sales.placed(order, {"MUG": 2}) for order in (canceled, returned, other)])
    await one.feeding.run()
    assert await popular(town) == {"Mug": 2}


async def test_whatever_the_order_in_which_it_is_told_the_sum_is_the_same(town: Town) -> None:
    one = town.process("one")
    mug, cup = await town.sell("Mug", "MUG"), await town.sell("Cup", "CUP")
    sales = Sales(mug=mug, cup=cup)
    await town.learn(one)
    now = clock.now()
    events = [sales.placed(uuid7(), {"MUG": 1 + n % 4, "CUP": 2}, now - timedelta(days=4 * n)) for n in range(12)]
    sums = []
    for seed in range(3):
        random.Random(seed).shuffle(events)
        for event in events:
            await town.hear(one, [event])
        rows = await town.db.fetch("SELECT weight FROM popularity ORDER BY product_id")
        sums.append([row["weight"] for row in rows])
        await town.db.execute("TRUNCATE sold, popularity")
    for other in sums[1:]:
        assert all(math.isclose(a, b) for a, b in zip(sums[0], other, strict=True))


async def test_a_late_sale_counts_as_of_when_it_was_made(town: Town) -> None:
    one = town.process("one")
    mug, cup = await town.sell("Mug", "MUG"), await town.sell("Cup", "CUP")
    sales = Sales(mug=mug, cup=cup)
    await town.learn(one)
    long_ago = clock.now() - popularity.HALF_LIFE
    await town.hear(one, [sales.placed(uuid7(), {"CUP": 3})])
    await town.hear(one, [sales.placed(uuid7(), {"MUG": 4}, long_ago)])
    await one.feeding.run()
    assert await popular(town) == {"Mug": 2, "Cup": 3}
    # A clock that is ahead gives nothing more.
    await town.hear(one, [sales.placed(uuid7(), {"MUG": 1}, clock.now() + timedelta(days=300))])
    await one.feeding.run()
    assert await popular(town) == {"Mug": 3, "Cup": 3}


async def test_a_document_is_written_again_only_when_it_matters(town: Town) -> None:
    one = town.process("one")
    sales = Sales(mug=await town.sell("Mug", "MUG"))
    await town.learn(one)
    written = await revision(town)
    for _ in range(100):
        await town.hear(one, [sales.placed(uuid7(), {"MUG": 1})])
        await one.feeding.run()
    assert 20 <= await revision(town) - written <= 35
    assert 90 <= (await popular(town))["Mug"] <= 100


async def test_it_fades_and_ends(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    one = town.process("one")
    old, new, pin = [await town.sell(name, name.upper()) for name in ("Old", "New", "Pin")]
    sales = Sales(old=old, new=new, pin=pin)
    await town.learn(one)
    today = clock.now()

    async def after(days: float) -> dict[str, float]:
        monkeypatch.setattr(clock, "now", lambda: today + timedelta(days=days))
        await let_fade(one)
        await end_what_is_old(one)
        await one.feeding.run()
        return await popular(town)

    order = uuid7()
    await town.hear(one, [sales.placed(order, {"OLD": 8}), sales.placed(uuid7(), {"PIN": 1})])
    assert await after(1) == {"Old": 8, "New": 0, "Pin": 1}
    written = await revision(town)
    assert await after(2) == {"Old": 8, "New": 0, "Pin": 1}
    assert await revision(town) == written
    assert await after(30.5) == {"Old": 4, "New": 0, "Pin": 0.5}
    await town.hear(one, [sales.placed(uuid7(), {"NEW": 5})])
    assert await after(31) == {"Old": 4, "New": 5, "Pin": 0.5}
    await one.following.worker.run()
    assert await found(one, sort="popularity") == ["New", "Old", "Pin"]
    # What comes back is taken off for what it is worth by now.
    await town.hear(one, [sales.returned(order, {"OLD": 4})])
    assert await after(60) == {"Old": 1, "New": 2.5, "Pin": 0.3}
    assert await after(110) == {"Old": 0.3, "New": 0.8, "Pin": 0}
    assert await town.db.fetchval("SELECT count(*) FROM popularity") == 2
    assert await after(121) == {"Old": 0.2, "New": 0.6, "Pin": 0}
    assert await town.db.fetchval("SELECT count(*) FROM sold") == 1
    assert await after(300) == {"Old": 0, "New": 0, "Pin": 0}
    assert await town.db.fetchval("SELECT (SELECT count(*) FROM sold) + (SELECT count(*) FROM popularity)") == 0


async def test_documents_that_are_made_anew_are_as_popular(town: Town) -> None:
    one = town.process("one")
    mug = await town.sell("Mug", "MUG")
    sales = Sales(mug=mug)
    # Sold before search knows the product.
    await town.hear(one, [sales.placed(uuid7(), {"MUG": 7})])
    await town.learn(one)
    assert await popular(town) == {"Mug": 7}
    written = await revision(town)
    await refresh_page(one, "")
    assert await revision(town) == written
    await town.db.execute("DELETE FROM documents")
    await refresh_page(one, "")
    assert await popular(town) == {"Mug": 7}
    await town.edit(mug, name="Big mug")
    await town.put("MUG", 3)
    await town.learn(one)
    assert await popular(town) == {"Big mug": 7}


async def test_two_processes_hear_and_feed_while_it_fades(town: Town, postgres: Any) -> None:
    one, two = town.process("one"), town.process("two")
    skus = [f"S{number}" for number in range(8)]
    sales = Sales(**{sku.lower(): await town.sell(sku, sku) for sku in skus})
    await town.hear(one, await town.told())
    chance = random.Random(3)
    orders = {uuid7(): {sku: chance.randint(1, 9) for sku in chance.sample(skus, 5)} for _ in range(60)}
    canceled = [*orders][::3]
    for sku in skus:
        await town.put(sku, 1)
    stock = await town.told()
    chance.shuffle(stock)
    batches: list[list[Event]] = []
    for wave in (
        [sales.placed(order, lines) for order, lines in orders.items()],
        [sales.canceled(order) for order in canceled],
    ):
        chance.shuffle(wave)
        mixed = [*wave, *stock]
        batches = [mixed[at::6] for at in range(6)]
        await town.db.execute("UPDATE popularity SET as_of = as_of - interval '10 days'")
        await asyncio.gather(
            *(town.hear(process, batch) for process, batch in zip(itertools.cycle((one, two)), batches, strict=False)),
            *(let_fade(process) for process in (one, two) * 3),
            one.feeding.run(),
            two.feeding.run(),
        )
    await one.feeding.run()
    expected = dict.fromkeys(skus, 0.0)
    for order in orders.keys() - {*canceled}:
        for sku, units in orders[order].items():
            expected[sku] += units
    rows = await town.db.fetch("SELECT product_id, weight FROM popularity")
    names = {product: sku for sku, product in sales.products.items()}
    worth = popularity.worth(clock.now())
    assert {names[row["product_id"]]: round(row["weight"] * worth, 3) for row in rows} == expected
    shown = await popular(town)
    assert all(
        abs(shown[sku] - count) <= popularity.OFF_BY * (1 + shown[sku]) + 0.05 for sku, count in expected.items()
    )
    assert await deadlocks(postgres, town.db, one.db, two.db) == 0


async def test_every_statement_of_sales_fits_the_schema(town: Town) -> None:
    assert len(await prepare_all(town.db, sales_repository)) == 4
