"""Pages, filters and counts are compared with what Python finds by looking at every document."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search.index.model import counts_of, left_of, several
from search.index.products import LONG_AGO, ids, product

from stoa.kit.folding import fold
from stoa.ports.search import (
    BadPosition,
    Category,
    CategoryCount,
    DayRange,
    Document,
    Facets,
    Filters,
    Found,
    NumberRange,
    Query,
    Removed,
    Sort,
    Value,
    Variant,
)
from stoa.services.search.index.embedded import EmbeddedIndex, open_index
from stoa.services.search.index.words import Language

WORDS = ["red", "blue", "cup", "mug", "plate", "tea", "gift", "small"]
BRANDS = ["Acme", "Bolt & Söhne", 'Quo"te', "back\\slash", "a:b/c"]
WAYS = [
    [Category("home", "Home")],
    [Category("home", "Home"), Category("kitchen", "Kitchen")],
    [Category("home", "Home"), Category("kitchen", "Kitchen"), Category("cups", "Cups")],
    [Category("garden", "Garden")],
    [Category("garden", "Garden"), Category("gifts", "Gifts")],
]
COLORS = ["red", "Red", "blue", "dark red", "x:y [z]"]
OPTIONS = {"Size": ["S", "M", "m", "L"], "Hue": ["red", "blue"], "color / Farbe": COLORS}
ATTRIBUTES = [*OPTIONS, "size.cm", "vegan", "made"]
BOUNDS = (1000, 3000, 5000)
SIZES: Sequence[Value] = [1, 2, 2.5, -3, 10]
DAYS = [date.min, date(1969, 12, 31), date(2020, 2, 29), date(2020, 3, 1), date(2027, 1, 31), date.max]
"""When it was made."""


def _documents(seed: int, number: int) -> list[Document]:
    draw = random.Random(seed)
    made = []
    for n in range(number):
        attributes: dict[str, Any] = {}
        if draw.random() < 0.8:
            attributes["color / Farbe"] = draw.sample(COLORS, draw.randint(1, 2))
        if draw.random() < 0.6:
            attributes["size.cm"] = draw.choice(SIZES)
        if draw.random() < 0.4:
            attributes["vegan"] = draw.random() < 0.5
        if draw.random() < 0.1:
            attributes["size.cm"] = "one size"
        names = draw.choice([[], ["Size"], ["Size", "Hue"], [*OPTIONS], [*OPTIONS], ["Size", "color / Farbe"]])
        variants = [
            Variant({name: draw.choice(OPTIONS[name]) for name in names if draw.random() < 0.9}, draw.random() < 0.5)
            for _ in range(draw.choice([1, 2, 3, 3, 5]))
        ]
        price = draw.randrange(0, 8000, 250)
        made.append(
            product(
                f"p{n}",
                " ".join(draw.sample(WORDS, draw.randint(1, 4))),
                brand=draw.choice([*BRANDS, ""]),
                categories=draw.sample(WAYS, draw.randint(0, 2)),
                tags=draw.sample(["new", "sale"], draw.randint(0, 2)),
                collections=draw.sample(["summer", "winter"], draw.randint(0, 1)),
                translated_collections={"en": draw.sample(["july", "summer"], draw.randint(0, 1)), "de": ["winter"]},
                price_minor=price,
                price_max_minor=draw.choice([None, price + draw.randrange(0, 4000, 250)]),
                attributes=attributes,
                variants=variants,
                days={"made": draw.choice(DAYS)} if draw.random() < 0.7 else {},
                available=any(one.available for one in variants),
                created_at=LONG_AGO + timedelta(days=draw.randrange(5)),
                popularity=float(draw.choice([0, 0, 3, 700])),
            )
        )
    return made


class Shop:
    """No dataclass: hypothesis would write all of its documents into what it reports."""

    def __init__(self, index: EmbeddedIndex, documents: list[Document], runner: asyncio.Runner) -> None:
        self.index = index
        self.documents = documents
        self.runner = runner
        self.language = Language("en")

    def search(self, query: Query) -> Found:
        return self.runner.run(self.index.search(query))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    documents = _documents(5, 400)
    with asyncio.Runner() as runner:
        index = runner.run(open_index(tmp_path_factory.mktemp("index"), ["en"]))
        for start in range(0, 400, 90):
            # Several segments; and each document was another one once.
            first = [product(one.id, "old " + one.name, 0, price_minor=77) for one in documents[start : start + 90]]
            runner.run(index.write(first))
            if start < 200:
                runner.run(index.commit("before"))
            runner.run(index.write(documents[start : start + 90]))
            runner.run(index.commit(str(start)))
        yield Shop(index, documents, runner)
        runner.run(index.close())


some = st.integers(0, 9000)
bound = st.one_of(st.none(), st.sampled_from([-5, -3, 0.5, 1, 2, 2.25, 2.5, 10, 1e9]))
FILTERS = st.builds(
    Filters,
    category=st.sampled_from([(), ("home",), ("home", "kitchen"), ("kitchen",), ("gifts",), ("home", "cups"), ("no",)]),
    brands=st.lists(st.sampled_from([*BRANDS, "nobody"]), max_size=2),
    least_price=st.one_of(st.none(), some),
    most_price=st.one_of(st.none(), some),
    in_stock=st.sampled_from([None, None, True, False]),
    attributes=st.dictionaries(
        st.sampled_from([*ATTRIBUTES, "nothing"]),
        st.one_of(
            st.lists(
                st.sampled_from([*COLORS, *SIZES, *DAYS, True, False, "one size", "S", "M", "L"]),
                min_size=1,
                max_size=3,
            ),
            st.builds(DayRange, st.sampled_from(DAYS), st.one_of(st.none(), st.sampled_from(DAYS))),
            st.builds(NumberRange, bound.filter(lambda one: one is not None), bound),
        ),
        max_size=3,
    ),
    tag=st.sampled_from(["", "", "new"]),
    collection=st.sampled_from(["", "", "summer", "july"]),
    ids=st.one_of(st.none(), st.none(), st.lists(st.sampled_from([f"p{n}" for n in range(60)]), max_size=40)),
)
TEXTS = st.sampled_from(["", "", "cup", "red cups", "tea blue"])


def _matching(shop: Shop, text: str) -> list[Document]:
    stems = set(shop.language.stems(text))
    return [one for one in shop.documents if stems <= set(shop.language.stems(_whole(one)))]


def _whole(one: Document) -> str:
    values = [value for given in one.attributes.values() for value in several(given) if isinstance(value, str)]
    names = [category.name for way in one.categories for category in way]
    options = [value for variant in one.variants for value in variant.options.values()]
    return " ".join([one.name, one.brand, *one.tags, *names, *values, *options])


@settings(max_examples=60)
@given(text=TEXTS, filters=FILTERS)
def test_filters_and_counts_are_those_of_brute_force(shop: Shop, text: str, filters: Filters):
    wanted = Facets(
        categories=True,
        brands=True,
        availability=True,
        price_bounds=BOUNDS,
        attributes=("color / Farbe", "Size", "size.cm", "vegan", "made", "nothing"),
    )
    found = shop.search(Query(text=text, filters=filters, limit=400, facets=wanted, exact=True))
    matching = _matching(shop, text)

    def left(but: str = "") -> list[Document]:
        return left_of(matching, filters, but)

    assert sorted(ids(found)) == sorted(one.id for one in left())
    assert found.total == len(left())
    assert {one.value: one.count for one in found.facets.brands} == Counter(
        one.brand for one in left("brand") if one.brand
    )
    assert {one.value: one.count for one in found.facets.availability} == {
        flag: sum(one.available == flag for one in left("availability")) for flag in (True, False)
    }
    for counted in found.facets.prices:
        least, below = counted.least or 0, counted.below or 10**9
        assert counted.count == sum(
            one.price_minor < below and (one.price_max_minor or one.price_minor) >= least for one in left("price")
        )
    assert [one.key for one in found.facets.attributes] == [*wanted.attributes]
    for attribute in found.facets.attributes:
        values = counts_of(left(f"attribute:{attribute.key}"), attribute.key)
        assert {(isinstance(one.value, bool), one.value): one.count for one in attribute.values} == values
        assert len(attribute.values) == len(values)
    assert _flat(found.facets.categories) == Counter(
        path
        for one in left("category")
        for path in {
            "/".join(category.slug for category in way[: deep + 1])
            for way in one.categories
            for deep in range(len(way))
        }
    )


@settings(max_examples=60)
@given(text=TEXTS, filters=FILTERS, most=st.integers(1, 5), filterable=st.sets(st.sampled_from(ATTRIBUTES)))
def test_the_attributes_that_most_hits_have_are_counted(
    shop: Shop, text: str, filters: Filters, most: int, filterable: set[str]
):
    wanted = Facets(most_attributes=most, filterable=filterable, unfilterable={"Hue"})
    facets = shop.search(Query(text=text, filters=filters, limit=1, facets=wanted, exact=True)).facets
    hits = left_of(_matching(shop, text), filters)
    had = Counter(name for one in hits for name in _options(one) | ({*one.attributes, *one.days} & filterable))
    del had["Hue"]
    first = sorted(had, key=lambda name: (name not in filters.attributes, -had[name], name))[:most]
    counts = {one.key: [each.count for each in one.values] for one in facets.attributes}
    assert sorted(counts) == sorted(first)
    dividing = [name for name in first if counts[name] != [len(hits)]]
    assert [*counts] == [*dividing, *(name for name in first if name not in dividing)]


def _options(one: Document) -> set[str]:
    return {name for variant in one.variants for name in variant.options}


def _flat(counts: Sequence[CategoryCount], above: str = "") -> dict[str, int]:
    found: dict[str, int] = {}
    for one in counts:
        path = f"{above}{one.slug}"
        found |= {path: one.count} | _flat(one.children, f"{path}/")
    return found


ORDERS: dict[Sort, Callable[[Document], Any]] = {
    Sort.NEWEST: lambda one: -one.created_at.timestamp(),
    Sort.PRICE: lambda one: one.price_minor,
    Sort.PRICE_DESCENDING: lambda one: -one.price_minor,
    Sort.NAME: lambda one: fold(one.name),
    Sort.POPULARITY: lambda one: -one.popularity,
}


@settings(max_examples=30)
@given(text=TEXTS, filters=FILTERS, sort=st.sampled_from(list(Sort)), limit=st.integers(1, 60))
def test_pages_give_each_hit_once_and_in_order(shop: Shop, text: str, filters: Filters, sort: Sort, limit: int):
    query = Query(text=text, filters=filters, sort=sort, exact=True)
    whole = shop.search(_with(query, limit=400))
    assert whole.next is None
    paged: list[str] = []
    after = None
    while True:
        page = shop.search(_with(query, limit=limit, after=after))
        assert page.total == whole.total
        paged.extend(ids(page))
        after = page.next
        if after is None:
            break
        assert len(page.hits) == limit
    assert paged == ids(whole)
    assert len(set(paged)) == len(paged) == whole.total
    if sort in ORDERS:
        by_id = {one.id: one for one in shop.documents}
        keys = [ORDERS[sort](by_id[id_]) for id_ in paged]
        assert keys == sorted(keys)


def _with(query: Query, **changed: Any) -> Query:
    return Query(**({name: getattr(query, name) for name in query.__struct_fields__} | changed))


@settings(max_examples=150)
@given(
    text=st.one_of(
        st.text(max_size=600),
        st.text(alphabet="ab \"-:*~^()[]{}+!\\/&|\0'’\n", max_size=60),
        st.lists(st.sampled_from([*WORDS, "cupp", '"', "-", "--", "AND", "*:*", "\ud800"]), max_size=30).map(" ".join),
    ),
    brand=st.text(max_size=5),
    attribute=st.text(max_size=8),
    value=st.one_of(st.text(max_size=5), st.integers(), st.floats(), st.booleans()),
    bounds=st.tuples(st.one_of(st.none(), st.floats()), st.one_of(st.none(), st.floats())),
    price=st.one_of(st.none(), st.integers()),
    locale=st.text(max_size=5),
    limit=st.integers(-3, 5),
    attributed=st.booleans(),
)
def test_whatever_is_asked_is_answered(
    shop: Shop,
    text: str,
    brand: str,
    attribute: str,
    value: Value,
    bounds: tuple[float | None, float | None],
    price: int | None,
    locale: str,
    limit: int,
    attributed: bool,
):
    attributes = {attribute: [value], f"{attribute}2": NumberRange(*bounds), "size.cm": NumberRange(*bounds)}
    filters = Filters(
        brands=[brand],
        attributes=attributes if attributed else {},
        least_price=price,
        most_price=price,
        tag=brand,
        ids=[text],
        category=[text],
    )
    query = Query(
        text=text, locale=locale, limit=limit, facets=Facets(attributes=[attribute, *([text] if attributed else [])])
    )
    shop.search(query)
    shop.search(_with(query, filters=filters, pinned=[text, brand], buried=[text]))
    shop.runner.run(shop.index.suggest(text, locale=locale, limit=limit))


@settings(max_examples=60)
@given(after=st.one_of(st.text(max_size=40), st.binary(max_size=60).map(bytes.hex)), sort=st.sampled_from(list(Sort)))
def test_a_position_that_is_not_ours_is_refused(shop: Shop, after: str, sort: Sort):
    with pytest.raises(BadPosition):
        shop.search(Query(after=after, sort=sort))


def test_a_position_of_another_sort_is_refused(shop: Shop):
    after = shop.search(Query(limit=3, sort=Sort.PRICE)).next
    with pytest.raises(BadPosition):
        shop.search(Query(limit=3, sort=Sort.NAME, after=after))


def test_what_comes_meanwhile_moves_nothing(shop: Shop):
    """A page goes on behind what was shown last, whatever was written before it since."""
    for sort in Sort:
        query = Query(text="cup", sort=sort, exact=True)
        before = ids(shop.search(_with(query, limit=400)))
        first = shop.search(_with(query, limit=len(before) // 2))
        new = [
            product(f"new-{sort}-{n}", "cup", popularity=1e6 * n, price_minor=n * 100_000, created_at=LONG_AGO)
            for n in (0, 1)
        ]
        shop.runner.run(shop.index.write(new))
        shop.runner.run(shop.index.commit("more"))
        rest = shop.search(_with(query, limit=400, after=first.next))
        added = {one.id for one in new}
        assert [id_ for id_ in ids(rest) if id_ not in added] == before[len(before) // 2 :]
        shop.runner.run(shop.index.write([Removed(one.id, 2) for one in new]))
        shop.runner.run(shop.index.commit("less"))
