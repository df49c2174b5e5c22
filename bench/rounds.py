"""What is reported of several rounds: the median of each figure, so that one disturbed round changes nothing."""

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
