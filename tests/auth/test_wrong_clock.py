"""A clock that was ahead and is set right: nobody is kept out, and nothing of then counts for longer than it should."""

from __future__ import annotations

from datetime import timedelta

import jwt
import pytest
from auth.conftest import World

from stoa.cli import doctor
from stoa.kit.ids import uuid7
from stoa.runtime.failure import Failure

YEAR = timedelta(days=400)


@pytest.mark.parametrize("ahead", [timedelta(minutes=10), timedelta(days=2), YEAR])
async def test_a_first_start_ahead_locks_nobody_out(world, later, ahead):
    later(ahead)
    early = await world.register("ada@example.com")
    later(-ahead)
    # The process that was there, and one that is started now.
    for running in (world, World(world.db)):
        await running.register(f"{uuid7()}@example.com")
        again = (await running.login("ada@example.com")).body
        assert await running.active(again)
        assert (await running.rest.send("GET", "/auth/me", token=again["access_token"])).status == 200
    # The token of then is refused as one of another time, and the refresh token of then gives one of now.
    refused = await world.rest.send("GET", "/auth/me", token=early["access_token"])
    assert (refused.status, refused.problem) == (401, "invalid-token")
    body = {"refresh_token": early["refresh_token"]}
    fresh = await world.rest.ok("POST", "/auth/refresh", body)
    assert await world.active(fresh)


async def test_keys_are_rotated_by_the_clock_of_today(world, later):
    later(YEAR)
    await world.db.execute("DELETE FROM signing_keys")
    await world.register()
    later(-YEAR)
    keyring = world.auth.keyring
    await keyring.rotate_when_due()
    kids = await world.db.fetch("SELECT kid FROM signing_keys ORDER BY signs_from")
    assert len(kids) == 2, "a key of today waits"
    await keyring.rotate_when_due()
    assert await world.db.fetchval("SELECT count(*) FROM signing_keys") == 2, "and one is enough"
    before = (await world.register())["access_token"]
    later(timedelta(minutes=15))
    after = (await world.register())["access_token"]
    assert [kid_of(token) for token in (before, after)] == [kids[1]["kid"], kids[0]["kid"]]
    assert (
        await world.db.fetchval(
            "SELECT count(*) FROM signing_keys WHERE kid = $1", await keyring.rotate(withdraw_others=False)
        )
        == 1
    )


async def test_a_token_from_the_future_is_not_remembered_as_good(world, later):
    later(YEAR)
    made = await world.register()
    assert await world.active(made)
    later(-YEAR)
    assert not await world.active(made)


async def test_a_wait_that_no_guess_of_today_costs_is_none(world, later):
    await world.register("ada@example.com")
    later(YEAR)
    for _ in range(5):
        assert (await world.login("ada@example.com", "wrong")).status == 401
    assert (await world.login("ada@example.com")).problem == "too-many-guesses"
    later(-YEAR)
    assert (await world.login("ada@example.com")).status == 200


async def test_a_refresh_token_that_was_used_in_the_future_ends_its_session(world, later):
    later(YEAR)
    made = await world.register()
    stolen = {"refresh_token": made["refresh_token"]}
    won = await world.rest.ok("POST", "/auth/refresh", stolen)
    later(-YEAR)
    refused = await world.rest.send("POST", "/auth/refresh", stolen)
    assert (refused.status, refused.problem) == (401, "invalid-refresh-token")
    refused = await world.rest.send("POST", "/auth/refresh", {"refresh_token": won["refresh_token"]})
    assert (refused.status, refused.problem) == (401, "invalid-refresh-token")


async def test_the_doctor_sees_what_is_from_the_future(world, later):
    await doctor.nothing_from_the_future(world.db)
    await world.register()
    await doctor.nothing_from_the_future(world.db)
    later(-YEAR)
    with pytest.raises(
        Failure, match=r"a key is to sign from .*; set the clock; where it is right now, run `stoa rotate"
    ):
        await doctor.nothing_from_the_future(world.db)
    await world.auth.keyring.rotate(withdraw_others=True)
    with pytest.raises(
        Failure, match=r"signed in at .* UTC: the clock was ahead then, or is behind now; set the clock"
    ):
        await doctor.nothing_from_the_future(world.db)
    admin = await world.admin()
    for act in ("disable", "enable"):
        users = await world.db.fetch("SELECT id FROM users WHERE id <> $1", admin["user"]["id"])
        for user in users:
            await world.rest.ok("POST", f"/auth/users/{user['id']}/{act}", token=admin["access_token"])
    await doctor.nothing_from_the_future(world.db)


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])
