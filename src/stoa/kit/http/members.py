"""Which member of an object is at fault where its members are named by whoever sends it: of each msgspec says
`labels[...]`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

MOST_MEMBERS = 1_000
"""Of an object that is looked through: what is sent to be refused shall not cost more than what is taken."""
ANY = "[...]"
"""Any of the members, as msgspec says it."""
_STEP = re.compile(r"\.([^.\[]+)|\[([0-9]+)\]")


def named(path: str, plain: Any, said_of: Callable[[Any], str | None]) -> str:
    """The path with the members by their names, as `.labels.color`; itself where that cannot be told. `said_of` is what
    is said of a value in place of `plain`, None where nothing is."""
    while (at := path.find(ANY)) >= 0:
        found = _at_fault(path[:at], plain, said_of)
        if found is None:
            return path
        path = f"{path[:at]}.{found}{path[at + len(ANY) :]}"
    return path


def _at_fault(path: str, plain: Any, said_of: Callable[[Any], str | None]) -> str | None:
    """Of the object at this place the first member with which the same is said as with all."""
    steps = [int(index) if index else name for name, index in _STEP.findall(path)]
    members = _at(plain, steps)
    if not isinstance(members, dict) or not 0 < len(members) <= MOST_MEMBERS:
        return None
    said = said_of(plain)
    names = list(members)
    good, bad = 0, len(names)
    while bad - good > 1:
        middle = (good + bad) // 2
        fewer = {name: members[name] for name in names[:middle]}
        if said_of(_with(plain, steps, fewer)) == said:
            bad = middle
        else:
            good = middle
    return str(names[bad - 1])


def _at(value: Any, steps: list[str | int]) -> Any:
    for step in steps:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _with(value: Any, steps: list[str | int], inside: Any) -> Any:
    """The same with something else at a place."""
    if not steps:
        return inside
    copy = value.copy()
    copy[steps[0]] = _with(value[steps[0]], steps[1:], inside)
    return copy
