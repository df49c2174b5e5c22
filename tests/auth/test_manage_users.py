"""What an admin does with accounts, and nobody else."""

import asyncio
import contextvars

import pytest
from editors import one_of_two

from stoa.services.auth.tell_of_disabled import tell_of_disabled


async def test_the_list_is_for_admins_and_complete(world):
    admin = await world.admin()
    users = [(await world.register())["user"]["id"] for _ in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = await world.rest.ok(
            "GET", f"/auth/users?limit=2{cursor and '&cursor=' + cursor}", token=admin["access_token"]
        )
        seen += [user["id"] for user in page["items"]]
        assert len(page["items"]) <= 2
        cursor = page["next_cursor"]
    assert seen == [*reversed(users), admin["user"]["id"]]
    assert set(page["items"][0]) == {
        "id",
        "email",
        "first_name",
        "last_name",
        "phone",
        "roles",
        "created_at",
        "disabled_at",
        "version",
    }
    one = page["items"][0]
    assert await world.rest.ok("GET", f"/auth/users/{one['id']}", token=admin["access_token"]) == one


async def test_finding_one_by_address(world):
    admin = await world.admin()
    ada = (await world.register("ada@example.com"))["user"]["id"]
    page = await world.rest.ok("GET", "/auth/users?email=ADA@example.com", token=admin["access_token"])
    assert [user["id"] for user in page["items"]] == [ada]


@pytest.mark.parametrize("query", ["cursor=nonsense", "cursor=WyJ4Il0", "limit=0", "limit=101", "sort=password_hash"])
async def test_a_bad_query(world, query):
    admin = await world.admin()
    answer = await world.rest.send("GET", f"/auth/users?{query}", token=admin["access_token"])
    assert (answer.status, answer.body["field"]) == (422, query.partition("=")[0])


async def test_roles(world):
    admin, ada = await world.admin(), await world.register()
    path = f"/auth/users/{ada['user']['id']}/roles"
    body = await world.rest.ok("PUT", path, {"roles": ["seller", "customer"]}, token=admin["access_token"])
    assert body["roles"] == ["customer", "seller"]
    assert not await world.active(ada)  # its token says what was
    again = (await world.login(ada["user"]["email"])).body
    assert again["user"]["roles"] == ["customer", "seller"]
    await world.rest.ok("PUT", path, {"roles": ["customer", "seller"]}, token=admin["access_token"])
    assert await world.active(again)  # a repeat changes nothing


@pytest.mark.parametrize("roles", [[], ["owner"], ["customer"] * 17, "admin", None])
async def test_roles_that_are_none(world, roles):
    admin, ada = await world.admin(), await world.register()
    answer = await world.rest.send(
        "PUT", f"/auth/users/{ada['user']['id']}/roles", {"roles": roles}, token=admin["access_token"]
    )
    assert (answer.status, answer.body["field"].split("[")[0]) == (422, "roles")
    assert await world.active(ada)


async def test_disabling_and_enabling(world):
    admin, ada = await world.admin(), await world.register()
    path = f"/auth/users/{ada['user']['id']}"
    disabled = await world.rest.ok("POST", f"{path}/disable", token=admin["access_token"])
    assert disabled["disabled_at"] is not None
    assert await world.rest.ok("POST", f"{path}/disable", token=admin["access_token"]) == disabled
    assert not await world.active(ada)
    assert (await world.login(ada["user"]["email"])).status == 403
    enabled = await world.rest.ok("POST", f"{path}/enable", token=admin["access_token"])
    assert enabled["disabled_at"] is None
    assert not await world.active(ada)  # what has ended never lives again
    assert (await world.login(ada["user"]["email"])).status == 200


@pytest.mark.parametrize("act", ["PUT roles", "POST disable", "POST enable"])
async def test_not_to_oneself_and_not_to_nobody(world, act):
    admin = await world.admin()
    method, _, what = act.partition(" ")
    body = {"roles": ["customer"]} if what == "roles" else None
    answer = await world.rest.send(
        method, f"/auth/users/{admin['user']['id']}/{what}", body, token=admin["access_token"]
    )
    assert (answer.status, answer.problem) == (409, "not-oneself")
    assert await world.active(admin)
    unknown = "00000000-0000-7000-8000-000000000000"
    answer = await world.rest.send(method, f"/auth/users/{unknown}/{what}", body, token=admin["access_token"])
    assert (answer.status, answer.problem) == (404, "user-not-found")


@pytest.mark.parametrize("act", ["POST disable", "PUT roles"])
async def test_two_admins_who_shut_each_other_out_at_once(world, act):
    admins = [await world.admin() for _ in range(2)]
    ids = [admin["user"]["id"] for admin in admins]
    method, _, what = act.partition(" ")
    body = {"roles": ["customer"]} if what == "roles" else None
    async with world.db.transaction() as tx:
        await tx.execute("SELECT FROM users WHERE id = ANY ($1::uuid[]) FOR UPDATE", ids)
        # Tasks of the test, not of its transaction.
        acts = [
            asyncio.create_task(
                world.rest.send(method, f"/auth/users/{other}/{what}", body, token=admin["access_token"]),
                context=contextvars.Context(),
            )
            for admin, other in zip(admins, reversed(ids), strict=True)
        ]
        async with asyncio.timeout(5):
            while await tx.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") < 2:
                await asyncio.sleep(0.01)
    answers = await asyncio.gather(*acts)
    assert sorted(answer.status for answer in answers) == [200, 403]
    assert [answer.problem for answer in answers if answer.status == 403] == ["no-longer-allowed"]
    left = "SELECT count(*) FROM users WHERE 'admin' = ANY (roles) AND disabled_at IS NULL"
    assert await world.db.fetchval(left) == 1


@pytest.mark.parametrize("role", ["customer", "seller"])
async def test_others_may_not(world, role):
    ada, eve = await world.register(), await world.register()
    await world.db.execute("UPDATE users SET roles = ARRAY[$2::text] WHERE id = $1", eve["user"]["id"], role)
    token = (await world.login(eve["user"]["email"])).body["access_token"]
    for method, path, body in (
        ("GET", "/auth/users", None),
        ("GET", f"/auth/users/{ada['user']['id']}/acts", None),
        ("PUT", f"/auth/users/{ada['user']['id']}/roles", {"roles": ["admin"]}),
        ("PUT", f"/auth/users/{eve['user']['id']}/roles", {"roles": ["admin"]}),
        ("POST", f"/auth/users/{ada['user']['id']}/disable", None),
        ("POST", f"/auth/users/{ada['user']['id']}/enable", None),
    ):
        assert (await world.rest.send(method, path, body, token=token)).status == 403
        assert (await world.rest.send(method, path, body)).status == 401
    assert await world.db.fetchval("SELECT count(*) FROM users WHERE 'admin' = ANY (roles)") == 0
    assert await world.active(ada)


async def acts_on(world, admin, user_id):
    page = await world.rest.ok("GET", f"/auth/users/{user_id}/acts", token=admin["access_token"])
    return [(act["act"], act["actor"], act["before"], act["after"]) for act in page["items"]]


async def test_who_changed_what_is_kept_and_shown(world):
    admin, ada = await world.admin(), await world.register()
    path, by = f"/auth/users/{ada['user']['id']}", admin["user"]["id"]
    for _ in range(2):  # a repeat is no act
        await world.rest.ok("PUT", f"{path}/roles", {"roles": ["seller"]}, token=admin["access_token"])
    for act in ("disable", "enable"):
        for _ in range(2):
            await world.rest.ok("POST", f"{path}/{act}", token=admin["access_token"])
    assert await acts_on(world, admin, ada["user"]["id"]) == [
        ("user.enabled", by, {"enabled": False}, {"enabled": True}),
        ("user.disabled", by, {"enabled": True}, {"enabled": False}),
        ("user.roles_changed", by, {"roles": ["customer"]}, {"roles": ["seller"]}),
    ]
    assert await acts_on(world, admin, by) == []


async def test_the_acts_page_by_page(world):
    admin, ada = await world.admin(), await world.register()
    path = f"/auth/users/{ada['user']['id']}"
    for act in ("disable", "enable", "disable"):
        await world.rest.ok("POST", f"{path}/{act}", token=admin["access_token"])
    seen, cursor = [], ""
    while cursor is not None:
        query = f"limit=1{cursor and '&cursor=' + cursor}"
        page = await world.rest.ok("GET", f"{path}/acts?{query}", token=admin["access_token"])
        seen += [act["act"] for act in page["items"]]
        cursor = page["next_cursor"]
    assert seen == ["user.disabled", "user.enabled", "user.disabled"]


async def test_what_changed_is_announced_once_and_whole(world):
    admin, ada = await world.admin(), await world.register()
    path = f"/auth/users/{ada['user']['id']}"
    for _ in range(2):
        await world.rest.ok("PUT", f"{path}/roles", {"roles": ["seller", "customer"]}, token=admin["access_token"])
        await world.rest.ok("POST", f"{path}/disable", token=admin["access_token"])
    await world.rest.ok("POST", f"{path}/enable", token=admin["access_token"])
    facts = await world.db.fetch(
        "SELECT aggregate_version, data FROM event_log WHERE type = 'user.changed' AND subject = $1 ORDER BY id",
        ada["user"]["id"],
    )
    seller = {"user_id": ada["user"]["id"], "roles": ["customer", "seller"], "sellers_apart": True}
    assert [(row["aggregate_version"], row["data"]) for row in facts] == [
        (2, seller | {"enabled": True}),
        (3, seller | {"enabled": False}),
        (4, seller | {"enabled": True}),
    ]


async def test_who_was_disabled_before_that_was_announced_is_told_of_once(world):
    """By a version that did not announce it: what such a seller sells must not stay for sale."""
    ada, bea, _ = await world.register(), await world.register(), await world.register()
    admin = await world.admin()
    await world.rest.ok("POST", f"/auth/users/{bea['user']['id']}/disable", token=admin["access_token"])
    await world.db.execute("UPDATE users SET disabled_at = now() WHERE id = $1", ada["user"]["id"])
    sql = "SELECT subject, aggregate_version, data FROM event_log WHERE type = 'user.changed' ORDER BY id"
    before = len(await world.db.fetch(sql))
    await asyncio.gather(tell_of_disabled(world.auth), tell_of_disabled(world.auth))
    await tell_of_disabled(world.auth)
    (told,) = (await world.db.fetch(sql))[before:]
    data = {"user_id": ada["user"]["id"], "roles": ["customer"], "enabled": False, "sellers_apart": True}
    assert tuple(told) == (ada["user"]["id"], 2, data)


async def test_of_two_admins_one_changes_what_both_have_seen(world):
    token = (await world.admin())["access_token"]
    path = f"/auth/users/{(await world.register())['user']['id']}"
    roles = ({"roles": ["seller"]}, {"roles": ["customer", "seller"]})
    await one_of_two(world.rest, "PUT", f"{path}/roles", roles, read=path, token=token)
    await one_of_two(world.rest, "POST", f"{path}/disable", (None, None), read=path, token=token)
    await one_of_two(world.rest, "POST", f"{path}/enable", (None, None), read=path, token=token)
