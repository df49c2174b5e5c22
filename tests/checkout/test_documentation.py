"""docs/algorithms/saga.md and money.md say what the code says."""

from __future__ import annotations

import importlib
import re
from fractions import Fraction
from pathlib import Path

import pytest

from stoa.kit import money
from stoa.kit.ids import uuid7
from stoa.kit.money import Money
from stoa.ports.tax import Taxable
from stoa.services.checkout import crash_points, price_rules, states
from stoa.services.checkout.places import Places
from stoa.services.checkout.pricing import Item, quote
from stoa.services.checkout.settings import Settings
from stoa.services.checkout.steps import STEPS
from stoa.services.checkout.tax import ZoneTaxes
from stoa.services.payment import ledger
from stoa.services.payment import states as payment_states

from .test_tax import HOME, UK, part, rate, zone

PAGES = Path(__file__).resolve().parents[2] / "docs" / "algorithms"
SAGA = (PAGES / "saga.md").read_text()
MONEY = (PAGES / "money.md").read_text()


def rows(page: str, header: str) -> list[list[str]]:
    """The cells of the table under `header`, without backticks."""
    table = page.split(f"\n{header}\n")[1].split("\n\n", maxsplit=1)[0].splitlines()[1:]
    return [[cell.strip().replace("`", "") for cell in row.strip("|").split("|")] for row in table]


def drawn(page: str) -> set[tuple[str, str]]:
    diagram = page.split("stateDiagram-v2")[1].split("```", maxsplit=1)[0]
    return set(re.findall(r"^ +(\w+) --> (\w+)$", diagram, re.MULTILINE))


@pytest.mark.parametrize("where", [where for _, where in rows(SAGA, "| what happens | where |")])
def test_the_path_of_an_order_leads_somewhere(where):
    service, module, *names = where.split(".")
    found = importlib.import_module(f"stoa.services.{service}.{module}")
    for name in names:
        found = getattr(found, name)
    assert callable(found)


def test_the_transitions_of_a_checkout():
    table = {(one, other): by for one, other, by, _ in rows(SAGA, "| from | to | by | when |")}
    assert table == {(str(one), str(other)): by for (one, other), by in states.TRANSITIONS.items()}
    assert drawn(SAGA) == set(table)


@pytest.mark.parametrize("by", sorted(set(states.TRANSITIONS.values())))
def test_each_transition_of_a_checkout_has_its_function(by):
    module, *names = by.split(".")
    found = importlib.import_module(f"stoa.services.checkout.{module}")
    for name in names:
        found = getattr(found, name)
    assert callable(found)


def test_the_steps():
    header = "| step | do | undo | query | key | what a crash in the middle leaves |"
    table = rows(SAGA, header)
    assert [row[0] for row in table] == [step.name for step in STEPS]
    for row, step in zip(table, STEPS, strict=True):
        assert (step.undo is None) is row[2].startswith("none: "), step.name
        module = importlib.import_module(f"stoa.services.checkout.steps.{step.name}")
        assert module.__file__ is not None
        source = Path(module.__file__).read_text()
        if step.undo is None:
            assert re.search(r"\nNo undo", source), f"{step.name} does not say why it has none"
        for call in (call for cell in row[1:3] for call in cell.split(", ") if re.fullmatch(r"\w+\.[A-Z]\w+", call)):
            assert f"neighbors.{call}(" in source + Path(PAGES.parents[1] / READS).read_text(), call


READS = "src/stoa/services/checkout/read_cart.py"


def test_the_crash_points():
    assert [row[0] for row in rows(SAGA, "| point |")] == crash_points.all_points(STEPS)


def test_the_transitions_of_a_payment():
    table = {(one, other): (by, moved) for one, other, by, moved in rows(MONEY, "| from | to | by | ledger |")}
    assert table == {
        (str(one), str(other)): (by, str(moved or ""))
        for (one, other), (by, moved) in payment_states.TRANSITIONS.items()
    }
    assert drawn(MONEY) == set(table)


