"""Very many hits are not all put in order, nor counted anew after each commit: what is found is the same as if they
were. What `many` is, is made so small here that all of a small shop is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import product as every
from pathlib import Path
from random import Random

import pytest
from search.index.products import ids, product

from stoa.ports.search import Category, Document, Facets, Filters, Found, Query, Removed, Sort, Variant
from stoa.services.search.index import best, counting, matching, searching
from stoa.services.search.index.embedded import EmbeddedIndex, open_index

WORDS = ["red", "blue", "cup", "bowl", "large", "small"]
HOME = Category("home", "Home")
FACETS = Facets(
    categories=True,
    brands=True,
    availability=True,
    price_bounds=(500, 1000),
    attributes=("Color", "Size", "Vegan", "Glaze"),
)
FILTERS = [
    Filters(),
    Filters(category=("cups",)),
    Filters(brands=["Acme"], most_price=900),
    Filters(in_stock=True),
    Filters(attributes={"Glaze": ["matt"], "Color": ["red"]}, in_stock=True),
]
TEXTS = ["", "cup", "bowl", "of red", "red cup", "-blue", "cup -red", "smal"]


def made(draw: Random, id_: str, version: int) -> Document:
    variants = [
        Variant({"Glaze": draw.choice(["matt", "bright"]), "Color": draw.choice(WORDS[:2])}, draw.random() < 0.7)
        for _ in range(draw.randint(1, 3))
    ]
    return product(
        id_,
        " ".join(draw.sample(WORDS, draw.choice([1, 3, 3, 3]))),
        version,
        description=" ".join(draw.sample(WORDS, 2)),
        brand=draw.choice(["Acme", "Zenith", "Blue Bowl"]),
        categories=[[HOME, Category("cups", "Cups")]] if draw.random() < 0.5 else [[HOME]],
        price_minor=draw.randrange(100, 1500),
        attributes={"Color": draw.choice(WORDS[:2]), "Size": draw.randrange(3), "Vegan": draw.random() < 0.5},
        variants=variants,
        available=any(one.available for one in variants),
        popularity=float(draw.choice([0, 3, 700])),
    )


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[EmbeddedIndex, EmbeddedIndex]]:
    """Of the same documents."""
    one, other = [await open_index(tmp_path / name, ["en"]) for name in ("one", "other")]
    yield one, other
    await one.close()
    await other.close()


def let_be_many(monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    for module in (best, counting, matching, searching):
        monkeypatch.setattr(module, "MANY", many)
    monkeypatch.setattr(counting, "FEW", many // 2)
    monkeypatch.setattr(best, "_SHARES", (0.05, 0.2, 0.5))
    monkeypatch.setattr(best, "_ROOM", 1)


async def test_what_is_found_among_many_is_what_is_found_among_all(
    pair: tuple[EmbeddedIndex, EmbeddedIndex], monkeypatch: pytest.MonkeyPatch
):
    draw = Random(3)
    fewer = 0
    monkeypatch.setattr(counting, "MOST_CHANGED", 60)
    for round_ in range(1, 7):
        changes = [made(draw, f"p{draw.randrange(200)}", round_) for _ in range(200 if round_ == 1 else 25)]
        gone = [Removed(f"p{draw.randrange(200)}", round_) for _ in range(5)]
        for index in pair:
            await index.write([*changes, *gone])
            await index.commit(str(round_))
        for text, filters, sort in every(TEXTS, FILTERS, Sort):
            query = Query(text=text, filters=filters, sort=sort, limit=draw.choice([3, 12]), facets=FACETS)
            let_be_many(monkeypatch, 10)
            among = await both_pages(pair[0], query)
            let_be_many(monkeypatch, 10_000)
            assert among == await both_pages(pair[1], query), (round_, query)
            fewer += among[0].total > 10
    assert fewer > 100


async def both_pages(index: EmbeddedIndex, query: Query) -> list[Found]:
    first = await index.search(query)
    more = Query(text=query.text, filters=query.filters, sort=query.sort, limit=query.limit, after=first.next)
    return [first] if first.next is None else [first, await index.search(more)]


async def test_what_many_products_are_suggested_of_are_those_worth_most(
    index: EmbeddedIndex, monkeypatch: pytest.MonkeyPatch
):
    liked = {7: 1e9, 31: 400.0, 2: 20.0, 58: 1.0}
    await index.write(
        [product(f"p{n}", f"Cup {n}", brand=f"Cupboard {n % 3}", popularity=liked.get(n, 0.0)) for n in range(60)]
    )
    await index.commit("1")
    plain = await index.suggest("cu", limit=4)
    await index.commit("2")
    let_be_many(monkeypatch, 10)
    assert await index.suggest("cu", limit=4) == plain
    assert [one.id for one in plain.products] == ["p7", "p31", "p2", "p58"]
    assert sorted(plain.brands) == ["Cupboard 0", "Cupboard 1", "Cupboard 2"]


async def test_a_brand_is_suggested_from_its_first_product_to_its_last(index: EmbeddedIndex):
    await index.write([product("one", "Mug", brand="Fjord Home"), product("other", "Cup", brand="Alp")])
    await index.commit("1")
    assert (await index.suggest("fj")).brands == ["Fjord Home"]
    await index.write([product("other", "Cup", 2, brand="Fjell"), Removed("one", 2)])
    await index.commit("2")
    assert (await index.suggest("fj")).brands == ["Fjell"]
    assert (await index.suggest("al")).brands == []


async def test_another_spelling_is_that_of_a_word_that_some_product_has(index: EmbeddedIndex):
    await index.write([product("one", "Candle", description="Smells of lavender")])
    await index.commit("1")
    assert ids(await index.search(Query(text="lavendr"))) == ["one"]
    await index.write([product("one", "Candle", 2), product("two", "Lavendir Soap")])
    await index.commit("2")
    found = await index.search(Query(text="lavendr"))
    assert (ids(found), found.corrected) == (["two"], "lavendir")
