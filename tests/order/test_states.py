"""The table in code, the functions that it names, and the page that draws it say the same."""

import importlib
import inspect
import re
from itertools import product
from pathlib import Path

import pytest

from stoa.services.order import states
from stoa.services.order.errors import WrongState
from stoa.services.order.states import TRANSITIONS, Status

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "algorithms" / "orders.md").read_text()


def test_every_other_transition_is_refused():
    allowed = {(each.before, each.after) for each in TRANSITIONS}
    for before, after in product(Status, Status):
        if (before, after) in allowed:
            states.check(before, after)
        else:
            with pytest.raises(WrongState) as refusal:
                states.check(before, after)
            assert refusal.value.members == {"from": before, "to": after}


@pytest.mark.parametrize("name", sorted({each.by for each in TRANSITIONS}))
def test_each_transition_has_its_function(name):
    module, function = name.split(".")
    assert inspect.iscoroutinefunction(getattr(importlib.import_module(f"stoa.services.order.{module}"), function))


def test_the_page_lists_the_states_with_their_meaning():
    source = inspect.getsource(Status)
    meanings = dict(re.findall(r'= "(\w+)"\n    """(.*?)"""', source))
    table = PAGE.split("| state | meaning |")[1].split("\n\n")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE))
    assert meanings.keys() == set(Status)
    assert rows == meanings


def test_the_page_lists_and_draws_the_transitions():
    wanted = {(each.before.value, each.after.value, each.by) for each in TRANSITIONS}
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `([\w.]+)` \|", PAGE, re.MULTILINE)
    assert len(rows) == len(TRANSITIONS)
    assert set(rows) == wanted
    drawn = set(re.findall(r"^ +(\w+) --> (\w+)", PAGE, re.MULTILINE))
    assert drawn == {(before, after) for before, after, _ in wanted}
