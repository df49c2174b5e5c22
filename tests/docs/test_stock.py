"""docs/algorithms/stock.md draws the states of a reservation as the code has them."""

from __future__ import annotations

import importlib
import re

import pytest
from docs.pages import ROOT, blocks, table

from stoa.services.inventory.states import TRANSITIONS, State

STOCK = ROOT / "docs" / "algorithms" / "stock.md"
WAYS = table(STOCK, "| from | to | by | stock |")
ALLOWED = {(str(before), str(after)) for before, others in TRANSITIONS.items() for after in others}


DRAWN, BACKORDERS = (
    set(re.findall(r"^ +(\w+) --> (\w+)", each.text, re.MULTILINE))
    for each in blocks(STOCK, "mermaid")
    if each.text.startswith("stateDiagram")
)


def test_every_transition_is_drawn_and_no_other():
    assert DRAWN == ALLOWED


def test_a_backorder_has_the_states_that_are_drawn():
    migration = ROOT / "src/stoa/services/inventory/migrations/0018_called_off.sql"
    (check,) = re.findall(r"CONSTRAINT backorders_filled CHECK \((.+?)\n    \)", migration.read_text(), re.DOTALL)
    states = set(re.findall(r"WHEN '(\w+)'", check))
    assert {before for before, _ in BACKORDERS} == {"open"}
    assert {after for _, after in BACKORDERS} == states


def test_every_transition_is_in_the_table():
    listed = {
        (before, re.split(r"[ ,]", after)[0])
        for befores, after, *_ in WAYS
        for before in befores.split(", ")
        if before != "nothing"
    }
    assert listed == ALLOWED


@pytest.mark.parametrize("by", sorted({by for row in WAYS for by in row[2].split(", ")}))
def test_each_transition_has_its_function(by: str):
    module, function = by.split(".")
    assert callable(getattr(importlib.import_module(f"stoa.services.inventory.{module}"), function))


def test_the_states_are_all_there():
    assert {state for way in ALLOWED for state in way} == set(State)
