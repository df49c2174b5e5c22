"""Customer groups: who is in one has its name in the token, from the next one on and until its end."""

from __future__ import annotations

import asyncio

import jwt
import pytest
from auth.conftest import World
from editors import one_of_two

from stoa.kit.ids import uuid7
from stoa.services.auth.manage_groups import MOST_GROUPS


def groups_in(made) -> list[str]:
    claims = jwt.decode(made["access_token"], options={"verify_signature": False})
    return list(claims["groups"])


async def group(world: World, token, name="trade"):
    return await world.rest.ok("POST", "/auth/customer-groups", {"name": name}, status=201, token=token)


async def acts(world: World):
    return [
        tuple(row) for row in await world.db.fetch("SELECT act, subject, before, after FROM staff_acts ORDER BY id")
    ]


async def test_who_is_in_a_group_has_it_in_the_token(world: World):
    token, ada = (await world.admin())["access_token"], await world.register()
    user_id = ada["user"]["id"]
    assert groups_in(ada) == []
    made = await group(world, token)
    path = f"/auth/customer-groups/trade/members/{user_id}"
    member = await world.rest.ok("PUT", path, token=token)
    assert (member["user_id"], member["email"]) == (user_id, ada["user"]["email"])
    assert await world.rest.ok("PUT", path, token=token) == await world.rest.ok("GET", path, token=token) == member
    assert (await world.rest.ok("GET", "/auth/customer-groups/trade/members", token=token))["items"] == [member]
    assert await world.rest.ok("GET", "/auth/customer-groups/trade", token=token) == made
    # The session goes on, and its next token says so.
    assert await world.active(ada)
    refreshed = await world.rest.ok("POST", "/auth/refresh", {"refresh_token": ada["refresh_token"]})
    assert groups_in(refreshed) == ["trade"]
    principal = await world.surroundings.verifier.verify(refreshed["access_token"])
    assert principal.groups == {"trade"}
    await world.rest.ok("DELETE", path, token=token, status=204)
    assert groups_in((await world.login(ada["user"]["email"])).body) == []
    again = await world.rest.send("DELETE", path, token=token)
    assert (again.status, again.problem) == (404, "not-in-group")
    assert await acts(world) == [
        ("group.added", "trade", None, {"description": ""}),
        ("user.put_in_group", user_id, None, {"group": "trade"}),
        ("user.taken_out_of_group", user_id, {"group": "trade"}, None),
    ]


async def test_a_group_goes_when_nobody_is_in_it(world: World):
    token, ada = (await world.admin())["access_token"], await world.register()
    await group(world, token)
    taken = await world.rest.send("POST", "/auth/customer-groups", {"name": "trade"}, token=token)
    assert (taken.status, taken.problem, taken.body["field"]) == (409, "group-taken", "name")
    path = f"/auth/customer-groups/trade/members/{ada['user']['id']}"
    await world.rest.ok("PUT", path, token=token)
    refused = await world.rest.send("DELETE", "/auth/customer-groups/trade", token=token)
    assert (refused.status, refused.problem) == (409, "group-in-use")
    # Whose account is gone is in no group.
    await world.db.execute("DELETE FROM users WHERE id = $1", ada["user"]["id"])
    await world.rest.ok("DELETE", "/auth/customer-groups/trade", token=token, status=204)
    assert (await world.rest.ok("GET", "/auth/customer-groups", token=token))["items"] == []


@pytest.mark.parametrize("path", ["/auth/customer-groups/none/members", "/auth/customer-groups/none"])
async def test_what_is_not_there(world: World, path):
    token = (await world.admin())["access_token"]
    assert (await world.rest.send("GET", path, token=token)).problem == "group-not-found"
    refused = await world.rest.send("PUT", f"/auth/customer-groups/none/members/{uuid7()}", token=token)
    assert (refused.status, refused.problem) == (404, "user-not-found")


async def test_a_user_is_in_so_many_groups(world: World):
    token, ada = (await world.admin())["access_token"], await world.register()
    names = [f"g-{at}" for at in range(MOST_GROUPS + 1)]
    for name in names:
        await group(world, token, name)
    paths = [f"/auth/customer-groups/{name}/members/{ada['user']['id']}" for name in names]
    for path in paths[:-2]:
        await world.rest.ok("PUT", path, token=token)
    # Two at once for the last place.
    answers = await asyncio.gather(*(world.rest.send("PUT", path, token=token) for path in paths[-2:]))
    assert sorted(answer.status for answer in answers) == [200, 409]
    assert [answer.problem for answer in answers if answer.status == 409] == ["too-many-groups"]
    assert len(groups_in((await world.login(ada["user"]["email"])).body)) == MOST_GROUPS
    listed, cursor = [], ""
    while cursor is not None:
        page = await world.rest.ok("GET", f"/auth/customer-groups?limit=4{cursor}", token=token)
        listed += [one["name"] for one in page["items"]]
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    assert listed == sorted(names)


async def test_who_removes_it_and_who_puts_somebody_in(world: World):
    token, ada = (await world.admin())["access_token"], await world.register()
    path = f"/auth/customer-groups/trade/members/{ada['user']['id']}"
    for _ in range(4):
        await group(world, token)
        removed, put = await asyncio.gather(
            world.rest.send("DELETE", "/auth/customer-groups/trade", token=token),
            world.rest.send("PUT", path, token=token),
        )
        assert (removed.status, put.status) in {(204, 404), (409, 200)}
        if put.status == 200:
            await world.rest.ok("DELETE", path, token=token, status=204)
            await world.rest.ok("DELETE", "/auth/customer-groups/trade", token=token, status=204)


async def test_two_describe_it(world: World):
    token = (await world.admin())["access_token"]
    await group(world, token)
    bodies = ({"description": "one"}, {"description": "two"})
    await one_of_two(world.rest, "PUT", "/auth/customer-groups/trade", bodies, token=token)
