"""One spelling per address."""

import pytest

from stoa.services.auth.emails import normalised
from stoa.services.auth.errors import UnusableEmail


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  Ada@Example.COM ", "ada@example.com"),
        ("ａｄａ@example.com", "ada@example.com"),
        ("ﬁona@example.com", "fiona@example.com"),
        ("ada@straße.de", "ada@straße.de"),
        ("e\u0301ve@example.com", "éve@example.com"),
    ],
)
def test_spellings_of_one_address(typed, stored):
    assert normalised(typed) == stored
    assert normalised(stored) == stored


def test_dots_and_plus_are_the_mail_servers_business():
    assert len({normalised(each) for each in ("a.da@x.com", "ada@x.com", "ada+shop@x.com")}) == 3


@pytest.mark.parametrize(
    "typed",
    [
        "ada",
        "ada@",
        "@example.com",
        "ada@example",
        "ada@example..com",
        "a da@example.com",
        "ada@example.com\nBcc: eve@example.com",
        "a＠da@example.com",
        "a\u200bda@example.com",
        "\u202eada@example.com",
        "a\u00adda@example.com",
        "<ada@example.com>",
        "a" * 250 + "@x.com",
    ],
)
def test_what_is_no_address(typed):
    with pytest.raises(UnusableEmail) as refused:
        normalised(typed, field="users[3].email")
    assert refused.value.document()["field"] == "users[3].email"
