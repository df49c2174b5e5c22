"""Every type of problem that this process can answer, as its classes say it: for the description, and for its page.

A class's docstring says what it means to who gets it; that of the class of its status (`problems`) what to do then.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator

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
    """Those of the classes that are loaded, by slug."""
    return fullest((kind.slug, _type_of(kind)) for kind in _classes(Problem))


def fullest(said: Iterable[tuple[str, ProblemType]]) -> dict[str, ProblemType]:
    """By slug, in order. Of several of one slug, of classes or of processes, the one counts that says more."""
    found: dict[str, ProblemType] = {}
    for slug, kind in said:
        if slug not in found or len(kind.means) > len(found[slug].means):
            found[slug] = kind
    return dict(sorted(found.items()))


def _type_of(kind: type[Problem]) -> ProblemType:
    return ProblemType(kind.status, kind.title, "" if kind in problems.OF_STATUSES else _doc(kind), _remedy(kind))


def _classes(kind: type[Problem]) -> Iterator[type[Problem]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _classes(each)


def _remedy(kind: type[Problem]) -> str:
    return next((_doc(each) for each in kind.__mro__ if each in problems.OF_STATUSES), "")


def _doc(kind: type) -> str:
    return inspect.cleandoc(vars(kind).get("__doc__") or "")
