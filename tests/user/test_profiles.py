"""Profiles: there from the first moment, their owners' from then on."""

import asyncio

import pytest

from stoa.contracts.user.v1.user_pb2 import GetProfileRequest
from stoa.kit import problems
from stoa.testing import new_user


def profile(user, **changes):
    given = {"user_id": user.id, "email": user.email, "first_name": "Ada", "last_name": "Lovelace", "phone": "123"}
    return given | {"avatar": None, "custom_fields": {}, "version": 1} | changes


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


async def test_of_a_deleted_user_nothing_is_left_and_nothing_comes_back(world, ada):
    address = {
        "name": "Ada", "line1": "1 Main St", "city": "London", "postal_code": "N1", "country": "GB"
    }  # fmt: skip
    await world.rest.ok("POST", "/users/addresses", address, status=201, user=ada)
    await world.rest.ok("POST", "/users/wishlist", {"sku": "MUG"}, status=201, user=ada)
    await world.db.execute('UPDATE user_profiles SET custom_fields = \'{"1": "x"}\', metadata = \'{"a": "b"}\'')
    await world.auth_db.execute("DELETE FROM users WHERE id = $1", ada.id)
    for _ in range(2):  # once more, and what was announced before it comes late
        await world.hear_of_deletion(ada)
        await world.hear(ada)
    rows = await world.rows()
    (left,) = rows.pop("user_profiles")
    assert (left["email"], left["first_name"], left["last_name"], left["phone"]) == ("", "", "", "")
    assert (left["custom_fields"], left["metadata"]) == (None, {})
    assert rows == {"addresses": [], "user_preferences": [], "wishlist": []}
    # Their token works for a while past the gateway.
    for method, path, body in (
        ("GET", "/users/profile", None),
        ("PATCH", "/users/profile", {"phone": "1"}),
        ("POST", "/users/addresses", address),
        ("POST", "/users/wishlist", {"sku": "MUG"}),
    ):
        assert (await world.rest.send(method, path, body, user=ada)).problem == "user-not-found"
    assert {name: rows for name, rows in (await world.rows()).items() if name != "user_profiles"} == rows


async def test_who_changes_their_profile_is_announced_by_what_changed(world, ada):
    await world.rest.ok("PATCH", "/users/profile", {"phone": "+44 1", "first_name": "Ada"}, user=ada)
    await world.rest.ok("PATCH", "/users/profile", {"phone": "+44 1"}, user=ada)
    told = await world.db.fetch("SELECT type, subject, aggregate_version, data FROM event_log")
    said = {"user_id": ada.id, "changed": ["phone"], "files": None}
    assert [tuple(row) for row in told] == [("user.updated", ada.id, 2, said)]
