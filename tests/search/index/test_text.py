"""What a text finds: words in any order and number, misspelled, begun, as codes, with and without."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from search.index.products import ids, marked, product

from stoa.ports.search import (
    Category,
    CategoryCount,
    Facets,
    Filters,
    NumberRange,
    Query,
    Removed,
    Sort,
    Synonyms,
    Texts,
    Variant,
)
from stoa.services.search.index.embedded import EmbeddedIndex

FIRST_TERMS = 50
"""Of a segment that begin so."""
HOME = Category("home", "Home")
SEATS = Category("seats", "Seats", {"de": "Sitzmöbel"}, {"de": "sitzen"})
SHELF = [
    product("towel", "Red Tea Towels", brand="Möbel & Söhne", skus=["TT-100/RED"], popularity=5),
    product("holder", "White Hanging Heart T-Light Holder", skus=["85123A"], barcodes=["036000291452"], popularity=900),
    product("candle", "Scented Candle", description="Smells of roses and of the sea.", tags=["gift"], popularity=50),
    product(
        "candles",
        "Box of 6 Candles",
        barcodes=["9780306406157"],
        variants=[Variant({"Scent": "Crème", "Size": "XL"})],
        attributes={"Material": "soy wax"},
    ),
    product("candelabra", "Silver Candelabra"),
    product(
        "bag",
        "Jumbo Bag Retrospot",
        barcodes=["4006381333931", "9780804429573"],
        categories=[[HOME, Category("bags", "Bags & Cases")]],
    ),
    product("poppy", "Poppy's Playhouse"),
    product("umbrella", "Umbrella", texts={"de": Texts("Regenschirm", "Für schöne Tage")}),
    product("sofa", "Sofa", categories=[[HOME, SEATS]]),
    product("dress", "Robe d'été", brand="L’Oréal", description="Ni pour l'automne, ni aujourd'hui."),
    product("lamp", "Lamp", texts={"de": Texts("Stehlampe", labels=["Messing gebürstet"])}),
]


@pytest.fixture
async def shelf(index: EmbeddedIndex) -> EmbeddedIndex:
    await index.write(SHELF)
    await index.commit("1")
    return index


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("scented candle", "candle"),
        ("CANDLE scented", "candle"),
        ("candles scented", "candle"),
        ("box candle", "candles"),
        ("a box of the candles", "candles"),
        ("roses", "candle"),
        ("gift", "candle"),
        ("soy candle", "candles"),
        ("creme candle", "candles"),
        ("möbel", "towel"),
        ("mobel sohne", "towel"),
        ("poppys playhouse", "poppy"),
        ("poppy’s", "poppy"),
        ("bags & cases", "bag"),
        ("été", "dress"),
        ("robe ete", "dress"),
        ("robe d’été", "dress"),
        ("oréal", "dress"),
        ("loreal", "dress"),
        ("automne", "dress"),
        ("retro spot bag", "bag"),
        ("teatowel", "towel"),
        ("tea-towel", "towel"),
        ("tlight", "holder"),
        ("85123A", "holder"),
        ("85123a", "holder"),
        ("036000291452", "holder"),
        ("0036000291452", "holder"),
        ("0-306-40615-2", "candles"),
        ("080442957x", "bag"),
        ("0360002", "holder"),
        ("4006381333931", "bag"),
        ("8512", "holder"),
        ("TT-100/RED", "towel"),
        ("tt100red", "towel"),
        ("tt-10", "towel"),
        ("candel scented", "candle"),
        ("scentde candle", "candle"),
        ("retropsot", "bag"),
        ("umbrela", "umbrella"),
        ("unbrelal", "umbrella"),
        ("ubmrella", "umbrella"),
        ("jumbobag", "bag"),
        ("candela", "candelabra"),
        ("playh", "poppy"),
        ('"tea towels"', "towel"),
        ('"hanging heart', "holder"),
        ("candle -scented", "candles"),
        ("candle -scented -silver", "candles"),
        ("purple candle scented", "candle"),
        ("holder playhouse white", "holder"),
    ],
)
async def test_the_first_hit(shelf: EmbeddedIndex, text: str, first: str):
    assert ids(await shelf.search(Query(text=text)))[:1] == [first]


@pytest.mark.parametrize(
    ("text", "corrected"),
    [
        ("candel", None),  # candelabra begins so, too
        ("scented candel", "scented candle"),
        ("candlle scented", "candle scented"),
        ("Umbrela", "umbrella"),
        ("sofas", None),
        ("zofa", "sofa"),  # sounds alike
        ("mofa", None),
        ("kandelabra", "candelabra"),
        ("xx", None),
        ("tea  towl!", "tea  towels!"),
    ],
)
async def test_another_spelling_is_said(shelf: EmbeddedIndex, text: str, corrected: str | None):
    found = await shelf.search(Query(text=text))
    assert found.corrected == corrected


async def test_of_near_words_the_one_that_is_near_as_it_is_written_is_meant(index: EmbeddedIndex):
    names = ["Running Shoes", "Rules of Showing", "Book of Rules", "House Rules"]
    await index.write([product(name, name) for name in names])
    await index.commit("1")
    found = await index.search(Query(text="runing sho"))
    assert (ids(found), found.corrected) == (["Running Shoes"], "running sho")


@pytest.mark.parametrize(
    ("text", "found", "corrected"),
    [
        ("boots", {"Boot"}, None),
        ("badge", {"Badges"}, None),
        ("blocks", {"Block"}, None),
        ("block", {"Block"}, None),
        ("earings", {"Earrings", "Over-Ear Headphones"}, "earrings"),
        ("braclet", {"Braclet", "Bracelet"}, None),
        ("jewlery", {"Jewellery"}, "jewellery"),
    ],
)
async def test_a_rare_word_is_doubted_only_where_it_may_be_a_slip(
    index: EmbeddedIndex, text: str, found: set[str], corrected: str | None
):
    rare = ["Boot", "Badges", "Block", "Over-Ear Headphones", "Braclet", "Jewellery"]
    frequent = ["Book", "Bag", "Black", "Earrings", "Bracelet"]
    names = [*rare, *(name for name in frequent for _ in range(10))]
    await index.write([product(f"{number}", name) for number, name in enumerate(names)])
    await index.commit("1")
    answer = await index.search(Query(text=text, limit=50))
    assert {names[int(hit.id)] for hit in answer.hits} == found
    assert answer.corrected == corrected
    if corrected:
        assert names[int(answer.hits[0].id)].lower() == corrected


async def test_a_known_word_that_goes_with_none_of_the_others_is_no_other(index: EmbeddedIndex):
    await index.write([product("cap", "Blue Cap"), product("cup", "Red Cup"), product("sea", "Blue Sea")])
    await index.commit("1")
    found = await index.search(Query(text="blue cup"))
    assert (set(ids(found)), found.corrected, found.relaxed) == ({"cap", "cup", "sea"}, None, True)


@pytest.mark.parametrize(
    ("text", "corrected"),
    [
        *((word, None) for word in ("bike", "grill", "milk", "fork", "sofa", "couch", "tent", "toaster", "blender")),
        *((word, None) for word in ("hoe", "fan", "rug", "dog", "tablet", "paint", "cheese", "wheat", "sandals")),
        ("shelves", "shelf"),
        ("wath", "watch"),
        ("caon", "canon"),
        ("bots", "boots"),
        ("gren", "green"),
        ("gerden", "garden"),
        ("wacth", "watch"),
        ("garedn", "garden"),
        ("gardden", "garden"),
        ("ardenn", None),
    ],
)
async def test_a_word_that_is_not_there_is_not_any_that_is_near(index: EmbeddedIndex, text: str, corrected: str | None):
    there = "Nike Drill Silk For Soft Touch Dents Master Binder Home Can Running Does Table Pint Chess What Sand With"
    names = [*there.split(), "Watch", "Canon", "Boots", "Bits", "Green", "Garden", "Shelf"]
    await index.write([product(f"{number}", name) for number, name in enumerate(names)])
    await index.commit("1")
    found = await index.search(Query(text=text))
    assert (found.corrected, [names[int(hit.id)].lower() for hit in found.hits[:1]]) == (
        corrected,
        [corrected] if corrected else [],
    )


async def test_nothing_is_made_of_what_is_nothing_here(shelf: EmbeddedIndex):
    found = await shelf.search(Query(text="zzzzqqq"))
    assert (found.hits, found.total, found.corrected, found.relaxed, found.next) == ([], 0, None, False, None)


async def test_a_text_without_a_word_finds_nothing(shelf: EmbeddedIndex):
    for text in ("🔥", "*", "?!", "\u00a0-"):
        found = await shelf.search(Query(text=text))
        assert (found.total, found.hits, found.corrected) == (0, [], None), text
    assert (await shelf.search(Query(text="  "))).total > 0


async def test_where_a_word_is_not_wanted_the_others_keep_their_spelling(index: EmbeddedIndex):
    await index.write([product("mug", "Fire Mug"), product("pen", "Fine Pen")])
    await index.commit("1")
    found = await index.search(Query(text="fire -mug"))
    assert (found.total, found.corrected) == (0, None)


async def test_fewer_of_the_words_are_said_to_be_fewer(shelf: EmbeddedIndex):
    strict = await shelf.search(Query(text="white holder"))
    relaxed = await shelf.search(Query(text="white holder playhouse"))
    assert (strict.relaxed, ids(strict)) == (False, ["holder"])
    assert (relaxed.relaxed, ids(relaxed)) == (True, ["holder"])


async def test_exact_tries_nothing_else(shelf: EmbeddedIndex):
    for text in ("umbrela", "white holder playhouse", "candela"):
        assert (await shelf.search(Query(text=text, exact=True))).total == 0
    assert ids(await shelf.search(Query(text="umbrella", exact=True))) == ["umbrella"]


async def test_what_a_filter_takes_away_is_not_looked_for_under_another_name(shelf: EmbeddedIndex):
    found = await shelf.search(Query(text="umbrella", filters=Filters(brands=["Nobody"])))
    assert (found.total, found.corrected, found.relaxed) == (0, None, False)


async def test_a_locale_has_its_own_words_and_the_first_ones_where_it_has_none(shelf: EmbeddedIndex):
    assert ids(await shelf.search(Query(text="regenschirme", locale="de"))) == ["umbrella"]
    assert ids(await shelf.search(Query(text="schon", locale="de"))) == ["umbrella"]
    assert ids(await shelf.search(Query(text="messing", locale="de"))) == ["lamp"]
    assert (await shelf.search(Query(text="messing", exact=True))).total == 0
    assert ids(await shelf.search(Query(text="sofa", locale="de"))) == ["sofa"]
    assert (await shelf.search(Query(text="umbrella", locale="de", exact=True))).total == 0
    assert ids(await shelf.search(Query(text="umbrella", locale="xx"))) == ["umbrella"]


@pytest.mark.parametrize(
    ("locale", "name", "other"),
    [("de", "Sitzmöbel", "seats"), ("en", "Seats", "Sitzmöbel"), ("", "Seats", "Sitzmöbel")],
)
async def test_a_category_is_found_counted_and_suggested_by_its_name_in_a_locale(
    shelf: EmbeddedIndex, locale: str, name: str, other: str
):
    def query(text: str) -> Query:
        return Query(text=text, locale=locale, facets=Facets(categories=True), exact=True)

    found = await shelf.search(query(name))
    assert ids(found) == ["sofa"]
    assert found.facets.categories == [CategoryCount("home", "Home", 1, [CategoryCount("seats", name, 1, [])])]
    assert (await shelf.search(query(other))).total == 0
    assert (await shelf.suggest(name[:3], locale=locale)).categories == [Category("seats", name)]
    assert (await shelf.suggest(other[:3], locale=locale)).categories == []


async def test_a_slug_in_a_locale_filters_in_that_alone(shelf: EmbeddedIndex):
    async def within(slug: str, locale: str) -> list[str]:
        return ids(await shelf.search(Query(filters=Filters(category=[slug]), locale=locale)))

    assert [await within("seats", locale) for locale in ("en", "de")] == [["sofa"], ["sofa"]]
    assert [await within("sitzen", locale) for locale in ("en", "de")] == [[], ["sofa"]]


async def test_synonyms_of_one_word_and_of_several(shelf: EmbeddedIndex):
    synonyms = Synonyms(
        groups=[["couch", "sofa", "settee"], ["parasol", "umbrella"]], one_way={"night light": ["t-light holder"]}
    )
    for text, id_ in (("couches", "sofa"), ("settee", "sofa"), ("parasol", "umbrella"), ("night lights", "holder")):
        found = await shelf.search(Query(text=text, synonyms=synonyms))
        assert (ids(found), found.corrected, found.relaxed) == ([id_], None, False), text
    assert (await shelf.search(Query(text="t-light holder", synonyms=synonyms))).total == 1
    assert ids(await shelf.search(Query(text="sofa", synonyms=synonyms))) == ["sofa"]


async def test_a_word_with_a_synonym_is_no_misspelled_one(shelf: EmbeddedIndex):
    query = Query(text="candel")
    assert ids(await shelf.search(query)) != []
    synonyms = Synonyms(groups=[["candel", "chandelier"]])
    assert ids(await shelf.search(replace(query, synonyms=synonyms))) == []


async def test_two_words_written_as_one_are_those_of_one_product(index: EmbeddedIndex):
    await index.write([product("cup", "Tea Cosy"), product("tray", "Cup Holder"), product("pot", "Coffee Pot")])
    await index.commit("1")
    found = await index.search(Query(text="teacup"))
    assert (ids(found), found.corrected) == ([], None)
    found = await index.search(Query(text="coffeepot"))
    assert (ids(found), found.corrected) == (["pot"], None)


async def test_of_some_of_the_words_a_number_says_less(index: EmbeddedIndex):
    await index.write([product("phone", "iPhone 15"), product("hammer", "Hammer 16 oz")])
    await index.commit("1")
    answer = await index.search(Query(text="iphone 16"))
    assert (ids(answer), answer.relaxed) == (["phone", "hammer"], True)


async def test_a_barcode_may_have_spaces_and_a_code_stand_beside_words(index: EmbeddedIndex):
    await index.write(
        [
            product("mug", "Mug", barcodes=["4006381333931"]),
            product("phones", "WH-1000XM5", skus=["WH-1000XM5-B"]),
            product("board", "WH Board"),
            product("saw", "Saw 1000 W", barcodes=["96385074"]),
        ]
    )
    await index.commit("1")
    for text, found in (
        ("4006 3813 3393 1", "mug"),
        ("4 006381 333931", "mug"),
        ("9638 5074", "saw"),
        ("WH-1000", "phones"),
    ):
        answer = await index.search(Query(text=text))
        assert (ids(answer), answer.relaxed) == ([found], False), text


async def test_letters_that_codes_begin_with_find_them_where_nothing_else_does(index: EmbeddedIndex):
    await index.write([product("jacket", "Jacket", skus=["WMJ-NAVY-S"]), product("mug", "Mug", skus=["JACKET-1"])])
    await index.commit("1")
    for text in ("wmj", "wmj-navy", "WMJ-NAVY-S"):
        assert ids(await index.search(Query(text=text))) == ["jacket"], text
    assert ids(await index.search(Query(text="jacket"))) == ["jacket"]


async def test_pinned_come_first_in_their_order_and_buried_last(shelf: EmbeddedIndex):
    query = Query(text="candle", pinned=["sofa", "lamp", "nobody"], buried=["candle", "lamp"])
    found = await shelf.search(query)
    assert ids(found) == ["sofa", "lamp", "candles", "candle"]
    assert found.total == 4
    only = await shelf.search(
        Query(text="candle", pinned=["sofa", "candles"], filters=Filters(ids=["candles", "candle"]))
    )
    assert ids(only) == ["candles", "candle"]


async def test_what_was_pinned_and_is_removed_is_not_found(index: EmbeddedIndex):
    await index.write([product("sofa", "Sofa"), product("candle", "Candle"), product("cup", "Cup")])
    await index.commit("1")
    await index.write([Removed("sofa", 2)])
    await index.commit("2")
    for query, there in (
        (Query(text="candle", pinned=["sofa"]), ["candle"]),
        (Query(pinned=["sofa"], sort=Sort.NAME), ["candle", "cup"]),
    ):
        found = await index.search(query)
        assert found.total == len(found.hits) == len(there)
        assert ids(found) == there


async def test_what_nothing_has_is_corrected_although_something_is_pinned(shelf: EmbeddedIndex):
    found = await shelf.search(Query(text="umbrela", pinned=["sofa"]))
    assert (ids(found), found.corrected) == (["sofa", "umbrella"], "umbrella")


async def test_marks_are_pieces_of_the_text_as_it_is(index: EmbeddedIndex):
    description = "Made <b>by hand</b>. " * 20 + "The candle's wick burns slowly. " + "And so on. " * 30
    await index.write([product("evil", '<script>alert("candles")</script> & more', description=description)])
    await index.commit("1")
    [hit] = (await index.search(Query(text="candle slowly"))).hits
    assert marked(hit.highlights["name"]) == '<script>alert("[candles]")</script> & more'
    part = marked(hit.highlights["description"])
    assert "[candle's] wick burns [slowly]" in part
    assert len(part) < 250
    assert part.replace("[", "").replace("]", "") in description


async def test_the_more_popular_one_that_can_be_had_is_first(index: EmbeddedIndex):
    await index.write(
        [
            product("sold-out", "Blue Cup", available=False, popularity=20),
            product("known", "Blue Cup", popularity=500),
            product("new", "Blue Cup"),
            product("mentioned", "Saucer", description="Goes with the blue cup.", popularity=10_000),
            product("longer", "Blue Cup with a Saucer and a Spoon", popularity=500),
        ]
    )
    await index.commit("1")
    assert ids(await index.search(Query(text="blue cup"))) == ["known", "new", "sold-out", "longer", "mentioned"]
    assert ids(await index.search(Query())) == ["mentioned", "known", "longer", "new", "sold-out"]


async def test_what_stands_behind_an_elision_is_a_word_and_what_stands_behind_another_apostrophe_is_none(
    shelf: EmbeddedIndex,
):
    found = await shelf.search(Query(text="été", exact=True))
    assert marked(found.hits[0].highlights["name"]) == "Robe [d'été]"
    assert (await shelf.search(Query(text="hui", exact=True))).total == 0


async def test_a_word_counts_more_than_neighbors_that_are_like_it(index: EmbeddedIndex):
    await index.write([product("star", "Star T-Light", popularity=900), product("start", "Start Post")])
    await index.commit("1")
    assert ids(await index.search(Query(text="start"))) == ["start", "star"]


async def test_quotes_and_a_minus_are_those_that_telephones_write(shelf: EmbeddedIndex):
    """\u201ctea red\u201d is not side by side, and \u2212red must not be there."""
    for opening, closing in ('""', "\u201c\u201d", "\u201e\u201c", "\u00ab\u00bb", "\uff02\uff02"):
        for words, there in (("tea towels", ["towel"]), ("towels tea", [])):
            query = Query(text=f"{opening}{words}{closing}", exact=True)
            assert ids(await shelf.search(query)) == there
    for minus in "-\u2212":
        found = await shelf.search(Query(text=f"candle {minus}scented", exact=True))
        assert "candle" not in ids(found)
        assert "candles" in ids(found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("16gb laptop", ["carbon"]),
        ("laptop 16gb", ["carbon"]),
        ("16gb", ["carbon"]),
        ("16 gb laptop", ["carbon"]),
        ("256 gb laptop", ["air"]),
        ("256gb", ["air"]),
        ("32gb", []),
        ("usb3", ["hub"]),
        ("usb 3", ["hub"]),
        ("18v", ["drill", "saw"]),
        ("18 v", ["drill", "saw"]),
        ("4.2l", ["pot"]),
        ("jk reading", ["stone"]),
        ("reading jk", ["stone"]),
        ("kj", []),
    ],
)
async def test_a_number_and_its_unit_and_initials_are_one_word_or_several(
    index: EmbeddedIndex, text: str, found: list[str]
):
    await index.write(
        [
            product("carbon", "Laptop Carbon", description="14 inch, 16 GB RAM, 512 GB SSD"),
            product("air", "Laptop Air", description="13 inch, 8GB RAM, 256GB SSD"),
            product("drive", "Drive with 32 holes", description="A gb of nothing"),
            product("stone", "The Stone", brand="J.K. Reading"),
            product("hub", "Hub", labels=["USB 3.2"]),
            product("drill", "Drill 18V"),
            product("saw", "Saw", labels=["18 V"]),
            product("teapot", "Teapot 1.2 L"),
            product("pot", "Pot", labels=["4.2 L"]),
        ]
    )
    await index.commit("1")
    answer = await index.search(Query(text=text))
    assert sorted(ids(answer)) == found
    assert not answer.relaxed and answer.corrected is None


async def test_of_very_many_codes_that_begin_so_some_are_looked_at(index: EmbeddedIndex):
    """To list a million of them took a second, which any guest could ask for."""
    parts = [product(f"part-{number}", "Gasket", skus=[f"PART-{number:03}"]) for number in range(200)]
    await index.write([*parts, product("mug", "Mug", skus=["MUG-1"])])
    await index.commit("1")
    many = await index.search(Query(text="part-0", limit=200))
    assert len(many.hits) == many.total == FIRST_TERMS
    assert all(hit.id.startswith("part-") for hit in many.hits)
    few = await index.search(Query(text="part-19", limit=200))
    assert sorted(ids(few)) == [f"part-{number}" for number in range(190, 200)]
    assert ids(await index.search(Query(text="part-190"))) == ["part-190"]
    assert len((await index.suggest("part", limit=5)).products) == 5
    suggested = await index.suggest("part-17", limit=20)
    assert sorted(one.id for one in suggested.products) == [f"part-{number}" for number in range(170, 180)]


async def test_a_word_that_no_product_has_any_more_is_none(index: EmbeddedIndex):
    await index.write([product("shirt", "Shirt", texts={"de": Texts("Oxford Hemd")}), product("mug", "Mug")])
    await index.commit("1")
    assert ids(await index.search(Query(text="oxford", locale="de"))) == ["shirt"]
    await index.write([product("shirt", "Shirt", version=2, texts={"de": Texts("Oxfordhemd")})])
    await index.commit("2")
    assert ids(await index.search(Query(text="oxford", locale="de"))) == ["shirt"]


@pytest.mark.parametrize(
    ("least", "most", "found"),
    [
        (1, 2**53, ["small", "large"]),
        (0.5, 2**52, ["small", "large"]),
        (-(2**60), 1, ["small"]),
        (-(2.0**52), -0.5, []),
        (2**52, 2**52 + 1, []),
        (-(2**60), -(2**53), []),
        (2**52 - 1, 2**60, ["large"]),
    ],
)
async def test_a_range_may_go_beyond_all_numbers(index: EmbeddedIndex, least: float, most: float, found: list[str]):
    await index.write(
        [
            product("small", "Mug", attributes={"size": 1}),
            product("large", "Jug", attributes={"size": 2**52 - 1}),
            product("none", "Cup"),
        ]
    )
    await index.commit("1")
    filters = Filters(attributes={"size": NumberRange(least, most)})
    assert sorted(ids(await index.search(Query(filters=filters)))) == sorted(found)
