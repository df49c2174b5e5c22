"""Case and accents make no difference."""

from __future__ import annotations

import pytest

from stoa.kit.folding import fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Plain", "plain"),
        ("Crème Brûlée", "creme brulee"),
        ("GROẞE Straße", "grosse strasse"),
        ("Smørrebrød", "smorrebrod"),
        ("Łódź", "lodz"),
        ("Œuvre", "oeuvre"),
        ("ﬁne", "fine"),
        ("漢字", "漢字"),
    ],
)
def test_letters_are_those_of_the_alphabet(text: str, folded: str) -> None:
    assert fold(text) == folded
    assert fold(folded) == folded
