"""Profiles: there from the first moment, their owners' from then on."""

import asyncio

import pytest

from stoa.contracts.user.v1.user_pb2 import GetProfileRequest
from stoa.kit import problems
from stoa.testing import new_user


def profile(user, **changes):
    given = {"user_id": user.id, "email": user.email, "first_name": "Ada", "last_name": "Lovelace", "phone": "123"}
    return given | {"custom_fields": {}, "version": 1} | changes


async def test_before_the_announcement(world, ada):
    assert await world.rest.ok("GET", "/users/profile", user=ada) == profile(ada)
    await world.hear(ada)
    assert await world.rest.ok("GET", "/users/profile", user=ada) == profile(ada)


async def test_after_the_announcement_auth_is_not_asked(world, ada):
    await world.hear(ada)
    await world.auth_db.close()
    assert await world.rest.ok("GET", "/users/profile", user=ada) == profile(ada)


async def test_first_requests_at_once(world, ada):
    bodies = await asyncio.gather(*(world.rest.ok("GET", "/users/profile", user=ada) for _ in range(8)))
    assert bodies == [profile(ada)] * 8
    assert len((await world.rows())["user_profiles"]) == 1


async def test_what_was_edited_stays(world, ada):
    body = {"first_name": "Augusta", "last_name": "King", "phone": "+44 1"}
    assert await world.rest.ok("PUT", "/users/profile", body, user=ada) == profile(ada, **body, version=2)
    await world.hear(ada)
    await world.hear(ada)
    assert await world.rest.ok("GET", "/users/profile", user=ada) == profile(ada, **body, version=2)


async def test_put_sets_all_and_patch_what_is_sent(world, ada):
    body = {"first_name": "Augusta", "last_name": "King"}
    assert await world.rest.ok("PUT", "/users/profile", body, user=ada) == profile(ada, **body, phone="", version=2)
    changed = await world.rest.ok("PATCH", "/users/profile", {"phone": "42"}, user=ada)
    assert changed == profile(ada, **body, phone="42", version=3)
    assert await world.rest.ok("PATCH", "/users/profile", {}, user=ada) == changed


@pytest.mark.parametrize(
    ("method", "body", "field"),
    [
        ("PUT", {"first_name": "Ada"}, "last_name"),
        ("PATCH", {"first_name": ""}, "first_name"),
        ("PATCH", {"first_name": "a\0b"}, "first_name"),
        ("PATCH", {"last_name": "x" * 201}, "last_name"),
        ("PATCH", {"phone": "<script>"}, "phone"),
        ("PATCH", {"email": "eve@example.com"}, "email"),
        ("PATCH", {"user_id": "x"}, "user_id"),
        ("PATCH", {"roles": ["admin"]}, "roles"),
    ],
)
async def test_what_is_refused(world, ada, method, body, field):
    await world.hear(ada)
    before = await world.rows()
    answer = await world.rest.send(method, "/users/profile", body, user=ada)
    assert (answer.status, answer.body["field"]) == (422, field)
    assert await world.rows() == before


async def test_somebody_whom_auth_does_not_know(world):
    nobody = new_user()
    assert (await world.rest.send("GET", "/users/profile", user=nobody)).status == 404
    assert (await world.rest.send("PATCH", "/users/profile", {}, user=nobody)).status == 404
    assert (await world.rows())["user_profiles"] == []


async def test_a_guest(world):
    for method, path in (
        ("GET", "/users/profile"),
        ("PUT", "/users/profile"),
        ("PATCH", "/users/profile"),
        ("GET", "/users/addresses"),
        ("POST", "/users/addresses"),
        ("GET", "/users/preferences"),
        ("PUT", "/users/preferences"),
        ("GET", "/users/wishlist"),
        ("POST", "/users/wishlist"),
        ("DELETE", "/users/wishlist/MUG"),
    ):
        assert (await world.rest.send(method, path)).status == 401


async def test_what_services_are_told(world, ada):
    told = await world.stub.GetProfile(GetProfileRequest(user_id=ada.id))
    assert (told.user_id, told.email, told.first_name, told.last_name, told.phone) == (
        ada.id,
        ada.email,
        "Ada",
        "Lovelace",
        "123",
    )
    for unknown in ("00000000-0000-7000-8000-000000000000", "", "' OR true --"):
        with pytest.raises(problems.NotFound):
            await world.stub.GetProfile(GetProfileRequest(user_id=unknown))
