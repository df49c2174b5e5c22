"""The table in code, the functions that it names, and the page that draws it say the same."""

import importlib
import inspect
import re
from itertools import product
from pathlib import Path

import pytest

from stoa.services.order import return_states, states
from stoa.services.order.errors import WrongReturnState, WrongState
from stoa.services.order.fulfillment import FulfillmentStatus, status_by
from stoa.services.order.return_states import ReturnStatus
from stoa.services.order.states import Status

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "algorithms" / "orders.md").read_text()
ORDERS, RETURNS = PAGE.split("## The states of a return")

TABLES = [
    pytest.param(Status, states, WrongState, ORDERS, id="orders"),
    pytest.param(ReturnStatus, return_states, WrongReturnState, RETURNS, id="returns"),
]


@pytest.mark.parametrize(("status", "table", "wrong", "page"), TABLES)
def test_every_other_transition_is_refused(status, table, wrong, page):
    allowed = {(each.before, each.after) for each in table.TRANSITIONS}
    for before, after in product(status, status):
        if (before, after) in allowed:
            table.check(before, after)
        else:
            with pytest.raises(wrong) as refusal:
                table.check(before, after)
            assert refusal.value.members == {"from": before, "to": after}


@pytest.mark.parametrize("name", sorted({each.by for each in (*states.TRANSITIONS, *return_states.TRANSITIONS)}))
def test_each_transition_has_its_function(name):
    module, function = name.split(".")
    assert inspect.iscoroutinefunction(getattr(importlib.import_module(f"stoa.services.order.{module}"), function))


@pytest.mark.parametrize(("status", "table", "wrong", "page"), TABLES)
def test_the_page_lists_the_states_with_their_meaning(status, table, wrong, page):
    source = inspect.getsource(status)
    meanings = dict(re.findall(r'= "(\w+)"\n    """(.*?)"""', source))
    shown = page.split("| state | meaning |")[1].split("\n\n")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", shown, re.MULTILINE))
    assert meanings.keys() == set(status)
    assert rows == meanings


def test_the_page_lists_what_has_left_and_the_state_that_follows():
    meanings = dict(re.findall(r'= "(\w+)"\n    """(.*?)"""', inspect.getsource(FulfillmentStatus)))
    assert meanings.keys() == set(FulfillmentStatus)
    shown = ORDERS.split("| fulfillment | meaning | the order is |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", shown, re.MULTILINE)
    assert {name: meaning for name, meaning, _ in rows} == meanings
    follow = {name: set(re.findall(r"`(\w+)`", states_named)) for name, _, states_named in rows}
    before = {Status.PENDING, Status.CONFIRMED, Status.PROCESSING}
    assert follow == {each: {status_by(one, each) for one in before} for each in FulfillmentStatus}


@pytest.mark.parametrize(("status", "table", "wrong", "page"), TABLES)
def test_the_page_lists_and_draws_the_transitions(status, table, wrong, page):
    wanted = {(each.before.value, each.after.value, each.by) for each in table.TRANSITIONS}
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `([\w.]+)` \|", page, re.MULTILINE)
    assert len(rows) == len(table.TRANSITIONS)
    assert set(rows) == wanted
    drawn = set(re.findall(r"^ +(\w+) --> (\w+)", page, re.MULTILINE))
    assert drawn == {(before, after) for before, after, _ in wanted}
