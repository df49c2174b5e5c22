"""Roles as sets of permissions: who makes them, who gives them, and from when a change counts."""

import asyncio

import pytest
from auth.conftest import World
from editors import one_of_two

from stoa.services.auth.introduce_permissions import introduce_permissions

SUPPORT = {"name": "support", "description": "Answers the phone", "permissions": ["order.orders.read"]}


async def staff(world: World, *permissions: str, name: str = "staff"):
    """Somebody, signed in, with a role of just these permissions; and the admin who gave it."""
    admin, somebody = await world.admin(), await world.register()
    role = {"name": name, "permissions": list(permissions)}
    await world.rest.ok("POST", "/auth/roles", role, status=201, token=admin["access_token"])
    path = f"/auth/users/{somebody['user']['id']}/roles"
    await world.rest.ok("PUT", path, {"roles": [name]}, token=admin["access_token"])
    return (await world.login(somebody["user"]["email"])).body, admin


async def permissions_of(world: World, made) -> list[str] | None:
    """What the token says, as long as it counts."""
    body = await world.rest.ok("POST", "/auth/validate", {"token": made["access_token"]})
    return body.get("permissions", []) if body["active"] else None


async def roles(world: World) -> dict[str, list[str]]:
    admin = await world.admin()
    page = await world.rest.ok("GET", "/auth/roles", token=admin["access_token"])
    return {role["name"]: role["permissions"] for role in page["items"]}


async def test_the_roles_that_come_with_a_shop(world):
    await introduce_permissions(world.auth)
    assert await roles(world) == {
        "admin": ["*"],
        "customer": [],
        "seller": ["catalog.products.edit_own", "inventory.stock.count_own", "media.files.edit_own"],
    }


async def test_a_role_is_made_changed_and_removed(world):
    admin = await world.admin()
    token = {"token": admin["access_token"]}
    made = await world.rest.ok("POST", "/auth/roles", SUPPORT, status=201, **token)
    assert made == SUPPORT | {"built_in": False, "version": 1}
    more = {"description": "", "permissions": ["order.orders.read", "auth.users.read", "order.orders.read"]}
    changed = await world.rest.ok("PUT", "/auth/roles/support", more, **token)
    assert (changed["permissions"], changed["version"]) == (["auth.users.read", "order.orders.read"], 2)
    assert await world.rest.ok("PUT", "/auth/roles/support", more, **token) == changed
    assert await world.rest.ok("GET", "/auth/roles/support", **token) == changed
    await world.rest.ok("DELETE", "/auth/roles/support", status=204, **token)
    answer = await world.rest.send("GET", "/auth/roles/support", **token)
    assert (answer.status, answer.problem) == (404, "role-not-found")
    acts = await world.db.fetch("SELECT act, before, after FROM staff_acts WHERE subject = 'support' ORDER BY id")
    before, after = {"permissions": SUPPORT["permissions"]}, {"permissions": changed["permissions"]}
    assert [tuple(act) for act in acts] == [
        ("role.added", None, before),
        ("role.changed", before, after),
        ("role.removed", after, None),
    ]


async def test_of_two_who_edit_a_role_one_does(world):
    token = (await world.admin())["access_token"]
    await world.rest.ok("POST", "/auth/roles", SUPPORT, status=201, token=token)
    bodies = ({"description": "one", "permissions": []}, {"description": "two", "permissions": []})
    await one_of_two(world.rest, "PUT", "/auth/roles/support", bodies, token=token)
    await one_of_two(world.rest, "DELETE", "/auth/roles/support", (None, None), token=token)


async def test_the_permissions_are_listed_with_what_they_allow(world):
    admin = await world.admin()
    page = await world.rest.ok("GET", "/auth/permissions", token=admin["access_token"])
    count_own = "Count what one sells, and say how it is promised"
    assert {"name": "inventory.stock.count_own", "what": count_own, "own": True} in page["items"]
    assert {each["name"] for each in page["items"]} == set(world.auth.permissions.by_name)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "problem", "field"),
    [
        ("POST", "/auth/roles", SUPPORT | {"permissions": ["order.read"]}, 422, "unknown-permission", "permissions[0]"),
        ("POST", "/auth/roles", SUPPORT | {"permissions": ["*"]}, 422, "unknown-permission", "permissions[0]"),
        ("POST", "/auth/roles", SUPPORT | {"name": "Support"}, 422, "unprocessable", "name"),
        ("POST", "/auth/roles", SUPPORT | {"name": "seller"}, 409, "role-taken", "name"),
        ("PUT", "/auth/roles/admin", {"permissions": []}, 409, "built-in-role", None),
        ("PUT", "/auth/roles/none", {"permissions": []}, 404, "role-not-found", None),
        ("DELETE", "/auth/roles/admin", None, 409, "built-in-role", None),
        ("DELETE", "/auth/roles/customer", None, 409, "built-in-role", None),
        ("DELETE", "/auth/roles/none", None, 404, "role-not-found", None),
    ],
)
async def test_a_change_of_roles_that_is_refused(world, method, path, body, status, problem, field):
    admin, before = await world.admin(), await roles(world)
    answer = await world.rest.send(method, path, body, token=admin["access_token"])
    assert (answer.status, answer.problem, answer.body.get("field")) == (status, problem, field)
    assert await roles(world) == before


