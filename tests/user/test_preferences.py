"""How a user wants to be served."""

import pytest

WANTED = {"language": "en-GB", "currency": "EUR", "marketing_by_email": True, "marketing_by_sms": False}


async def test_silence_is_not_consent(world, ada):
    assert await world.rest.ok("GET", "/users/preferences", user=ada) == {
        "language": "en",
        "currency": "GBP",
        "marketing_by_email": False,
        "marketing_by_sms": False,
        "version": 0,
    }


async def test_setting_them(world, ada, eve):
    for wanted, version in ((WANTED, 1), (WANTED, 1), (WANTED | {"marketing_by_email": False}, 2)):
        set_ = wanted | {"version": version}
        assert await world.rest.ok("PUT", "/users/preferences", wanted, user=ada) == set_
        assert await world.rest.ok("GET", "/users/preferences", user=ada) == set_
    assert (await world.rest.ok("GET", "/users/preferences", user=eve))["language"] == "en"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"language": "e"}, "language"),
        ({"language": "en_GB"}, "language"),
        ({"language": "en\n"}, "language"),
        ({"currency": "euro"}, "currency"),
        ({"marketing_by_sms": 1}, "marketing_by_sms"),
        ({"theme": "dark"}, "theme"),
    ],
)
async def test_what_is_refused(world, ada, change, field):
    before = await world.rows()
    answer = await world.rest.send("PUT", "/users/preferences", WANTED | change, user=ada)
    assert (answer.status, answer.body["field"]) == (422, field)
    assert await world.rows() == before
