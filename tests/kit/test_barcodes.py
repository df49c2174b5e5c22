"""What is a barcode, and what was mistyped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.kit.barcodes import LENGTHS, barcode_of, other_ways_to_write


@pytest.mark.parametrize(
    ("text", "barcode"),
    [
        ("96385074", "96385074"),
        ("036000291452", "036000291452"),
        ("4006381333931", "4006381333931"),
        ("10614141000415", "10614141000415"),
        ("978-0-306-40615-7", "9780306406157"),
        ("0-306-40615-2", "9780306406157"),
        ("0 8044 2957 X", "9780804429573"),
        ("080442957x", "9780804429573"),
        ("", ""),
        (" - ", ""),
    ],
)
def test_a_barcode_is_its_digits(text, barcode):
    assert barcode_of(text) == barcode


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1234567", "is no barcode"),
        ("12345678901", "is no barcode"),
        ("5.01235E+12", "is no barcode"),
        ("MUG-RED", "is no barcode"),
        ("٤٠٠٦٣٨١٣٣٣٩٣١", "is no barcode"),
        ("4006381333932", "is mistyped: behind the other digits of a barcode stands 1$"),
        ("0306406153", "is mistyped: behind the other digits of a barcode stands 2$"),
        ("0804429571", "is mistyped: behind the other digits of a barcode stands X$"),
    ],
)
def test_what_is_none_is_refused(text, why):
    with pytest.raises(ValueError, match=why):
        barcode_of(text)


@given(st.sampled_from(LENGTHS), st.integers(0, 10**13 - 1), st.data())
def test_one_wrong_digit_is_always_found(length, number, data):
    digits = f"{number:013}"[-(length - 1) :]
    (whole,) = [each for last in "0123456789" if (each := _taken(digits + last))]
    at = data.draw(st.integers(0, length - 1))
    other = data.draw(st.sampled_from([each for each in "0123456789" if each != whole[at]]))
    assert _taken(whole[:at] + other + whole[at + 1 :]) is None


@pytest.mark.parametrize(
    ("barcode", "others"),
    [
        ("036000291452", ["0036000291452"]),
        ("0036000291452", ["036000291452"]),
        ("9780306406157", ["0306406152"]),
        ("9780804429573", ["080442957X"]),
        ("9791090636071", []),
        ("96385074", []),
    ],
)
def test_a_barcode_is_written_otherwise_elsewhere(barcode, others):
    assert other_ways_to_write(barcode) == others


def _taken(text: str) -> str | None:
    try:
        return barcode_of(text)
    except ValueError:
        return None
