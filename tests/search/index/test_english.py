"""One word, however it is written: of both sides of the Atlantic, and of the language at all."""

from __future__ import annotations

import pytest
from search.index.products import ids, marked, product

from stoa.ports.search import Query
from stoa.services.search.index.embedded import EmbeddedIndex
from stoa.services.search.index.words import Language

ENGLISH = Language("en")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("color", "colour"),
        ("multicolored", "multicoloured"),
        ("favorites", "favourites"),
        ("neighborhood", "neighbourhood"),
        ("organizers", "organisers"),
        ("moisturizer", "moisturiser"),
        ("personalized", "personalised"),
        ("analyzer", "analyser"),
        ("centers", "centres"),
        ("liter", "litre"),
        ("millimeter", "millimetre"),
        ("traveler", "traveller"),
        ("woolen", "woollen"),
        ("jeweler", "jeweller"),
        ("jewelry", "jewellery"),
        ("catalog", "catalogue"),
        ("gray", "grey"),
        ("tires", "tyres"),
        ("pajamas", "pyjamas"),
        ("donut", "doughnut"),
        ("aluminum", "aluminium"),
        ("whiskeys", "whisky"),
        ("mice", "mouse"),
        ("childrens", "child"),
    ],
)
def test_what_is_one_has_one_stem(one: str, other: str):
    assert ENGLISH.stem(one) == ENGLISH.stem(other)


@pytest.mark.parametrize(("one", "other"), [("size", "sise"), ("prize", "prise"), ("four", "for"), ("tower", "towre")])
def test_what_only_looks_so_stays_apart(one: str, other: str):
    assert ENGLISH.stem(one) != ENGLISH.stem(other)


def test_no_other_language_has_its_british():
    assert Language("de").stem("color") != Language("de").stem("colour")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("gray mug", "[Grey] [Mug]"),
        ("grey scarf", "[Gray] [Scarf]"),
        ("mold", "Cake [Mould]"),
        ("cosy", "Tea [Cozy]"),
        ("coloured pencils", "[Colored] [Pencils]"),
    ],
)
async def test_either_finds_the_other_and_is_marked(index: EmbeddedIndex, text: str, name: str):
    await index.write(
        [product(one, one) for one in ("Grey Mug", "Gray Scarf", "Cake Mould", "Tea Cozy", "Colored Pencils")]
    )
    await index.commit("1")
    found = await index.search(Query(text=text))
    assert [marked(hit.highlights["name"]) for hit in found.hits] == [name]
    assert found.corrected is None and not found.relaxed


def test_words_of_a_language_are_known_without_case_and_accents():
    assert ENGLISH.is_word("butter") and ENGLISH.is_word("dont")
    assert ENGLISH.is_word("buttre") is False
    assert ENGLISH.is_word("zygote") is None, "it is rare"
    assert Language("de").is_word("grun") and Language("fr").is_word("ete")
    assert Language("fi").is_word("talo") is None, "there is no dictionary"


@pytest.mark.parametrize(
    ("text", "found", "corrected"),
    [
        ("butter", [], None),
        ("clock", [], None),
        ("charger", [], None),
        ("bettre", ["Better Lamp"], "better"),
        ("bexter", ["Better Lamp"], "better"),
        ("bedtter", ["Better Lamp"], "better"),
        ("lqmp", ["Better Lamp"], "lamp"),
        ("lmp", ["Better Lamp"], "lamp"),
        ("lxp", [], None),
        ("scarf", ["Silk Scarves"], "scarves"),
        ("vast", [], None),
        ("diary", [], None),
        ("bra", [], None),
        ("robit", ["Robot", "Robot Orbit"], "robot"),
        ("matress", [], None),
        ("chili", ["Chilli Plant"], "chilli"),
    ],
)
async def test_a_word_of_the_language_is_meant_and_what_is_none_is_misspelled(
    index: EmbeddedIndex, text: str, found: list[str], corrected: str | None
):
    names = ("Better Lamp", "Click Pen", "Charge Cable", "Silk Scarves", "Chilli Plant")
    names += ("Fast Dairy Bar", "Robot Orbit", "Robot", "Martens Boots")
    await index.write([product(one, one) for one in names])
    await index.commit("1")
    answer = await index.search(Query(text=text))
    assert (ids(answer), answer.corrected) == (found, corrected)


async def test_a_word_of_the_language_is_not_the_beginning_of_another(index: EmbeddedIndex):
    await index.write([product("lamp", "Better Lamp")])
    await index.commit("1")
    assert (await index.suggest("butter", limit=5)).texts == []
    assert (await index.suggest("bettr", limit=5)).texts == ["better"]
