"""An account ends for good: by its owner with the password, or by staff with a reason."""

import asyncio

import pytest
from auth.conftest import PASSWORD


async def deleted(world, made):
    """What is left of an account: its row and those that hang on it, and what was announced of its end."""
    user_id = made["user"]["id"]
    rows = await world.db.fetchval(
        "SELECT (SELECT count(*) FROM users WHERE id = $1) + (SELECT count(*) FROM sessions WHERE user_id = $1)",
        user_id,
    )
    told = await world.db.fetch(
        "SELECT log.data, kept.data AS personal FROM event_log AS log LEFT JOIN event_personal AS kept USING (id)"
        " WHERE type = 'user.deleted' AND subject = $1",
        user_id,
    )
    return rows, [tuple(row) for row in told]


def own(world, made, password=PASSWORD):
    return world.rest.send("POST", "/auth/me/delete", {"current_password": password}, token=made["access_token"])


async def test_by_its_owner(world):
    made, other = await world.register(), await world.register()
    answer = await own(world, made)
    assert (answer.status, answer.headers["x-stoa-ended-user"]) == (204, made["user"]["id"])
    email = made["user"]["email"]
    assert await deleted(world, made) == (0, [({"user_id": made["user"]["id"]}, {"email": email})])
    assert not await world.active(made)
    assert (await world.login(email)).problem == "wrong-credentials"
    assert (await own(world, made)).problem == "user-not-found"
    refreshed = await world.rest.send("POST", "/auth/refresh", {"refresh_token": made["refresh_token"]})
    assert (refreshed.status, refreshed.problem) == (401, "invalid-refresh-token")
    assert await world.active(other)
    # The address is free again, and whoever takes it is somebody else.
    again = await world.register(email)
    assert again["user"]["id"] != made["user"]["id"]


async def test_by_staff(world):
    admin, made = await world.admin(), await world.register()
    path, token = f"/auth/users/{made['user']['id']}", {"token": admin["access_token"]}
    answer = await world.rest.send("DELETE", path, {"reason": "As she asked"}, **token)
    assert (answer.status, answer.headers["x-stoa-ended-user"]) == (204, made["user"]["id"])
    assert (await deleted(world, made))[0] == 0
    again = await world.rest.send("DELETE", path, {"reason": "As she asked"}, **token)
    assert (again.status, again.problem) == (404, "user-not-found")
    page = await world.rest.ok("GET", f"{path}/acts", **token)
    assert [(act["act"], act["reason"]) for act in page["items"]] == [("user.deleted", "As she asked")]


@pytest.mark.parametrize("who", ["wrong password", "oneself", "last admin"])
async def test_what_is_refused_changes_nothing(world, who):
    made = await world.admin()
    if who == "wrong password":
        answer, expected = await own(world, made, "wrong"), (403, "wrong-password")
    elif who == "last admin":
        answer, expected = await own(world, made), (409, "last-admin")
    else:
        path = f"/auth/users/{made['user']['id']}"
        answer = await world.rest.send("DELETE", path, {"reason": "x"}, token=made["access_token"])
        expected = (409, "not-oneself")
    assert (answer.status, answer.problem) == expected
    assert await world.active(made)
    assert (await deleted(world, made))[1] == []


async def test_two_admins_who_leave_at_once(world):
    admins = [await world.admin() for _ in range(2)]
    answers = await asyncio.gather(*(own(world, admin) for admin in admins))
    assert sorted(answer.status for answer in answers) == [204, 409]
    assert await world.db.fetchval("SELECT count(*) FROM users WHERE 'admin' = ANY (roles)") == 1


async def test_of_a_seller_who_was_one_person_the_name_goes_and_the_shop_closes(world):
    admin, made = await world.admin(), await world.register()
    path = f"/auth/users/{made['user']['id']}"
    await world.rest.ok("PUT", f"{path}/roles", {"roles": ["seller"]}, token=admin["access_token"])
    await world.rest.ok("DELETE", path, {"reason": "x"}, status=204, token=admin["access_token"])
    shown = await world.rest.ok("GET", f"/auth/sellers/{made['user']['id']}", token=admin["access_token"])
    assert (shown["name"], shown["selling"]) == ("", False)
