"""Tax by zones: which rates are on what, and every figure to the minor unit, with prices net or with tax in them."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.kit import money
from stoa.kit.ids import uuid7
from stoa.kit.money import Money
from stoa.ports.destination import Destination
from stoa.ports.tax import Taxable, TaxedPart
from stoa.services.checkout.places import Place, Places
from stoa.services.checkout.tax import FlatTax, Rate, ZoneTaxes, worked_out
from stoa.services.checkout.zones import RateBody, TaxRate, TaxZone, check_rates, kept_rate
from stoa.services.checkout.zones_errors import RatesTooHigh, RateTwice

NOW = datetime(2030, 1, 1, tzinfo=UTC)
HOME = Destination("GB", postal_code="NW1 6XE")
QUEBEC = Destination("CA", region="Québec", postal_code="H3Z 2Y7")


def rate(name: str, percent: str, tax_class: str = "standard", on_shipping: bool = True) -> TaxRate:
    return kept_rate(RateBody(name=name, rate=percent, tax_class=tax_class, on_shipping=on_shipping))


def zone(name: str, *rates: TaxRate, places: tuple[Place, ...] = (Place(country="GB"),)) -> TaxZone:
    return TaxZone(id=uuid7(), name=name, places=places, rates=rates, version=1, created_at=NOW, updated_at=NOW)


UK = zone("United Kingdom", rate("VAT", "20"), rate("VAT", "5", "reduced"), rate("VAT", "0", "zero"))
CANADA = zone("Quebec", rate("GST", "5"), rate("QST", "9.975"), places=(Place(country="CA", region="QC"),))


def part(amount: int, tax_class: str = "standard", sku: str = "A", currency: str = "GBP") -> TaxedPart:
    return TaxedPart(amount, currency, tax_class, sku)


def shipping(amount: int, tax_class: str = "standard") -> TaxedPart:
    return part(amount, tax_class, sku="")


async def due(*parts: TaxedPart, zones=(UK, CANADA), to: Destination | None = HOME, included: bool = False):
    asked = Taxable(parts=parts, currency=parts[0].currency, destination=to, tax_included=included)
    return await ZoneTaxes(Places(zones)).due(asked)


def by_rate(said):
    return [(one.name, one.rate, one.base.amount, one.amount.amount) for one in said.rates]


async def test_each_class_has_its_rates_and_shipping_those_of_its_method():
    said = await due(part(1000), part(1000, "reduced"), part(1000, "zero"), shipping(500))
    assert [tax.amount for tax in said.parts] == [200, 50, 0, 100]
    assert by_rate(said) == [("VAT", "20", 1500, 300), ("VAT", "5", 1000, 50), ("VAT", "0", 1000, 0)]
    assert said.how == (
        "United Kingdom: standard: VAT 20 %; reduced: VAT 5 %; zero: VAT 0 %; "
        "each rate rounded once, split by largest remainder"
    )


async def test_several_rates_of_a_class_are_each_on_the_price_without_tax():
    said = await due(part(10_000), to=QUEBEC)
    assert [tax.amount for tax in said.parts] == [1498]
    assert by_rate(said) == [("GST", "5", 10_000, 500), ("QST", "9.975", 10_000, 998)]


async def test_with_tax_in_the_prices_each_is_a_part_of_them():
    """100.00 and 5 % and 9.975 %: of 114.98 the goods are 100.00 again."""
    said = await due(part(11_498), to=QUEBEC, included=True)
    assert by_rate(said) == [("GST", "5", 10_000, 500), ("QST", "9.975", 10_000, 998)]
    assert [tax.amount for tax in said.parts] == [1498]


async def test_a_rate_may_not_be_on_shipping():
    goods_only = zone("Somewhere", rate("Sales tax", "10", on_shipping=False))
    said = await due(part(1000), shipping(500), zones=[goods_only])
    assert [tax.amount for tax in said.parts] == [100, 0]
    assert by_rate(said) == [("Sales tax", "10", 1000, 100)]
    assert "Sales tax 10 %, not on shipping" in said.how
    within = await due(part(1100), shipping(500), zones=[goods_only], included=True)
    assert [tax.amount for tax in within.parts] == [100, 0]


async def test_a_class_of_which_the_zone_says_nothing_is_taxed_as_standard_and_the_trace_says_so():
    said = await due(part(1000, "books"))
    assert [tax.amount for tax in said.parts] == [200]
    assert "books, of which nothing is said, as standard: VAT 20 %" in said.how


async def test_where_no_zone_matches_nothing_is_due_and_the_trace_says_so():
    said = await due(part(1000), shipping(100), to=Destination("JP"))
    assert ([tax.amount for tax in said.parts], said.rates) == ([0, 0], [])
    assert said.how == "none: no tax zone has JP"
    assert (await due(part(1000), to=None)).how == "none yet: it depends on where the goods go"


async def test_one_rate_of_one_name_is_rounded_once_whatever_the_classes():
    """2.5 pence of each class: 3 and 3 apart, 5 together."""
    twice = zone("Z", rate("VAT", "5"), rate("VAT", "5", "books"))
    said = await due(part(50), part(50, "books"), zones=[twice])
    assert by_rate(said) == [("VAT", "5", 100, 5)]
    assert [tax.amount for tax in said.parts] == [3, 2]


@pytest.mark.parametrize(
    ("percent", "parts_per_million", "written"),
    [
        ("20", 200_000, "20"),
        ("9.975", 99_750, "9.975"),
        ("5.50", 55_000, "5.5"),
        ("0", 0, "0"),
        ("0.0001", 1, "0.0001"),
    ],
)
def test_a_rate_is_kept_exactly(percent, parts_per_million, written):
    assert rate("VAT", percent).parts_per_million == parts_per_million
    assert Rate("VAT", parts_per_million).percent == written


def test_rates_that_cannot_be():
    with pytest.raises(RateTwice) as twice:
        check_rates([rate("VAT", "20"), rate("VAT", "5", "reduced"), rate("VAT", "7")])
    assert twice.value.field == "rates[2].name"
    with pytest.raises(RatesTooHigh) as high:
        check_rates([rate("A", "60"), rate("B", "40"), rate("C", "0.0001")])
    assert high.value.field == "rates[2].rate"
    check_rates([rate("A", "60"), rate("B", "40"), rate("A", "100", "reduced")])


CURRENCIES = st.sampled_from(["JPY", "EUR", "BHD"])
AMOUNTS = st.integers(0, 10**9)


@st.composite
def taxables(draw, included: bool | None = None):
    """Parts of a few kinds, each with rates that are 100 % at most together."""
    kinds = draw(st.lists(st.lists(st.integers(0, 250_000), min_size=0, max_size=4), min_size=1, max_size=3))
    rates = [tuple(Rate(f"{kind}.{at}", size) for at, size in enumerate(sizes)) for kind, sizes in enumerate(kinds)]
    currency = draw(CURRENCIES)
    chosen = draw(st.lists(st.tuples(AMOUNTS, st.sampled_from(rates)), min_size=1, max_size=30))
    within = draw(st.booleans()) if included is None else included
    asked = Taxable(
        parts=[part(amount, currency=currency) for amount, _ in chosen],
        currency=currency,
        destination=None,
        tax_included=within,
    )
    return asked, [its for _, its in chosen]


@given(taxables())
def test_whatever_is_taxed_adds_up(given_parts):
    asked, rates_of = given_parts
    said = worked_out(asked, rates_of, "")
    tax = sum(one.amount for one in said.parts)
    assert tax == sum(one.amount.amount for one in said.rates)
    assert all(one.amount >= 0 and one.currency == asked.currency for one in said.parts)
    for each, its, rates in zip(asked.parts, said.parts, rates_of, strict=True):
        total = sum(one.parts_per_million for one in rates)
        if asked.tax_included:
            assert its.amount <= each.amount
        assert its.amount == 0 or total > 0, "no tax on what has no rate"
    for one in said.rates:
        (on,) = {rate for rates in rates_of for rate in rates if rate.name == one.name}
        exact = sum(
            Fraction(
                each.amount * on.parts_per_million,
                1_000_000 + (sum(rate.parts_per_million for rate in rates) if asked.tax_included else 0),
            )
            for each, rates in zip(asked.parts, rates_of, strict=True)
            if on in rates
        )
        assert one.amount.amount == money.rounded(exact), "each rate is rounded once, on all that it is on"
        nets = [
            each.amount - (its.amount if asked.tax_included else 0)
            for each, its, rates in zip(asked.parts, said.parts, rates_of, strict=True)
            if on in rates
        ]
        assert one.base.amount == sum(nets)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=40), st.lists(st.integers(1, 500_000), min_size=2, max_size=2))
def test_of_the_smallest_prices_no_tax_is_more_than_the_price(amounts, sizes):
    asked = Taxable(parts=[part(one) for one in amounts], currency="GBP", destination=None, tax_included=True)
    rates = tuple(Rate(str(at), size) for at, size in enumerate(sizes))
    said = worked_out(asked, [rates] * len(amounts), "")
    assert all(its.amount <= each.amount for its, each in zip(said.parts, asked.parts, strict=True))


async def test_the_flat_rate_may_be_in_the_prices_too():
    asked = Taxable(parts=[part(3998), shipping(495)], currency="GBP", destination=None, tax_included=True)
    said = await FlatTax(2000).due(asked)
    assert [tax.amount for tax in said.parts] == [666, 83]
    assert by_rate(said) == [("Tax", "20", 3744, 749)]
    assert said.how == "20 % in 44.93 GBP, rounded once, split by largest remainder"
    assert await FlatTax(2000).on([Money(1000, "GBP")], "GBP", None) == (
        [Money(200, "GBP")],
        "20 % of 10.00 GBP, rounded once, split by largest remainder",
    )