@pytest.mark.parametrize("by", sorted({by for by, _ in payment_states.TRANSITIONS.values()}))
def test_each_transition_of_a_payment_has_its_function(by):
    module, function = by.split(".")
    assert callable(getattr(importlib.import_module(f"stoa.services.payment.{module}"), function))


def test_the_accounts():
    moves = {movement: (one, other) for movement, one, other in rows(MONEY, "| movement | from | to |")}
    assert moves == {str(name): (str(one), str(other)) for name, (one, other) in ledger.MOVES.items()}
    assert [row[0] for row in rows(MONEY, "| account | its balance is |")] == list(ledger.Account)


async def test_the_worked_totals():
    table = rows(MONEY, "| lines (unit price × quantity) | method | subtotal | discount | shipping | tax | total |")
    assert len(table) == 6
    for lines, method, *figures in table:
        items = [
            Item(sku=line, product_id=uuid7(), name=line, unit_price=Money(int(price), "GBP"), quantity=int(number))
            for line in lines.split(", ")
            for price, number in [line.split(" × ")]
        ]
        worked = await quote(items, method, None, price_rules(Settings()))
        parts = (worked.subtotal, worked.discount, worked.shipping, worked.tax, worked.total)
        assert [part.amount for part in parts] == [int(figure) for figure in figures], lines


def test_the_worked_roundings():
    for net, percent, exact, tax in rows(MONEY, "| net | rate in % | exact | tax |"):
        rate = Fraction(int(percent), 100)
        assert int(net) * rate == Fraction(exact)
        assert money.share(Money(int(net), "GBP"), rate).amount == int(tax)


async def test_the_worked_taxes_in_prices():
    for prices, percents, by_rate, net in rows(MONEY, "| prices | rates in % | tax by rate | the same without tax |"):
        rates = [rate(str(at), percent) for at, percent in enumerate(percents.split(" + "))]
        asked = Taxable(parts=[part(int(prices))], currency="GBP", destination=HOME, tax_included=True)
        said = await ZoneTaxes(Places([zone("Z", *rates)])).due(asked)
        assert [one.amount.amount for one in said.rates] == [int(one) for one in by_rate.split(" + ")]
        assert {one.base.amount for one in said.rates} == {int(net)}


async def test_the_worked_purchase_with_and_without_tax_in_its_prices():
    table = rows(MONEY, "| prices are | mugs | books | shipping | tax | total |")
    assert [row[0] for row in table] == ["net", "with tax"]
    items = [
        Item(sku="MUG", product_id=uuid7(), name="Mug", unit_price=Money(1999, "GBP"), quantity=2),
        Item(sku="BOOK", product_id=uuid7(), name="B", unit_price=Money(333, "GBP"), quantity=3, tax_class="zero"),
    ]
    for prices_are, *figures in table:
        rules = price_rules(Settings(prices_include_tax=prices_are == "with tax"), taxes=ZoneTaxes(Places([UK])))
        worked = await quote(items, "standard", HOME, rules)
        paid = [line.subtotal for line in worked.lines] + [worked.shipping]
        taxes = [line.tax for line in worked.lines] + [worked.shipping_tax]
        nets = [one - tax if worked.tax_included else one for one, tax in zip(paid, taxes, strict=True)]
        said = [f"{net.amount} + {tax.amount}" for net, tax in zip(nets, taxes, strict=True)]
        assert [*said, str(worked.tax.amount), str(worked.total.amount)] == figures


def test_the_worked_allocations():
    for amount, weights, gives in rows(MONEY, "| amount | over the parts | gives |"):
        parts = money.allocate(Money(int(amount), "GBP"), [int(weight) for weight in weights.split(", ")])
        assert [part.amount for part in parts] == [int(part) for part in gives.split(", ")]
