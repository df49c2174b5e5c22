"""One spelling per address."""

import pytest

from stoa.kit.emails import UnusableEmail, normalized


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  Ada@Example.COM ", "ada@example.com"),
        ("ａｄａ@example.com", "ada@example.com"),
        ("ﬁona@example.com", "fiona@example.com"),
        ("ada@straße.de", "ada@straße.de"),
        ("e\u0301ve@example.com", "éve@example.com"),
        ("ada@MÜNCHEN.de", "ada@münchen.de"),
        ("ada@xn--mnchen-3ya.de", "ada@münchen.de"),
        ("ada@XN--MNCHEN-3YA.de", "ada@münchen.de"),
        ("ada@münchen。de", "ada@münchen.de"),
    ],
)
def test_spellings_of_one_address(typed, stored):
    assert normalized(typed) == stored
    assert normalized(stored) == stored


def test_dots_and_plus_are_the_mail_servers_business():
    assert len({normalized(each) for each in ("a.da@x.com", "ada@x.com", "ada+shop@x.com")}) == 3


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
        "ada\ufe0f@example.com",
        "ada\u034f@example.com",
        "a\u1160da@example.com",
        "ada\u2800@example.com",
        "ada\u180b@example.com",
        "ada\u3164@example.com",
        "ada\U000e0100@example.com",
        "ada\u0378@example.com",  # no character yet
        "ada\ue000@example.com",
        "ada@exa\ufe0fmple.com",
        "ada@xn--.de",
        "ada@xn--a.com",
        "ada@ex☃ample..com",
        "ada@-münchen.de",
    ],
)
def test_what_is_no_address(typed):
    with pytest.raises(UnusableEmail) as refused:
        normalized(typed, field="users[3].email")
    assert refused.value.document()["field"] == "users[3].email"
