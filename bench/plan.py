"""How much is measured: the whole run takes about an hour, the quick one proves that it works.

A quick run is without the baseline, which a shallow clone does not have, and without the large shop: tests have
both, with small numbers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Rounds alternate between the sides of a comparison; what is reported is their median."""

    rounds: int
    read_turns: int
    """Of each side of each read, a twentieth of a second each (`bench/reads.py`)."""
    order_seconds: float
    """About: so many carts are filled as should keep a round busy for as long."""
    most_orders: int
    """In one round, however fast it is."""
    concurrency: tuple[int, ...]
    crowds: tuple[int, ...]
    """How many buy at once where all want the same."""
    baseline: bool
    """Whether an earlier commit's shop runs beside today's: a shallow clone has none."""
    buyers: int
    pieces: int
    """Of a flash sale."""
    copies: int
    """Orders, and products, of the large shop; without any it is left out."""
    searched: tuple[int, ...]
    """Products of the shops that are searched."""
    questions: int
    """Of each kind."""
    fresh: int
    """Products whose way into the search is timed."""
    imported: int
    """Products in the file that is imported."""
    saves: int
    """Products of one variant and of a thousand that are saved and read."""
    events: int
    """Of each kind, whose way to their effects is timed."""
    profiled: int
    """Orders that the flame graph is of."""
    starts: int
    """Fresh and old data directories that are started on, each."""
    journeys: int
    """By each of the customers, on each topology."""


FULL = Plan(
    rounds=3,
    read_turns=90,
    order_seconds=4.0,
    most_orders=2000,
    concurrency=(1, 8, 32, 128),
    crowds=(32, 128),
    baseline=True,
    buyers=1000,
    pieces=100,
    copies=1_000_000,
    searched=(10_000, 100_000, 1_000_000),
    questions=400,
    fresh=30,
    imported=20_000,
    saves=15,
    events=200,
    profiled=300,
    starts=3,
    journeys=40,
)
QUICK = Plan(
    rounds=1,
    read_turns=9,
    order_seconds=0.5,
    most_orders=64,
    concurrency=(1, 8),
    crowds=(8,),
    baseline=False,
    buyers=60,
    pieces=10,
    copies=0,
    searched=(2_000,),
    questions=40,
    fresh=5,
    imported=500,
    saves=2,
    events=20,
    profiled=20,
    starts=1,
    journeys=3,
)
