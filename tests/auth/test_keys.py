"""When a key signs, is due, is withdrawn."""

from datetime import UTC, datetime, timedelta

from stoa.services.auth.keys import KeyRow, is_due, signer, withdrawn

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIFE = LEAD = timedelta(minutes=15)


def key(kid: str, minutes: float) -> KeyRow:
    """One that signs from so many minutes after NOW."""
    return KeyRow(kid, "", {}, NOW + timedelta(minutes=minutes))


def test_the_latest_that_has_begun_signs():
    assert signer([key("new", 15), key("now", 0), key("old", -60)], NOW) == key("now", 0)


def test_where_none_has_begun_one_signs_all_the_same():
    # The clock was ahead when they were made; the one that was made first has been published for longest.
    assert signer([key("new", 15)], NOW) == key("new", 15)
    assert signer([key("new", 15), key("first", 99_999)], NOW) == key("first", 99_999)


def test_a_retired_key_stays_while_its_last_token_lives():
    keys = [key("oldest", -99), key("old", -60), key("now", -16)]
    # 15 minutes of the last token and one for clocks apart.
    assert withdrawn(keys, NOW - timedelta(seconds=1), LIFE) == [key("oldest", -99)]
    assert withdrawn(keys, NOW, LIFE) == [key("oldest", -99), key("old", -60)]


def test_due():
    age = timedelta(days=30)
    assert is_due([], NOW, age, LEAD)
    assert is_due([key("old", -30 * 24 * 60)], NOW, age, LEAD)
    assert not is_due([key("old", -30 * 24 * 60), key("next", 10)], NOW, age, LEAD)
    # One that waits for longer than any should is of a clock that was ahead: it is not the next.
    assert is_due([key("old", -30 * 24 * 60), key("ahead", 9_999)], NOW, age, LEAD)
    assert is_due([key("ahead", 9_999)], NOW, age, LEAD)
    assert not is_due([key("ahead", 9_999), key("next", 10)], NOW, age, LEAD)
