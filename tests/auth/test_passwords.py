"""Which passwords are taken."""

import pytest

from stoa.services.auth.errors import UnusablePassword
from stoa.services.auth.passwords import accept, prepared, worst

EMAIL = "ada.lovelace@example.com"


@pytest.mark.parametrize(
    "password", ["12345abc", "x" * 100 + "abc", "a" * 253 + "bcd", "пароль-и-соль", "🦊🦊🦊🐻🐻🐻🐼🐼"]
)
def test_good_ones(password):
    accept(password, EMAIL)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "1234567",
        "a" * 254 + "bcd",
        "password",
        "PassWord1",
        " password ",
        "ｐａｓｓｗｏｒｄ",
        "zzzzzzzzzz",
        "abababababab",
        "a good one\0",
        EMAIL,
        "Ada.Lovelace",
    ],
)
def test_bad_ones(password):
    with pytest.raises(UnusablePassword) as refused:
        accept(password, EMAIL, field="new_password")
    assert refused.value.document()["field"] == "new_password"


def test_the_list_holds_what_would_pass_otherwise():
    assert len(worst()) > 100
    assert all(len(password) >= 8 and password == password.lower() for password in worst())


def test_one_password_from_two_keyboards():
    assert prepared("cafe\u0301 au lait") == prepared("café au lait")
