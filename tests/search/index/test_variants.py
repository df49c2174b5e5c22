"""What is asked for of variants must be true of one of them together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search.index.model import counts_of, left_of
from search.index.products import ids, product

from stoa.ports.search import Document, Facets, Filters, OptionTexts, Query, Texts, Variant
from stoa.services.search.index import together, variants
from stoa.services.search.index.embedded import EmbeddedIndex, open_index
from stoa.services.search.index.variants import UNTOLD, together_of

SHIRT = product(
    "shirt",
    attributes={"cloth": "wool", "Fit": ["slim", "wide"]},
    variants=[
        Variant({"Color": "Red", "Size": "M", "Cut": "V"}, available=False),
        Variant({"Color": "Green", "Size": "L", "Cut": "V"}),
    ],
    texts={
        "de": Texts(
            "Hemd",
            options={"Color": OptionTexts("Farbe", {"Red": "Rot", "Green": "Grün"}), "Size": OptionTexts("Größe")},
        )
    },
)


@pytest.mark.parametrize(
    ("attributes", "in_stock", "found"),
    [
        ({"Size": ["M"], "Color": ["Red"]}, None, True),
        ({"Size": ["M"], "Color": ["Green"]}, None, False),
        ({"Size": ["M"], "Color": ["Green", "Red"]}, None, True),
        ({"Size": ["M", "L"], "Color": ["Green"]}, None, True),
        ({"Size": ["M", "L"], "Color": ["Green", "Blue"]}, True, True),
        ({"Size": ["M"]}, True, False),
        ({"Size": ["L"]}, True, True),
        ({"Size": ["M"]}, False, False),
        ({"Size": ["M"], "Color": ["Red"]}, True, False),
        # What all of its variants have.
        ({"Cut": ["V"], "Size": ["M"]}, None, True),
        ({"Cut": ["V"]}, True, True),
        ({"Cut": ["V"], "Size": ["M"]}, True, False),
        # What it has as a whole.
        ({"cloth": ["wool"], "Size": ["L"], "Color": ["Green"]}, True, True),
        ({"cloth": ["wool"], "Size": ["L"], "Color": ["Red"]}, None, False),
        ({"cloth": ["linen"], "Size": ["L"], "Color": ["Green"]}, None, False),
        ({"cloth": ["wool"], "Fit": ["wide"]}, True, True),
        # In another language, and in two.
        ({"Farbe": ["Grün"], "Größe": ["L"]}, True, True),
        ({"Farbe": ["Rot"], "Größe": ["L"]}, None, False),
        ({"Farbe": ["Grün"], "Size": ["L"]}, True, True),
        ({"Farbe": ["Rot"], "Size": ["L"]}, None, False),
        ({"Color": ["Red"], "Farbe": ["Grün"]}, None, False),
    ],
)
async def test_a_product_is_found_by_what_one_variant_is(
    index: EmbeddedIndex, attributes: Mapping[str, Sequence[str]], in_stock: bool | None, found: bool
):
    other = product("cap", attributes={"Size": ["L"], "Color": "Blue"}, variants=[Variant({"Fit": "wide"})])
    await index.write([SHIRT, other])
    await index.commit("1")
    answer = await index.search(Query(filters=Filters(attributes=attributes, in_stock=in_stock)))
    assert ("shirt" in ids(answer)) is found


NAMES = {"Size": ["S", "M", "L"], "Color": ["Red", "red", "Blue", "Black"], "Cut": ["V", "O"], "Fit": ["slim", "wide"]}


def _documents(seed: int, number: int) -> list[Document]:
    """Each name is an option of some products, a specification of others, and both of a few."""
    draw = Random(seed)
    made = []
    for n in range(number):
        said = {name: draw.sample(values, draw.choice([1, 1, 2])) for name, values in NAMES.items()}
        told = draw.sample([*NAMES], draw.randint(0, 4))
        sold = [
            Variant({name: draw.choice(NAMES[name]) for name in told}, draw.random() < 0.6)
            for _ in range(draw.randint(1, 6))
        ]
        specified = {name: values for name, values in said.items() if draw.random() < 0.3}
        available = any(one.available for one in sold)
        made.append(product(f"p{n}", attributes=specified, variants=sold, available=available))
    return made


class Shop:
    def __init__(self, index: EmbeddedIndex, documents: list[Document], runner: asyncio.Runner) -> None:
        self.index = index
        self.documents = documents
        self.runner = runner

    def found(self, **filters: Any) -> list[str]:
        query = Query(filters=Filters(**filters), limit=1000)
        return sorted(ids(self.runner.run(self.index.search(query))))

    def left(self, **filters: Any) -> list[str]:
        return sorted(one.id for one in left_of(self.documents, Filters(**filters)))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    documents = _documents(11, 600)
    with asyncio.Runner() as runner:
        index = runner.run(open_index(tmp_path_factory.mktemp("index"), ["en"]))
        runner.run(index.write(documents))
        runner.run(index.commit("1"))
        yield Shop(index, documents, runner)
        runner.run(index.close())


WANTED = st.fixed_dictionaries(
    {},
    optional={name: st.lists(st.sampled_from(values), min_size=1, max_size=2) for name, values in NAMES.items()},
)


@settings(max_examples=200)
@given(attributes=WANTED, in_stock=st.sampled_from([None, True, False]))
def test_whatever_is_asked_of_variants_is_true_of_one(
    shop: Shop, attributes: Mapping[str, Sequence[str]], in_stock: bool | None
):
    assert shop.found(attributes=attributes, in_stock=in_stock) == shop.left(attributes=attributes, in_stock=in_stock)


@settings(max_examples=60)
@given(attributes=WANTED, counted=st.sampled_from([*NAMES]))
def test_a_filter_that_is_left_out_of_its_own_count_is_left_out_of_the_variant(
    shop: Shop, attributes: Mapping[str, Sequence[str]], counted: str
):
    filters = Filters(attributes=attributes, in_stock=True)
    facets = Facets(attributes=[counted], availability=True)
    told = shop.runner.run(shop.index.search(Query(filters=filters, facets=facets))).facets
    had = counts_of(left_of(shop.documents, filters, f"attribute:{counted}"), counted)
    assert {(False, one.value): one.count for one in told.attributes[0].values} == had
    left = left_of(shop.documents, filters, "availability")
    assert [one.count for one in told.availability] == [
        sum(one.available for one in left),
        sum(not one.available for one in left),
    ]


def test_of_too_many_values_those_with_the_fewest_are_asked_for_together(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(together, "MOST_WAYS", 2 * 2 * 2)
    few, many = {"Cut": ["V"], "Fit": ["slim"]}, {"Size": ["S", "M"]}
    found = {*shop.found(attributes=few | many, in_stock=True)}
    both = {*shop.left(attributes=few, in_stock=True)} & {*shop.left(attributes=many, in_stock=True)}
    assert found == both != {*shop.left(attributes=few | many, in_stock=True)}


async def test_a_product_whose_variants_unite_too_much_is_found_by_each_filter_for_itself(
    index: EmbeddedIndex, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(variants, "MOST_UNITED", 3)
    assert [*together_of(SHIRT).united] == [UNTOLD]
    await index.write([SHIRT])
    await index.commit("1")
    for attributes, number in (({"Size": ["M"], "Color": ["Green"]}, 1), ({"Size": ["M"], "Color": ["Blue"]}, 0)):
        answer = await index.search(Query(filters=Filters(attributes=attributes, in_stock=True)))
        assert answer.total == number


def test_a_variant_alone_and_what_all_have_unite_nothing():
    one = Variant({f"Option {n}": "yes" for n in range(20)})
    assert [*together_of(product("one", variants=[one])).united] == []
    others = [Variant({**one.options, "Size": size}) for size in ("S", "M", "L")]
    assert [*together_of(product("three", variants=others)).united] == []


def test_a_thousand_variants_of_three_options_unite_what_is_bounded():
    sold = [
        Variant({"Color": f"c{n // 100}", "Size": f"s{n // 10 % 10}", "Cut": f"k{n % 10}"}, n > 0) for n in range(1000)
    ]
    # Three pairs of a hundred and a thousand of three; again with what can be bought, and each option with that.
    assert len({*together_of(product("one", variants=sold)).united}) == 1300 + 1299 + 30
