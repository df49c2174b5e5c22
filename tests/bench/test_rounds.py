"""Medians, and ratios of what took turns."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from bench.rounds import medians, ratio_in_turns


@dataclass(frozen=True)
class Inner:
    rate: float
    name: str = "first"


@dataclass(frozen=True)
class Round:
    inner: Inner
    count: int = 1


def test_each_figure_has_a_median_of_its_own():
    assert medians([Round(Inner(1.0)), Round(Inner(9.0), 2), Round(Inner(2.0), 3)]) == Round(Inner(2.0))


def test_a_machine_that_slows_down_does_so_for_both():
    slower = [1000 * 0.9**turn for turn in range(20)]
    ours, theirs = [0.8 * each for each in slower[::2]], slower[1::2]
    assert ratio_in_turns(ours, theirs) == pytest.approx(0.8, rel=0.01)
    # Which each beside the one that followed would not have found.
    assert ours[0] / theirs[0] == pytest.approx(0.89, rel=0.01)


def test_one_turn_each_is_one_ratio():
    assert ratio_in_turns([80.0], [100.0]) == 0.8


def test_a_disturbed_turn_changes_nothing():
    assert ratio_in_turns([80.0, 80.0, 80.0, 2.0, 80.0, 80.0], [100.0] * 6) == 0.8
