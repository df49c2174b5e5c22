"""The pure rules of products and of the category tree."""

from __future__ import annotations

import re
from contextlib import nullcontext, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.kit.ids import uuid7
from stoa.kit.money import Money
from stoa.services.catalog.errors import CategoryCycle, CategoryTooDeep, ForeignCurrency, NothingForSale
from stoa.services.catalog.product import MOST_DEPTH, Variant, check_for_sale, check_place, is_id, slugs_for

ID = "018f0000-0000-7000-8000-0000abcdef01"


@pytest.mark.parametrize(
    ("name", "slugs"),
    [
        ("White Mug", ["white-mug", "white-mug-abcdef01"]),
        ("  Crème brûlée — 2×  ", ["creme-brulee-2", "creme-brulee-2-abcdef01"]),
        ("杯子", ["product-abcdef01"]),
        (ID, [f"{ID}-abcdef01"]),
    ],
)
def test_a_slug_is_made_from_the_name(name, slugs):
    assert slugs_for(name, ID) == slugs


@given(st.text(min_size=1, max_size=200))
def test_every_name_makes_acceptable_slugs(name):
    for slug in slugs_for(name, uuid7()):
        assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", slug)
        assert len(slug) <= 200
        assert not is_id(slug)


def variant(sku: str, currency: str = "GBP") -> Variant:
    return Variant(uuid7(), sku, "", Money(100, currency), 0, {})


@pytest.mark.parametrize(
    ("status", "variants", "problem"),
    [
        ("active", [], NothingForSale),
        ("draft", [variant("A", "EUR")], ForeignCurrency),
    ],
)
def test_what_cannot_be_for_sale(status, variants, problem):
    with pytest.raises(problem):
        check_for_sale(status, variants, "GBP")


def test_what_can_be_for_sale():
    check_for_sale("draft", [], "GBP")
    check_for_sale("archived", [], "GBP")
    check_for_sale("active", [variant("A"), variant("B")], "GBP")


@pytest.mark.parametrize(
    ("category", "parent", "cycle"),
    [("a", None, False), ("a", "a", True), ("a", "b", True), ("a", "c", True), ("c", "a", False), ("b", "d", False)],
)
def test_a_category_cannot_be_inside_itself(category, parent, cycle):
    parents = {"a": None, "b": "a", "c": "b", "d": None}
    with pytest.raises(CategoryCycle) if cycle else nullcontext():
        check_place(parents, category, parent)


@pytest.mark.parametrize(("above", "below", "fits"), [(19, 0, True), (20, 0, False), (15, 4, True), (15, 5, False)])
def test_a_category_brings_its_depth_along(above, below, fits):
    parents: dict[str, str | None] = {"top": None, "moved": None}
    parents |= {f"above-{at}": f"above-{at - 1}" if at else None for at in range(above)}
    parents |= {f"below-{at}": f"below-{at - 1}" if at else "moved" for at in range(below)}
    with nullcontext() if fits else pytest.raises(CategoryTooDeep):
        check_place(parents, "moved", f"above-{above - 1}")


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30) | st.none()), max_size=200))
def test_no_row_of_moves_ever_makes_a_circle_or_too_deep_a_tree(moves):
    parents: dict[str, str | None] = {str(one): None for one in range(31)}
    for category, parent in moves:
        above = None if parent is None else str(parent)
        with suppress(CategoryCycle, CategoryTooDeep):
            check_place(parents, str(category), above)
            parents[str(category)] = above
    for start in parents.values():
        depth, above = 1, start
        while above is not None:
            depth, above = depth + 1, parents[above]
            assert depth <= MOST_DEPTH
