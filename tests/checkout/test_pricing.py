"""What a purchase costs: every figure adds up to the minor unit, whatever the cart."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.kit.ids import uuid7
from stoa.kit.money import MOST_MINOR, Money
from stoa.ports.destination import Destination
from stoa.services.checkout import price_rules
from stoa.services.checkout.errors import TotalTooLarge, UnknownShippingMethod
from stoa.services.checkout.places import Place, Places
from stoa.services.checkout.pricing import Item, PriceRules, quote
from stoa.services.checkout.settings import Settings
from stoa.services.checkout.shipping import FlatRates
from stoa.services.checkout.tax import FlatTax, ZoneTaxes
from stoa.services.checkout.zones import TaxRate, TaxZone
from stoa.services.order.refunds import BoughtLine, Came, refund_lines

RULES = price_rules(Settings())
HOME = Destination("GB", postal_code="NW1 6XE")
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def gbp(amount: int) -> Money:
    return Money(amount, "GBP")


def item(price: int, quantity: int = 1, sku: str = "A") -> Item:
    return Item(sku=sku, product_id=uuid7(), name=sku, unit_price=gbp(price), quantity=quantity)


async def figures(*items: Item, method: str = "standard", rules: PriceRules = RULES) -> tuple[int, ...]:
    quoted = await quote(items, method, HOME, rules)
    parts = (quoted.subtotal, quoted.discount, quoted.shipping, quoted.tax, quoted.total)
    return tuple(part.amount for part in parts)


async def test_two_mugs_and_three_spoons():
    quoted = await quote([item(1999, 2, "MUG"), item(333, 3, "SPOON")], "standard", HOME, RULES)
    assert (quoted.subtotal, quoted.discount, quoted.shipping) == (gbp(4997), gbp(0), gbp(495))
    assert (quoted.tax, quoted.total) == (gbp(1098), gbp(6590))
    assert [line.subtotal.amount for line in quoted.lines] == [3998, 999]
    assert [line.tax.amount for line in quoted.lines] == [799, 200]
    assert quoted.shipping_tax == gbp(99)


async def test_standard_is_free_from_its_threshold_and_express_never():
    assert await figures(item(4999)) == (4999, 0, 495, 1099, 6593)
    assert await figures(item(5000)) == (5000, 0, 0, 1000, 6000)
    assert await figures(item(5000), method="express") == (5000, 0, 995, 1199, 7194)


@pytest.mark.parametrize(("net", "tax"), [(0, 0), (2, 0), (3, 1), (7, 1), (8, 2), (12, 2), (13, 3)])
async def test_tax_is_rounded_half_away_from_zero_once(net, tax):
    taxes, _ = await FlatTax(2000).on([gbp(net)], "GBP", HOME)
    assert taxes == [gbp(tax)]


@pytest.mark.parametrize(("net", "tax"), [(1, 1), (2, 1), (3, 2), (5, 3)])
async def test_half_a_minor_unit_goes_up(net, tax):
    assert (await FlatTax(5000).on([gbp(net)], "GBP", HOME))[0] == [gbp(tax)]


async def test_tax_is_rounded_on_the_sum_and_not_line_by_line():
    """Ten lines of 3 pence: 20 % of each rounds to 1, but of the thirty it is 6."""
    taxes, _ = await FlatTax(2000).on([gbp(3)] * 10, "GBP", HOME)
    assert sum(part.amount for part in taxes) == 6
    assert [part.amount for part in taxes] == [1, 1, 1, 1, 1, 1, 0, 0, 0, 0]


async def test_the_trace_tells_how_each_figure_came_about():
    quoted = await quote([item(2500, 2)], "standard", HOME, RULES)
    assert [(entry.figure, entry.how, entry.amount.amount) for entry in quoted.trace] == [
        ("subtotal", "unit price × quantity, 2 units in all", 5000),
        ("discount", "none applies", 0),
        ("shipping", "standard, free from 50.00 GBP", 0),
        ("tax", "20 % of 50.00 GBP, rounded once, split by largest remainder", 1000),
        ("total", "subtotal - discount + shipping + tax", 6000),
    ]


async def test_an_unknown_shipping_method_names_the_field_and_those_there_are():
    with pytest.raises(UnknownShippingMethod) as refusal:
        await quote([item(100)], "drone", HOME, RULES)
    assert (refusal.value.status, refusal.value.field) == (422, "shipping_method")
    assert refusal.value.members == {"methods": ["express", "standard"]}


async def test_a_total_that_json_could_not_carry_is_refused():
    with pytest.raises(TotalTooLarge) as refusal:
        await quote([item(100_000_000_000, 100_000, f"S{number}") for number in range(10)], "standard", HOME, RULES)
    assert (refusal.value.status, refusal.value.field) == (409, "cart_id")


async def test_a_free_cart_costs_its_shipping():
    assert await figures(item(0)) == (0, 0, 495, 99, 594)
    free = PriceRules("GBP", FlatRates(gbp(0), gbp(0), gbp(0)), FlatTax(2000), 1.0)
    assert await figures(item(0), rules=free) == (0, 0, 0, 0, 0)


items = st.lists(
    st.builds(item, st.integers(0, 10_000_000), st.integers(1, 100_000)),
    min_size=1,
    max_size=60,
)
rules = st.builds(
    lambda standard, express, free, tax: PriceRules(
        "GBP", FlatRates(gbp(standard), gbp(express), gbp(free)), FlatTax(tax), 1.0
    ),
    st.integers(0, 5_000),
    st.integers(0, 5_000),
    st.integers(0, 100_000),
    st.integers(0, 10_000),
)


@given(items, st.sampled_from(["standard", "express"]), rules)
async def test_whatever_is_bought_adds_up(bought, method, decided):
    quoted = await quote(bought, method, HOME, decided)
    assert quoted.subtotal.amount == sum(one.unit_price.amount * one.quantity for one in bought)
    assert quoted.subtotal.amount == sum(line.subtotal.amount for line in quoted.lines)
    assert quoted.total == quoted.subtotal - quoted.discount + quoted.shipping + quoted.tax
    assert quoted.tax.amount == sum(line.tax.amount for line in quoted.lines) + quoted.shipping_tax.amount
    assert all(line.tax.amount >= 0 for line in quoted.lines)
    assert quoted.total.amount <= MOST_MINOR
    net = quoted.subtotal.amount - quoted.discount.amount + quoted.shipping.amount
    assert abs(10_000 * quoted.tax.amount - net * decided.taxes.basis_points) <= 5_000
    for line in quoted.lines:
        exact = line.subtotal.amount * decided.taxes.basis_points / 10_000
        assert abs(line.tax.amount - exact) <= 1.5, "largest remainder stays within a unit of the exact share"


@given(items, st.sampled_from(["standard", "express"]))
async def test_the_same_cart_costs_the_same(bought, method):
    assert await quote(bought, method, HOME, RULES) == await quote(bought, method, HOME, RULES)


@st.composite
def shops(draw):
    """A cart in a currency of 0, 2 or 3 digits, by the rates of a zone, with prices net or with tax."""
    currency = draw(st.sampled_from(["JPY", "EUR", "KWD"]))
    sizes = {name: draw(st.lists(st.integers(0, 300_000), max_size=3)) for name in ("standard", "reduced")}
    rates = tuple(
        TaxRate(name=f"T{at}", tax_class=name, parts_per_million=size, on_shipping=draw(st.booleans()))
        for name, given in sizes.items()
        for at, size in enumerate(given)
    )
    zone = TaxZone(
        id="z", name="Z", places=(Place(country="GB"),), rates=rates, version=1, created_at=NOW, updated_at=NOW
    )
    amount = st.integers(0, 5_000).map(lambda minor: Money(minor, currency))
    rules = PriceRules(
        currency,
        FlatRates(draw(amount), draw(amount), draw(amount)),
        ZoneTaxes(Places([zone])),
        1.0,
        prices_include_tax=draw(st.booleans()),
    )
    bought = [
        Item(
            sku=str(at),
            product_id="p",
            name="",
            unit_price=Money(draw(st.integers(0, 1_000_000)), currency),
            quantity=draw(st.integers(1, 50)),
            tax_class=draw(st.sampled_from(["standard", "reduced", "other"])),
        )
        for at in range(draw(st.integers(1, 12)))
    ]
    return bought, rules


@given(shops(), st.randoms(use_true_random=False))
async def test_whatever_is_sold_adds_up_and_all_returns_give_back_what_its_lines_cost(shop, rng):
    bought, decided = shop
    quoted = await quote(bought, "standard", HOME, decided)
    beside = Money(0, decided.currency) if quoted.tax_included else quoted.tax
    assert quoted.total == quoted.subtotal - quoted.discount + quoted.shipping + beside
    assert quoted.tax.amount == sum(line.tax.amount for line in quoted.lines) + quoted.shipping_tax.amount
    assert quoted.tax.amount == sum(one.amount.amount for one in quoted.taxes)
    given_back = 0
    for line in quoted.lines:
        cost = line.subtotal - line.discount
        net = cost - line.tax if quoted.tax_included else cost
        assert min(net.amount, line.tax.amount) >= 0
        returned = 0
        while returned < line.quantity:
            more = rng.randint(1, line.quantity - returned)
            kept = BoughtLine(
                line.sku, line.quantity, 0, line.quantity, returned, 0, net, line.tax, quoted.tax_included
            )
            (back,) = refund_lines({line.sku: kept}, [Came(line.sku, more, unfit=0)])
            given_back += (back.net + back.tax).amount
            returned += more
    shipping = quoted.shipping if quoted.tax_included else quoted.shipping + quoted.shipping_tax
    assert given_back == (quoted.total - shipping).amount
