"""A lane sends from memory only what nothing older can be owed before."""

from __future__ import annotations

from stoa.kit import lane
from stoa.kit.events import Owed
from stoa.kit.lane import Lane


def first(number: int) -> Owed:
    return Owed(number, f"e{number}", f"s{number}", b"{}", is_next=True)


def later(number: int) -> Owed:
    return Owed(number, f"e{number}", f"s{number}", b"{}")


def up_to_date() -> Lane:
    made = Lane()
    made.looking()
    made.found([])
    return made


def test_what_is_first_of_its_subject_goes_in_the_order_of_the_commits():
    to = up_to_date()
    to.add([first(2), first(3)])
    to.add([first(1)])
    assert to.take() == [first(2), first(3), first(1)]
    assert to.take() == []
    assert not to.must_look


def test_nothing_waits_before_the_first_look():
    to = Lane()
    to.add([first(1)])
    assert to.must_look
    assert to.take() == []


def test_anything_else_is_looked_for_with_all_that_waits():
    to = up_to_date()
    to.add([first(1)])
    to.add([first(2), later(3)])
    assert to.must_look
    assert to.take() == []
    to.add([first(4)])
    assert to.take() == []


def test_what_is_committed_while_it_looks_goes_after_what_is_found_and_once():
    to = Lane()
    to.looking()
    to.add([first(5), first(6)])
    to.found([later(3), first(5)])
    assert to.take() == [first(6)]


def test_what_comes_while_it_looks_and_is_not_first_has_it_look_again():
    to = Lane()
    to.looking()
    to.add([first(5), later(6)])
    to.found([later(3)])
    assert to.must_look


def test_more_than_fits_is_left_in_the_database(monkeypatch):
    monkeypatch.setattr(lane, "MOST_WAITING", 3)
    to = up_to_date()
    to.add([first(1), first(2)])
    to.add([first(3)])
    assert not to.must_look
    to.add([first(4)])
    assert to.must_look
    assert to.take() == []
