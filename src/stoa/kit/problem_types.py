"""Every type of problem that this process can answer, as its classes say it: for the description, and for its page.

A class's docstring says what it means to who gets it; that of the class of its status (`problems`) what to do then.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import msgspec

from stoa.kit import problems
from stoa.kit.problems import Problem


class ProblemType(msgspec.Struct, frozen=True):
    """`means` and `remedy` may be empty."""

    status: int
    title: str
    means: str
    remedy: str


def problem_types() -> dict[str, ProblemType]:
    """By slug, in order. Of several classes of one slug the one counts that says more."""
    found: dict[str, ProblemType] = {}
    for kind in _classes(Problem):
        said = ProblemType(kind.status, kind.title, "" if kind in problems.OF_STATUSES else _doc(kind), _remedy(kind))
        if kind.slug not in found or len(said.means) > len(found[kind.slug].means):
            found[kind.slug] = said
    return dict(sorted(found.items()))


def _classes(kind: type[Problem]) -> Iterator[type[Problem]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _classes(each)


def _remedy(kind: type[Problem]) -> str:
    return next((_doc(each) for each in kind.__mro__ if each in problems.OF_STATUSES), "")


def _doc(kind: type) -> str:
    return inspect.cleandoc(vars(kind).get("__doc__") or "")
