"""What a step of the saga is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.purchase import Purchase

Do = Callable[[Neighbors, Sequence[Purchase]], Awaitable[Sequence[Purchase | Exception]]]
"""Acts for a wave of checkouts in one call, and answers in the place of each with the purchase and what it has learned,
or with the problem that it got. It may run any number of times for one checkout: every act carries the checkout's id as
its key. A `Problem` of 4xx is a refusal, all else leaves the outcome unknown, and the same act is repeated."""

Undo = Callable[[Neighbors, Sequence[Purchase]], Awaitable[Sequence[Purchase | Exception]]]
"""Undoes the acts, also one that was refused, never came, or is still on its way. Repeatable as well."""


@dataclass(frozen=True)
class Step:
    """`undo` is None where there is nothing to undo: the step's file says why.

    The `pivot` is the step after which the saga only goes forward. The `arbiter` is the one whose undo is refused once
    the saga has come to its good end, for ever: of the two one happens.
    """

    name: str
    do: Do
    undo: Undo | None = None
    pivot: bool = False
    arbiter: bool = False


def unchanged(purchases: Sequence[Purchase], results: Sequence[Any]) -> list[Purchase | Exception]:
    """Those that were done as they were, for a step that learns nothing."""
    return [
        result if isinstance(result, Exception) else purchase
        for purchase, result in zip(purchases, results, strict=True)
    ]
