"""What a step of the saga is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.purchase import Purchase

Do = Callable[[Neighbors, Purchase], Awaitable[Purchase]]
"""Acts, and answers with the purchase and what it has learned. It may run any number of times for one
checkout: every act carries the checkout's id as its key. A `Problem` of 4xx is a refusal, all else
leaves the outcome unknown, and the same act is repeated."""

Undo = Callable[[Neighbors, Purchase], Awaitable[None]]
"""Undoes the act, also one that was refused, never came, or is still on its way. Repeatable as well."""


@dataclass(frozen=True)
class Step:
    """`undo` is None where there is nothing to undo: the step's file says why.

    `effect` is False for a step that changes nothing outside: it need not be recorded before it runs.
    The `pivot` is the step after which the saga only goes forward.
    """

    name: str
    do: Do
    undo: Undo | None = None
    effect: bool = True
    pivot: bool = False
