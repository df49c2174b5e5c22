"""What is reported of several rounds: medians, so that one disturbed round changes nothing."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

RoundT = TypeVar("RoundT", bound="DataclassInstance")


def medians(rounds: Sequence[RoundT]) -> RoundT:
    """One of the rounds' kind with the median of every float in it, at any depth; the rest is the first round's."""
    first = rounds[0]
    figures: dict[str, Any] = {}
    for field in dataclasses.fields(first):
        values = [getattr(each, field.name) for each in rounds]
        if isinstance(values[0], float):
            figures[field.name] = statistics.median(values)
        elif dataclasses.is_dataclass(values[0]):
            figures[field.name] = medians(values)
    return dataclasses.replace(first, **figures)


def ratio_in_turns(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Of figures that were measured in turns, ours first: the median of the ratios of each to the mean of the two
    around it, so that a machine that slows down for a while, or ever more, does so for both.
    """
    turns = [each for pair in zip(ours, theirs, strict=True) for each in pair]
    if len(turns) == 2:
        return ours[0] / theirs[0]
    ratios = []
    for at in range(1, len(turns) - 1):
        around = (turns[at - 1] + turns[at + 1]) / 2
        ratios.append(around / turns[at] if at % 2 else turns[at] / around)
    return statistics.median(ratios)
