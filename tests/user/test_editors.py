"""Whoever edits what somebody else has edited meanwhile is told so."""

from editors import one_of_two
from user.conftest import ADDRESS


async def test_a_profile(world, ada):
    bodies = ({"first_name": "Ada", "last_name": "One"}, {"first_name": "Ada", "last_name": "Two"})
    await one_of_two(world.rest, "PUT", "/users/profile", bodies, user=ada)
    await one_of_two(world.rest, "PATCH", "/users/profile", ({"phone": "1"}, {"phone": "2"}), user=ada)


async def test_an_address(world, ada):
    made = await world.rest.ok("POST", "/users/addresses", ADDRESS, status=201, user=ada)
    path = f"/users/addresses/{made['id']}"
    await one_of_two(world.rest, "PUT", path, (ADDRESS | {"line1": "1"}, ADDRESS | {"line1": "2"}), user=ada)
    await one_of_two(world.rest, "DELETE", path, (None, None), user=ada)


async def test_the_default_that_another_takes_over_has_changed(world, ada):
    first = await world.rest.ok("POST", "/users/addresses", ADDRESS, status=201, user=ada)
    await world.rest.ok("POST", "/users/addresses", ADDRESS | {"is_default": True}, status=201, user=ada)
    path = f"/users/addresses/{first['id']}"
    stale = await world.rest.send("PUT", path, ADDRESS, headers={"if-match": f'"{first["version"]}"'}, user=ada)
    assert (stale.status, stale.body["now"]) == (412, 2)


async def test_preferences_also_those_never_set(world, ada):
    given = {"marketing_by_email": True, "marketing_by_sms": False}
    for currency in ("EUR", "SEK"):
        bodies = tuple(given | {"currency": currency, "language": language} for language in ("de", "sv"))
        await one_of_two(world.rest, "PUT", "/users/preferences", bodies, user=ada)