async def test_a_role_that_somebody_has_stays(world):
    _, admin = await staff(world, "order.orders.read")
    answer = await world.rest.send("DELETE", "/auth/roles/staff", token=admin["access_token"])
    assert (answer.status, answer.problem) == (409, "role-in-use")
    assert "staff" in await roles(world)


async def test_a_role_is_given_while_it_is_removed(world):
    """Whoever comes second learns of it: nobody is left with a role that there is not."""
    admin, ada = await world.admin(), await world.register()
    token = {"token": admin["access_token"]}
    for n in range(5):
        role = SUPPORT | {"name": f"support-{n}"}
        await world.rest.ok("POST", "/auth/roles", role, status=201, **token)
        path = f"/auth/users/{ada['user']['id']}/roles"
        given, removed = await asyncio.gather(
            world.rest.send("PUT", path, {"roles": [role["name"]]}, **token),
            world.rest.send("DELETE", f"/auth/roles/{role['name']}", **token),
        )
        assert (given.status, removed.status) in {(200, 409), (422, 204)}
        if given.status == 422:
            assert (given.problem, given.body["field"]) == ("unknown-role", "roles[0]")


async def test_a_changed_role_counts_from_the_next_look_at_the_session_and_no_session_ends(world):
    bea, admin = await staff(world, "order.orders.read")
    assert await permissions_of(world, bea) == ["order.orders.read"]
    body = {"permissions": ["auth.users.read"]}
    await world.rest.ok("PUT", "/auth/roles/staff", body, token=admin["access_token"])
    assert await permissions_of(world, bea) is None
    renewed = await world.rest.ok("POST", "/auth/refresh", {"refresh_token": bea["refresh_token"]})
    assert await permissions_of(world, renewed) == ["auth.users.read"]
    await world.rest.ok("PUT", "/auth/roles/staff", body, token=admin["access_token"])
    assert await permissions_of(world, renewed) == ["auth.users.read"]


async def test_nobody_gives_or_takes_what_they_do_not_hold(world):
    bea, admin = await staff(world, "auth.roles.edit", "auth.users.assign", "auth.users.disable", "order.orders.read")
    eve, token = await world.register(), {"token": bea["access_token"]}
    path = f"/auth/users/{eve['user']['id']}"
    beyond = SUPPORT | {"permissions": ["order.orders.cancel"]}
    for method, where, body in (
        ("POST", "/auth/roles", beyond),
        ("PUT", "/auth/roles/staff", {"permissions": ["order.orders.cancel"]}),
        ("PUT", f"{path}/roles", {"roles": ["admin"]}),
        ("PUT", f"/auth/users/{admin['user']['id']}/roles", {"roles": ["customer"]}),
        ("POST", f"/auth/users/{admin['user']['id']}/disable", None),
    ):
        answer = await world.rest.send(method, where, body, **token)
        assert (answer.status, answer.problem) == (403, "beyond-oneself"), where
    assert await world.active(admin)
    await world.rest.ok("POST", "/auth/roles", SUPPORT, status=201, **token)
    assert (await world.rest.ok("PUT", f"{path}/roles", {"roles": ["support"]}, **token))["roles"] == ["support"]


@pytest.mark.parametrize("what", ["POST /auth/roles", "PUT /auth/roles/staff", "DELETE /auth/roles/staff"])
async def test_who_was_just_stopped_changes_no_role(world, what):
    bea, admin = await staff(world, "auth.roles.edit")
    await world.rest.ok("POST", f"/auth/users/{bea['user']['id']}/disable", token=admin["access_token"])
    method, _, path = what.partition(" ")
    body = None if method == "DELETE" else SUPPORT if method == "POST" else {"permissions": []}
    before = await roles(world)
    answer = await world.rest.send(method, path, body, token=bea["access_token"])
    assert (answer.status, answer.problem) == (403, "no-longer-allowed")
    assert await roles(world) == before


async def test_what_an_admin_takes_from_sellers_stays_taken_and_what_is_new_is_given(world):
    await asyncio.gather(introduce_permissions(world.auth), introduce_permissions(world.auth))
    admin = await world.admin()
    body = {"permissions": ["inventory.stock.count_own"]}
    await world.rest.ok("PUT", "/auth/roles/seller", body, token=admin["access_token"])
    await introduce_permissions(world.auth)
    assert (await roles(world))["seller"] == ["inventory.stock.count_own"]
    # As a package would that is installed by now.
    await world.db.execute("DELETE FROM known_permissions WHERE name = 'catalog.products.edit_own'")
    await introduce_permissions(world.auth)
    assert (await roles(world))["seller"] == ["catalog.products.edit_own", "inventory.stock.count_own"]


async def test_what_a_package_that_is_gone_declared_may_stay_in_its_role(world):
    admin = await world.admin()
    await world.rest.ok("POST", "/auth/roles", SUPPORT, status=201, token=admin["access_token"])
    await world.db.execute("INSERT INTO role_permissions VALUES ('support', 'giftwrap.ribbons.choose')")
    both = {"permissions": ["giftwrap.ribbons.choose", "order.orders.read"]}
    changed = await world.rest.ok("PUT", "/auth/roles/support", both, token=admin["access_token"])
    assert changed["permissions"] == both["permissions"]
