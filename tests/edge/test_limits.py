"""A minute's worth at once, then the pace."""

from __future__ import annotations

import pytest

from stoa.edge.gateway import limits
from stoa.edge.gateway.limits import Limit, RateLimited, caller_at


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(limits.time, "monotonic", lambda: now[0])

    def move(seconds: float) -> None:
        now[0] += seconds

    return move


def spent(limit: Limit, caller: str, times: int) -> int:
    passed = 0
    for _ in range(times):
        try:
            limit.spend(caller)
        except RateLimited:
            continue
        passed += 1
    return passed


def test_a_minutes_worth_may_come_at_once_and_then_the_pace_holds(clock):
    limit = Limit(60)
    assert spent(limit, "ada", 100) == 60
    clock(1)
    assert spent(limit, "ada", 100) == 1
    clock(10)
    assert spent(limit, "ada", 100) == 10
    clock(3600)
    assert spent(limit, "ada", 100) == 60


def test_over_any_two_minutes_no_more_than_three_get_through(clock):
    limit = Limit(60)
    passed = 0
    for _ in range(120):
        passed += spent(limit, "ada", 5)
        clock(1)
    assert passed == 60 + 119


def test_callers_are_apart(clock):
    limit = Limit(60)
    assert spent(limit, "ada", 100) == 60
    assert spent(limit, "eve", 100) == 60


def test_the_refusal_says_when_and_costs_nothing(clock):
    limit = Limit(6)
    spent(limit, "ada", 6)
    for _ in range(3):
        with pytest.raises(RateLimited) as refused:
            limit.spend("ada")
        assert refused.value.members["retry_after_seconds"] == 11
    clock(11)
    limit.spend("ada")


def test_zero_is_no_limit(clock):
    assert spent(Limit(0), "ada", 10_000) == 10_000


def test_memory_is_bounded(clock, monkeypatch):
    monkeypatch.setattr(limits, "MOST_CALLERS", 100)
    limit = Limit(60)
    for number in range(1000):
        limit.spend(f"caller {number}")
    assert len(limit._paid_until) <= 100
    clock(100)
    limit.spend("one more")
    for number in range(200):
        limit.spend(f"late {number}")
    assert len(limit._paid_until) <= 100


def test_of_ipv6_the_subscriber_counts():
    assert caller_at("2001:db8:1:2:3:4:5:6") == caller_at("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert caller_at("192.0.2.7") == "192.0.2.7"
    assert caller_at("") == ""
