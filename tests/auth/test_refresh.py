"""Refresh tokens work once, and reuse ends the family."""

import asyncio
from datetime import timedelta

import pytest


async def refresh(world, token):
    return await world.rest.send("POST", "/auth/refresh", {"refresh_token": token})


async def ended_by(world):
    return await world.db.fetchval("SELECT ended_by FROM sessions")


async def test_a_successor(world):
    made = await world.register()
    answer = await refresh(world, made["refresh_token"])
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.body["user"] == made["user"]
    assert answer.body["refresh_token"] != made["refresh_token"]
    assert answer.body["access_token"] != made["access_token"]
    assert await world.active(answer.body)
    assert (await world.counts())["sessions"] == 1
    assert (await refresh(world, answer.body["refresh_token"])).status == 200


GRACE = timedelta(seconds=20)


async def test_a_repeat_at_once_is_refused_and_ends_nothing(world, later):
    made = await world.register()
    won = (await refresh(world, made["refresh_token"])).body
    before = await world.counts()
    for _ in range(2):
        again = await refresh(world, made["refresh_token"])
        assert (again.status, again.problem, again.body["field"]) == (409, "refreshed-meanwhile", "refresh_token")
        later(GRACE / 2 - timedelta(seconds=1))
    assert await world.counts() == before
    assert await world.active(won)
    assert (await refresh(world, won["refresh_token"])).status == 200


async def test_reuse_after_the_grace_ends_the_family(world, later):
    made = await world.register()
    second = (await refresh(world, made["refresh_token"])).body
    third = (await refresh(world, second["refresh_token"])).body
    later(GRACE)
    stolen = await refresh(world, made["refresh_token"])
    assert (stolen.status, stolen.problem) == (401, "invalid-refresh-token")
    assert await ended_by(world) == "reuse"
    assert not await world.active(third)
    assert (await refresh(world, third["refresh_token"])).status == 401
    assert (await world.login(made["user"]["email"])).status == 200


async def test_reuse_leaves_the_users_other_sessions(world, later):
    made = await world.register()
    other = (await world.login(made["user"]["email"])).body
    await refresh(world, made["refresh_token"])
    later(GRACE)
    await refresh(world, made["refresh_token"])
    assert await world.active(other)
    assert (await refresh(world, other["refresh_token"])).status == 200


async def test_parallel_refreshes_of_one_token(world):
    made = await world.register()
    answers = await asyncio.gather(*(refresh(world, made["refresh_token"]) for _ in range(2)))
    statuses = sorted(answer.status for answer in answers)
    winner = next(answer for answer in answers if answer.status == 200)
    # The loser was there before the winner took it, so this was no reuse: no tokens, and no harm.
    assert statuses == [200, 409]
    assert next(answer for answer in answers if answer.status == 409).problem == "refreshed-meanwhile"
    assert await world.active(winner.body)
    assert (await refresh(world, winner.body["refresh_token"])).status == 200


async def test_two_tabs_some_milliseconds_apart(world):
    """Each has the same token, and a timer that is due at the same moment."""
    token = (await world.register())["refresh_token"]
    for apart in range(25):

        async def second_tab(token=token, apart=apart):
            await asyncio.sleep(apart / 2_000)
            return await refresh(world, token)

        answers = await asyncio.gather(refresh(world, token), second_tab())
        assert sorted(answer.status for answer in answers) == [200, 409]
        token = next(answer for answer in answers if answer.status == 200).body["refresh_token"]
    assert await ended_by(world) is None


async def test_a_flood_of_one_token_has_one_winner(world, later):
    made = await world.register()
    answers = await asyncio.gather(*(refresh(world, made["refresh_token"]) for _ in range(40)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 39
    assert await world.db.fetchval("SELECT count(*) FROM refresh_tokens WHERE used_at IS NULL") == 1
    # And whoever comes when all that is over is a thief.
    later(GRACE)
    assert (await refresh(world, made["refresh_token"])).status == 401
    assert await ended_by(world) == "reuse"


@pytest.mark.parametrize("token", ["nonsense", "A" * 43, "' OR 1=1 --", "ü🦊"])
async def test_unknown_tokens(world, token):
    await world.register()
    answer = await refresh(world, token)
    assert (answer.status, answer.body["field"]) == (401, "refresh_token")


async def test_an_access_token_is_no_refresh_token_and_the_other_way_round(world):
    made = await world.register()
    assert (await refresh(world, made["access_token"])).status == 401
    assert (await world.rest.send("GET", "/auth/me", token=made["refresh_token"])).status == 401
    assert await world.active(made)


async def test_a_token_expires_but_each_successor_starts_anew(world, later):
    made = await world.register()
    later(timedelta(days=29))
    second = await refresh(world, made["refresh_token"])
    assert second.status == 200
    later(timedelta(days=29))
    third = await refresh(world, second.body["refresh_token"])
    assert third.status == 200
    later(timedelta(days=30))
    assert (await refresh(world, third.body["refresh_token"])).status == 401


async def test_a_session_ends_however_often_it_is_refreshed(world, later):
    token = (await world.register())["refresh_token"]
    for _ in range(6):
        later(timedelta(days=29))
        token = (await refresh(world, token)).body["refresh_token"]
    later(timedelta(days=5, hours=23))
    token = (await refresh(world, token)).body["refresh_token"]
    later(timedelta(hours=1))
    assert (await refresh(world, token)).status == 401


async def test_a_disabled_user_cannot_refresh(world):
    made = await world.register()
    await world.db.execute("UPDATE users SET disabled_at = now()")
    before = await world.counts()
    assert (await refresh(world, made["refresh_token"])).status == 401
    assert await world.counts() == before


async def test_new_roles_are_in_the_next_token(world):
    made = await world.register()
    await world.db.execute("UPDATE users SET roles = '{seller}'")
    body = (await refresh(world, made["refresh_token"])).body
    assert body["user"]["roles"] == ["seller"]
    assert (await world.surroundings.verifier.verify(body["access_token"])).roles == {"seller"}
