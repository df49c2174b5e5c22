"""A search for very much does not hold up the others."""

from __future__ import annotations

import asyncio

import pytest
from search.index.products import product

from stoa.ports.search import Filters, Query
from stoa.services.search.index.embedded import EmbeddedIndex

WORDS = ["red", "blue", "large", "small", "round", "square", "old", "new", "plain", "bright"]


@pytest.mark.parametrize(
    "long",
    [
        Query(text=" ".join(WORDS)),
        Query(text="cup", filters=Filters(attributes={"Color": WORDS, "Size": [*map(str, range(20))]})),
        Query(text="cup", filters=Filters(brands=[f"Brand {at}" for at in range(30)])),
    ],
    ids=["words", "values", "brands"],
)
async def test_whoever_asks_for_very_much_waits_for_the_like_and_nobody_else_does(index: EmbeddedIndex, long: Query):
    await index.write([product(f"p{at}", f"{WORDS[at % 10]} {WORDS[at // 10 % 10]} cup") for at in range(500)])
    await index.commit("1")
    done: list[str] = []

    async def ask(query: Query, name: str) -> None:
        await index.search(query)
        done.append(name)

    await asyncio.gather(*(ask(long, "long") for _ in range(200)), ask(Query(text="cup"), "short"))
    assert done.index("short") < 150, "it is asked last"
