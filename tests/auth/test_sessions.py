"""What ends a session, and what is said of its token afterwards."""

import asyncio

import pytest
from auth.conftest import PASSWORD

NEW = "another good passphrase"


async def refreshed(world, made):
    return (await world.rest.send("POST", "/auth/refresh", {"refresh_token": made["refresh_token"]})).status


async def session_of(world, made) -> str:
    session: str = await world.db.fetchval("SELECT id FROM sessions WHERE user_id = $1 ORDER BY id", made["user"]["id"])
    return session


async def test_logout_by_access_token(world):
    made = await world.register()
    other = (await world.login(made["user"]["email"])).body
    answer = await world.rest.send("POST", "/auth/logout", token=made["access_token"])
    assert (answer.status, answer.body) == (204, None)
    assert answer.headers["x-stoa-ended-sessions"] == await session_of(world, made)
    assert not await world.active(made)
    assert await refreshed(world, made) == 401
    assert await world.active(other)


async def test_logout_by_refresh_token(world):
    made = await world.register()
    body = {"refresh_token": made["refresh_token"]}
    for _ in range(2):  # a repeat changes nothing
        answer = await world.rest.send("POST", "/auth/logout", body)
        assert (answer.status, answer.headers["x-stoa-ended-sessions"]) == (204, await session_of(world, made))
    assert not await world.active(made)


async def test_logout_by_a_used_refresh_token_is_still_a_logout(world):
    made = await world.register()
    second = await world.rest.ok("POST", "/auth/refresh", {"refresh_token": made["refresh_token"]})
    assert (await world.rest.send("POST", "/auth/logout", {"refresh_token": made["refresh_token"]})).status == 204
    assert not await world.active(second)


async def test_logout_by_refresh_token_whatever_token_comes_with_it(world):
    made = await world.register()
    body = {"refresh_token": made["refresh_token"]}
    assert (await world.rest.send("POST", "/auth/logout", body, token="not.a.token")).status == 204
    assert not await world.active(made)


async def test_refreshing_and_signing_in_whatever_token_comes_with_it(world):
    made = await world.register()
    body = {"refresh_token": made["refresh_token"]}
    assert (await world.rest.send("POST", "/auth/refresh", body, token="not.a.token")).status == 200
    credentials = {"email": made["user"]["email"], "password": PASSWORD}
    assert (await world.rest.send("POST", "/auth/login", credentials, token="not.a.token")).status == 200


async def test_logout_by_nothing_but_a_bad_token_signs_nobody_out_and_says_so(world):
    answer = await world.rest.send("POST", "/auth/logout", token="not.a.token")
    assert (answer.status, answer.problem) == (401, "invalid-token")


async def test_logout_of_nobody(world):
    assert (await world.rest.send("POST", "/auth/logout")).status == 401
    assert (await world.rest.send("POST", "/auth/logout", {})).status == 401
    unknown = await world.rest.send("POST", "/auth/logout", {"refresh_token": "unknown"})
    assert (unknown.status, "x-stoa-ended-sessions" in unknown.headers) == (204, False)
    assert (await world.rest.send("POST", "/auth/logout", {"token": "x"})).body["field"] == "token"
    assert (await world.rest.send("POST", "/auth/logout", raw=b"{")).status == 400


async def test_validate(world):
    made = await world.register()
    body = await world.rest.ok("POST", "/auth/validate", {"token": made["access_token"]})
    session_id = await world.db.fetchval("SELECT id FROM sessions")
    assert body == {
        "active": True,
        "user_id": made["user"]["id"],
        "email": made["user"]["email"],
        "roles": ["customer"],
        "session_id": session_id,
    }
    for token in ("nonsense", made["refresh_token"], made["access_token"][:-2]):
        assert await world.rest.ok("POST", "/auth/validate", {"token": token}) == {"active": False}


async def test_a_new_password_ends_the_other_sessions(world):
    made = await world.register()
    other = (await world.login(made["user"]["email"])).body
    change = {"current_password": PASSWORD, "new_password": NEW}
    answer = await world.rest.send("POST", "/users/change-password", change, token=made["access_token"])
    assert answer.status == 204
    assert await world.active(made)
    assert await refreshed(world, made) == 200
    assert not await world.active(other)
    assert await refreshed(world, other) == 401
    assert (await world.login(made["user"]["email"], PASSWORD)).status == 401
    assert (await world.login(made["user"]["email"], NEW)).status == 200


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"current_password": "wrong", "new_password": NEW}, 403, "current_password"),
        ({"current_password": PASSWORD, "new_password": "short"}, 422, "new_password"),
        ({"current_password": PASSWORD, "new_password": "qwertyuiop"}, 422, "new_password"),
        ({"current_password": PASSWORD}, 422, "new_password"),
    ],
)
async def test_a_password_change_that_is_refused(world, change, status, field):
    made = await world.register()
    other = (await world.login(made["user"]["email"])).body
    answer = await world.rest.send("POST", "/auth/change-password", change, token=made["access_token"])
    assert (answer.status, answer.body["field"]) == (status, field)
    assert await world.active(other)
    assert (await world.login(made["user"]["email"])).status == 200


async def test_a_stolen_access_token_cannot_guess_the_password(world):
    made = await world.register()
    for n in range(6):
        change = {"current_password": f"guess {n}", "new_password": NEW}
        answer = await world.rest.send("POST", "/auth/change-password", change, token=made["access_token"])
    assert (answer.status, answer.problem) == (429, "too-many-guesses")


async def test_two_password_changes_at_once(world):
    made = await world.register()
    answers = await asyncio.gather(
        *(
            world.rest.send(
                "POST",
                "/auth/change-password",
                {"current_password": PASSWORD, "new_password": f"{NEW} {n}"},
                token=made["access_token"],
            )
            for n in range(2)
        )
    )
    assert sorted(answer.status for answer in answers) == [204, 403]
    winner = next(n for n, answer in enumerate(answers) if answer.status == 204)
    assert (await world.login(made["user"]["email"], f"{NEW} {winner}")).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/auth/me"), ("POST", "/auth/change-password"), ("POST", "/users/change-password")],
)
async def test_a_guest_gets_nothing(world, method, path):
    answer = await world.rest.send(method, path, None if method == "GET" else {})
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
