"""How guessing is slowed down."""

from datetime import UTC, datetime, timedelta

import pytest

from stoa.services.auth.guessing import (
    EVERYWHERE,
    TOLD,
    Tally,
    counted,
    network_of,
    proven,
    seconds_to_wait,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HERE = "198.51.100.7"
QUIET = Tally(EVERYWHERE)


def after(failures: int, client: str = HERE) -> Tally:
    tally = Tally(client)
    for _ in range(failures):
        tally = counted(tally, NOW)
    return tally


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (4, 0), (5, 15), (6, 30), (7, 60), (10, 480), (11, 900), (1_000, 900)]
)
def test_waits_from_one_network(failures, seconds):
    assert seconds_to_wait(after(failures), QUIET, NOW) == seconds


def test_a_wait_ends():
    tally = after(5)
    assert seconds_to_wait(tally, QUIET, NOW + timedelta(seconds=14, milliseconds=1)) == 1
    assert seconds_to_wait(tally, QUIET, NOW + timedelta(seconds=15)) == 0


def test_an_hour_of_quiet_forgives():
    tally = counted(after(20), NOW + timedelta(hours=1))
    assert (tally.failures, tally.blocked_until) == (1, None)


def test_from_everywhere_together():
    assert seconds_to_wait(Tally(HERE), after(49, EVERYWHERE), NOW) == 0
    assert seconds_to_wait(Tally(HERE), after(50, EVERYWHERE), NOW) == 60
    assert seconds_to_wait(Tally(HERE), after(5_000, EVERYWHERE), NOW) == 60


def test_the_owner_is_not_kept_out_of_a_known_place():
    known = proven(Tally(HERE), NOW - timedelta(days=89))
    assert seconds_to_wait(known, after(5_000, EVERYWHERE), NOW) == 0
    forgotten = proven(Tally(HERE), NOW - timedelta(days=91))
    assert seconds_to_wait(forgotten, after(5_000, EVERYWHERE), NOW) == 60


def test_a_known_place_may_not_guess_either():
    known = proven(Tally(HERE), NOW)
    for _ in range(5):
        known = counted(known, NOW)
    assert seconds_to_wait(known, QUIET, NOW) == 15


def test_the_right_password_takes_its_try_back():
    assert proven(after(3), NOW) == Tally(HERE, 0, NOW, None, NOW)
    assert proven(after(3, EVERYWHERE), NOW) == Tally(EVERYWHERE, 2, NOW, None, None)


def test_a_network_is_told_five_times_and_then_every_twelve_minutes():
    full_at = None
    for _ in range(5):
        assert TOLD.seconds_to_wait(full_at, NOW) == 0
        full_at = TOLD.used(full_at, NOW)
    assert TOLD.seconds_to_wait(full_at, NOW) == 12 * 60
    assert TOLD.seconds_to_wait(full_at, NOW + timedelta(minutes=11, seconds=59)) == 1
    then = NOW + timedelta(minutes=12)
    assert TOLD.seconds_to_wait(full_at, then) == 0
    assert TOLD.seconds_to_wait(TOLD.used(full_at, then), then) == 12 * 60
    assert full_at == NOW + timedelta(hours=1)
    assert TOLD.used(full_at, full_at) == full_at + timedelta(minutes=12)


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("", "unknown"),
        ("*", "unknown"),
        ("nonsense", "unknown"),
    ],
)
def test_networks(client, network):
    assert network_of(client) == network
