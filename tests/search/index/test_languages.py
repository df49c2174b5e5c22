"""Words as a language has them: compounds, accents that are shown and not compared, what a beginning may become."""

from __future__ import annotations

from pathlib import Path

import pytest
from search.index.products import ids, product

from stoa.ports.search import Document, Query, Texts
from stoa.services.search.index.embedded import EmbeddedIndex, open_index


def called(id_: str, german: str, description: str = "") -> Document:
    return product(id_, f"Thing {id_}", texts={"de": Texts(german, description)})


SHELF = [
    called("bicycle", "Kinderfahrrad 20 Zoll"),
    called("bell", "Klingel", "Passt an jedes Fahrrad."),
    called("racer", "Fahrrad Sprint"),
    called("running", "Laufschuhe für Damen"),
    called("hose", "Gartenschlauch 15 m"),
    called("cloths", "Geschirrtücher, 3 Stück"),
    called("beetle", "Marienkäfer"),
]


@pytest.fixture
async def shelf(index: EmbeddedIndex) -> EmbeddedIndex:
    await index.write(SHELF)
    await index.commit("1")
    return index


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("fahrrad", ["racer", "bicycle", "bell"]),
        ("Fahrräder", ["racer", "bicycle", "bell"]),
        ("20 zoll fahrrad", ["bicycle"]),
        ("schuh", ["running"]),
        ("schuhe damen", ["running"]),
        ("schlauch", ["hose"]),
        ("tuch", ["cloths"]),
        ("käfer", ["beetle"]),
    ],
)
async def test_a_compound_is_found_by_what_it_is(shelf: EmbeddedIndex, text: str, found: list[str]):
    answer = await shelf.search(Query(text=text, locale="de"))
    assert (ids(answer), answer.corrected, answer.relaxed) == (found, None, False)


@pytest.mark.parametrize("others", [["Lampenschirm"], ["Lampenschirm", "Lampenfuß", "Lampenöl"]])
async def test_what_only_begins_with_a_whole_word_comes_behind_what_ends_with_it(
    index: EmbeddedIndex, others: list[str]
):
    await index.write([called(name, name) for name in (*others, "Stehlampe aus Holz", "Tischlampe aus Glas")])
    await index.commit("1")
    found = ids(await index.search(Query(text="lampe", locale="de")))
    assert set(found[:2]) == {"Stehlampe aus Holz", "Tischlampe aus Glas"}
    assert set(found[2:]) == {*others}


COMPOUNDS = ("Damenfahrradhelm", "Akkurasenmäher", "Damenwinterjacke", "Winterdecke", "Frotteebadematte", "Küchenkorb")


@pytest.mark.parametrize(
    ("text", "found", "corrected"),
    [
        ("fahrradhelm", "Damenfahrradhelm", None),
        ("rasenmäher", "Akkurasenmäher", None),
        ("winterjacke", "Damenwinterjacke", None),
        ("badematte", "Frotteebadematte", None),
        ("fahradhelm", "Damenfahrradhelm", "fahrradhelm"),
        ("kuchenform", None, None),  # and no basket
    ],
)
async def test_a_compound_that_no_dictionary_has_is_a_word_of_longer_ones(
    index: EmbeddedIndex, text: str, found: str | None, corrected: str | None
):
    await index.write([called(name, name) for name in COMPOUNDS])
    await index.commit("1")
    answer = await index.search(Query(text=text, locale="de"))
    assert (ids(answer), answer.corrected) == ([found] if found else [], corrected)


async def test_other_languages_write_their_words_apart(index: EmbeddedIndex):
    await index.write([product("butterfly", "Butterfly"), product("boat", "Houseboat")])
    await index.commit("1")
    assert ids(await index.search(Query(text="boat", exact=True))) == []


async def test_whoever_wants_it_exactly_gets_no_compounds(shelf: EmbeddedIndex):
    assert ids(await shelf.search(Query(text="fahrrad", locale="de", exact=True))) == ["racer", "bell"]


async def test_what_is_shown_of_a_word_has_its_accents(shelf: EmbeddedIndex):
    assert (await shelf.search(Query(text="Geschirrtüchr", locale="de"))).corrected == "geschirrtücher"
    assert (await shelf.suggest("gesch", locale="de")).texts == ["geschirrtücher"]
    assert (await shelf.suggest("marienk", locale="de")).texts == ["marienkäfer"]


async def test_what_is_called_like_it_is_suggested_first(index: EmbeddedIndex):
    await index.write(
        [
            product("bag", "Gold Washbag", brand="Retail", popularity=900),
            product("hat", "Sombrero", brand="Retail", popularity=9),
            product("lamp", "Retrospot Lamp", brand="Retail"),
        ]
    )
    await index.commit("1")
    assert [one.id for one in (await index.suggest("ret", limit=2)).products] == ["lamp", "bag"]
    assert [one.id for one in (await index.suggest("ret", limit=3)).products] == ["lamp", "bag", "hat"]


async def test_a_word_that_is_there_is_not_suggested_again(index: EmbeddedIndex):
    await index.write([product("mug", "Red Retro Mug"), product("mugs", "Red Mugs")])
    await index.commit("1")
    assert (await index.suggest("red r")).texts == ["red retro"]


@pytest.mark.parametrize(
    ("begun", "texts"),
    [
        ("fahrad", ["fahrrad"]),
        ("laufshu", ["laufschuhe"]),
        ("geschrirt", ["geschirrtücher"]),
        ("klingl", ["klingel"]),
        ("farrad spr", ["fahrrad sprint"]),
        ("20 zoll kinderfarr", ["20 zoll kinderfahrrad"]),
        ("qu", []),
        ("klavier", []),
    ],
)
async def test_where_nothing_begins_so_what_is_nearly_it_is_suggested(
    shelf: EmbeddedIndex, begun: str, texts: list[str]
):
    suggested = await shelf.suggest(begun, locale="de")
    assert suggested.texts == texts
    assert bool(suggested.products) == bool(texts)


@pytest.mark.parametrize(
    ("text", "found", "corrected"),
    [
        ("schokolade", ["chocolate"], None),
        ("schokolde", ["chocolate"], "schokolade"),
        ("shokolade", ["chocolate"], "schokolade"),
        ("bürtse", ["brush"], "bürste"),
        ("tishc", ["table"], "tisch"),
        ("marmelde", ["jam"], "marmelade"),
        ("kissn", ["pillow", "soft"], "kissen"),
        ("tomate", [], None),
        ("butter", [], None),
    ],
)
async def test_the_end_of_a_compound_is_a_word_that_somebody_may_misspell(
    index: EmbeddedIndex, text: str, found: list[str], corrected: str | None
):
    """And what only ends with the same letters is none: a Vollautomat is no tomato."""
    names = {
        "chocolate": "Vollmilchschokolade",
        "brush": "Zahnbürste",
        "table": "Esstisch",
        "jam": "Erdbeermarmelade",
        "pillow": "Kissen",
        "soft": "Kopfkissen",
        "coffee": "Kaffeevollautomat",
        "dreams": "Better Dreams",
    }
    await index.write([called(id_, name) for id_, name in names.items()])
    await index.commit("1")
    answer = await index.search(Query(text=text, locale="de"))
    assert (ids(answer), answer.corrected) == (found, corrected)


async def test_a_language_without_a_dictionary_has_compounds_too(tmp_path: Path):
    index = await open_index(tmp_path / "swedish", ["sv"])
    await index.write([product("bicycle", "Barncykel"), product("lamp", "Taklampa")])
    await index.commit("1")
    assert ids(await index.search(Query(text="cykel"))) == ["bicycle"]
    await index.close()
