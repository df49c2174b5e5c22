"""Model numbers, sizes and measures: found by whatever somebody remembers of them, however he writes it."""

from __future__ import annotations

import pytest
from search.index.products import ids, marked, product

from stoa.ports.search import Query
from stoa.services.search.index.embedded import EmbeddedIndex

NAMES = {
    "xm5": "Sony WH-1000XM5 Wireless Headphones",
    "xm4": "Sony WH-1000XM4",
    "wf": "Sony WF1000XM4 Earbuds",
    "webcam": "Logitech C920s HD Webcam",
    "watch": "Samsung Galaxy Watch6 44mm",
    "strap": "Samsung Watch Strap 20mm",
    "s23": "Samsung Galaxy S23 Ultra",
    "tv": "Samsung QE55Q80C TV",
    "15": "Apple iPhone 15 16GB",
    "16": "Apple iPhone 16",
    "hero": "GoPro Hero12 Black",
    "battery": "CR2032 Lithium Battery",
    "m8x50": "M8x50 Hex Bolt",
    "m8x60": "M8 x 60 Hex Bolt",
    "m10": "Bolt M10x50mm",
    "m12": "Bolt M12 × 120",
    "s24": "Samsung SM-S928B Telephone",
    "xl": "HP 305XL Ink",
    "ink": "HP 305 Ink",
    "drill": "Bosch GSR 18V-55",
}


@pytest.fixture
async def numbered(index: EmbeddedIndex) -> EmbeddedIndex:
    labeled = product("phone", "Telephone", labels=["256GB"])
    await index.write([labeled, *(product(id_, name) for id_, name in NAMES.items())])
    await index.commit("1")
    return index


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("xm5", ["xm5"]),
        ("sony xm4", ["wf", "xm4"]),
        ("1000xm4", ["wf", "xm4"]),
        ("1000 xm4", ["wf", "xm4"]),
        ("wh1000xm5", ["xm5"]),
        ("wh 1000 xm 5", ["xm5"]),
        ("wh-1000-xm5", ["xm5"]),
        ("wh1000-xm5", ["xm5"]),
        ("wh1000", ["xm4", "xm5"]),
        ("q80c", ["tv"]),
        ("q80", ["tv"]),
        ("2032", ["battery"]),
        ("cr 2032", ["battery"]),
        ("c 920", ["webcam"]),
        ("m8x50", ["m8x50"]),
        ("m8 x 50", ["m8x50"]),
        ("m8x60", ["m8x60"]),
        ("m8 × 60", ["m8x60"]),
        ("m12x120", ["m12"]),
        ("m12 × 120", ["m12"]),
        ("m8", ["m8x50", "m8x60"]),
        ("hp 305 xl", ["xl"]),
        ("hp 305", ["ink", "xl"]),
        ("watch", ["strap", "watch"]),
        ("samsung watch 6", ["watch"]),
        ("gopro 12", ["hero"]),
        ("s 23", ["s23"]),
        ("gsr 18", ["drill"]),
        ("telephone 256", ["phone"]),
        ("sms92", ["s24"]),
        ("sm-s9", ["s24"]),
        ("wh1000x", ["xm4", "xm5"]),
        ('"watch 6"', ["watch"]),
        ("watch -6", ["strap"]),
    ],
)
async def test_found_by_any_of_its_parts(numbered: EmbeddedIndex, text: str, found: list[str]):
    answer = await numbered.search(Query(text=text))
    assert sorted(ids(answer)) == found
    assert not answer.relaxed and answer.corrected is None


async def test_whole_words_come_before_parts_of_one(numbered: EmbeddedIndex):
    assert ids(await numbered.search(Query(text="iphone 16"))) == ["16", "15"]


async def test_letters_of_one_are_words_that_somebody_may_misspell(numbered: EmbeddedIndex):
    answer = await numbered.search(Query(text="gopro heroo"))
    assert (ids(answer), answer.corrected) == (["hero"], "gopro hero")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("xm5", "Sony WH-[1000XM5] Wireless Headphones"),
        ("sony wh1000 xm5", "[Sony] [WH]-[1000XM5] Wireless Headphones"),
        ("305xl", "HP [305XL] Ink"),
        ("2032 lithium", "[CR2032] [Lithium] Battery"),
    ],
)
async def test_the_whole_of_it_is_marked(numbered: EmbeddedIndex, text: str, name: str):
    [hit] = (await numbered.search(Query(text=text))).hits
    assert marked(hit.highlights["name"]) == name


async def test_the_end_of_one_is_suggested(numbered: EmbeddedIndex):
    suggested = await numbered.suggest("sony xm", limit=5)
    assert sorted(suggested.texts) == ["sony xm4", "sony xm5"]
    assert sorted(one.id for one in suggested.products) == ["wf", "xm4", "xm5"]
