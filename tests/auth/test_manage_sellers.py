"""Sellers: who acts for them, when they sell, and what is announced of that."""

import asyncio
import importlib.resources

import jwt
import pytest
from auth.conftest import World
from editors import one_of_two

from stoa.kit.ids import uuid7
from stoa.services.auth.sellers import catch_up


async def seller_of(world: World, admin, *people):
    """A new seller for which these act, the first as its manager: its path."""
    made = await world.rest.ok("POST", "/auth/sellers", {"name": "Honey"}, status=201, token=admin["access_token"])
    assert (made["selling"], made["blocked_at"]) == (False, None)
    path = f"/auth/sellers/{made['id']}"
    for person in people:
        body = {"role": "manager" if person is people[0] else "member"}
        await world.rest.ok("PUT", f"{path}/members/{person['user']['id']}", body, token=admin["access_token"])
    return path


async def selling(world: World, admin, path) -> bool:
    return bool((await world.rest.ok("GET", path, token=admin["access_token"]))["selling"])


async def told(world: World, seller_id):
    rows = await world.db.fetch(
        "SELECT aggregate_version, data FROM event_log WHERE type = 'seller.changed' AND subject = $1 ORDER BY id",
        seller_id,
    )
    return [(row["aggregate_version"], row["data"]["selling"], row["data"]["blocked"]) for row in rows]


def claims_of(made):
    return jwt.decode(made["access_token"], options={"verify_signature": False})


async def test_who_gets_the_role_seller_acts_for_a_seller_of_their_own_id(world):
    admin, ada = await world.admin(), await world.register()
    user_id = ada["user"]["id"]
    path = f"/auth/users/{user_id}"
    await world.rest.ok("PUT", f"{path}/roles", {"roles": ["seller"]}, token=admin["access_token"])
    again = (await world.login(ada["user"]["email"])).body
    assert claims_of(again)["sellers"] == [user_id]
    own = await world.rest.ok("GET", f"/auth/sellers/{user_id}", token=again["access_token"])
    assert (own["name"], own["selling"]) == ("Ada Lovelace", True)
    await world.rest.ok("POST", f"{path}/disable", token=admin["access_token"])
    await world.rest.ok("POST", f"{path}/enable", token=admin["access_token"])
    await world.rest.ok("PUT", f"{path}/roles", {"roles": ["customer"]}, token=admin["access_token"])
    assert await told(world, user_id) == [
        (1003, True, False),
        (1004, False, False),
        (1005, True, False),
        (1006, False, False),
    ]


async def test_a_shop_goes_on_without_one_of_its_people_and_stops_with_the_last(world):
    admin, ada, bea = await world.admin(), await world.register(), await world.register()
    path = await seller_of(world, admin, ada, bea)
    assert await selling(world, admin, path)
    for person, open_still in ((ada, True), (bea, False)):
        await world.rest.ok("POST", f"/auth/users/{person['user']['id']}/disable", token=admin["access_token"])
        assert await selling(world, admin, path) == open_still
    await world.rest.ok("POST", f"/auth/users/{ada['user']['id']}/enable", token=admin["access_token"])
    assert await selling(world, admin, path)


async def test_two_who_are_disabled_at_once_close_the_shop(world):
    admin = await world.admin()
    for _ in range(5):
        people = [await world.register() for _ in range(2)]
        path = await seller_of(world, admin, *people)
        await asyncio.gather(
            *(
                world.rest.ok("POST", f"/auth/users/{person['user']['id']}/disable", token=admin["access_token"])
                for person in people
            )
        )
        assert not await selling(world, admin, path)
        assert [(sells) for _, sells, _ in (await told(world, path.rpartition("/")[2]))][-1] is False


async def test_of_two_who_block_or_unblock_a_seller_one_does(world):
    admin = await world.admin()
    path = await seller_of(world, admin, await world.register())
    for act in ("block", "unblock"):
        reasons = ({"reason": "complaints"}, {"reason": "a test"})
        await one_of_two(world.rest, "POST", f"{path}/{act}", reasons, read=path, token=admin["access_token"])


async def test_a_blocked_seller_sells_nothing_until_it_is_unblocked(world):
    admin, ada = await world.admin(), await world.register()
    path = await seller_of(world, admin, ada)
    seller_id = path.rpartition("/")[2]
    for act in ("block", "unblock"):
        for _ in range(2):  # a repeat changes nothing
            body = {"reason": "Counterfeits"}
            shown = await world.rest.ok("POST", f"{path}/{act}", body, token=admin["access_token"])
            assert (shown["selling"], shown["blocked_at"] is None) == (act == "unblock", act == "unblock")
    assert await told(world, seller_id) == [(2, True, False), (3, False, True), (4, True, False)]
    acts = await world.db.fetch("SELECT act, before, after, reason FROM staff_acts WHERE subject = $1", seller_id)
    assert ("seller.blocked", {"blocked": False}, {"blocked": True}, "Counterfeits") in [tuple(act) for act in acts]


async def test_who_acts_for_a_seller_and_no_more(world):
    admin, ada, bea, eve = (await world.admin(), *[await world.register() for _ in range(3)])
    path = await seller_of(world, admin, ada, bea)
    assert not await world.active(ada)  # its token says for whom they acted
    ada, bea = [(await world.login(each["user"]["email"])).body for each in (ada, bea)]
    assert claims_of(ada)["sellers"] == [path.rpartition("/")[2]]
    page = await world.rest.ok("GET", f"{path}/members", token=ada["access_token"])
    assert {(each["email"], each["role"]) for each in page["items"]} == {
        (ada["user"]["email"], "manager"),
        (bea["user"]["email"], "member"),
    }
    for where in (path, f"{path}/members"):
        answer = await world.rest.send("GET", where, token=eve["access_token"])
        assert (answer.status, answer.problem) == (404, "seller-not-found")
    refused = await world.rest.send("DELETE", f"{path}/members/{ada['user']['id']}", token=bea["access_token"])
    assert (refused.status, refused.problem) == (403, "not-their-manager")
    refused = await world.rest.send("DELETE", f"{path}/members/{bea['user']['id']}", token=eve["access_token"])
    assert (refused.status, refused.problem) == (404, "seller-not-found")
    answer = await world.rest.send("DELETE", f"{path}/members/{bea['user']['id']}", token=ada["access_token"])
    assert (answer.status, answer.headers["x-stoa-ended-user"]) == (204, bea["user"]["id"])
    again = (await world.login(bea["user"]["email"])).body
    assert (again["user"]["roles"], claims_of(again)["sellers"]) == (["customer"], [])
    gone = await world.rest.send("DELETE", f"{path}/members/{bea['user']['id']}", token=ada["access_token"])
    assert (gone.status, gone.problem) == (404, "member-not-found")


async def staff_for_sellers(world: World, admin):
    """Somebody, signed in, who may say who acts for sellers, and nothing else."""
    role = {"name": "marketplace", "permissions": ["auth.sellers.edit"]}
    await world.rest.ok("POST", "/auth/roles", role, status=201, token=admin["access_token"])
    made = await world.register()
    path = f"/auth/users/{made['user']['id']}/roles"
    await world.rest.ok("PUT", path, {"roles": ["marketplace"]}, token=admin["access_token"])
    return (await world.login(made["user"]["email"])).body


async def test_who_lets_people_in_gives_what_is_the_sellers_and_no_more(world):
    admin, ada = await world.admin(), await world.register()
    staff, path = await staff_for_sellers(world, admin), await seller_of(world, admin)
    member = f"{path}/members/{ada['user']['id']}"
    own = ["catalog.products.edit_own", "inventory.stock.count_own"]
    for permissions, status in (([*own, "order.orders.read"], 403), (own, 200)):
        await world.rest.ok("PUT", "/auth/roles/seller", {"permissions": permissions}, token=admin["access_token"])
        answer = await world.rest.send("PUT", member, {}, token=staff["access_token"])
        assert (answer.status, answer.body.get("type")) == (
            status,
            None if status == 200 else "/problems/beyond-oneself",
        )
    assert (await world.login(ada["user"]["email"])).body["user"]["roles"] == ["customer", "seller"]
    await world.rest.ok("DELETE", member, status=204, token=staff["access_token"])


async def test_who_lets_people_in_leaves_accounts_that_may_more_alone(world):
    admin = await world.admin()
    staff, path = await staff_for_sellers(world, admin), await seller_of(world, admin)
    member = f"{path}/members/{admin['user']['id']}"
    refused = await world.rest.send("PUT", member, {}, token=staff["access_token"])
    assert (refused.status, refused.problem) == (403, "beyond-oneself")
    assert await world.active(admin)
    await world.rest.ok("PUT", member, {}, token=admin["access_token"])
    again = (await world.login(admin["user"]["email"])).body
    refused = await world.rest.send("DELETE", member, token=staff["access_token"])
    assert (refused.status, refused.problem) == (403, "beyond-oneself")
    assert await world.active(again)
    await world.rest.ok("DELETE", member, status=204, token=again["access_token"])


async def test_who_may_not_let_people_in_any_more_does_not(world):
    admin, ada = await world.admin(), await world.register()
    staff, path = await staff_for_sellers(world, admin), await seller_of(world, admin)
    await world.rest.ok("PUT", "/auth/roles/marketplace", {"permissions": []}, token=admin["access_token"])
    refused = await world.rest.send("PUT", f"{path}/members/{ada['user']['id']}", {}, token=staff["access_token"])
    assert (refused.status, refused.problem) == (403, "no-longer-allowed")


async def test_of_two_who_change_who_acts_for_a_seller_one_does(world):
    admin, ada = await world.admin(), await world.register()
    token = admin["access_token"]
    member = f"{await seller_of(world, admin, ada)}/members/{ada['user']['id']}"
    await one_of_two(world.rest, "PUT", member, ({"role": "member"}, {"role": "member"}), token=token)
    await one_of_two(world.rest, "DELETE", member, (None, None), token=token)


async def test_who_left_and_came_back_is_another_version(world):
    admin, ada = await world.admin(), await world.register()
    member = f"{await seller_of(world, admin, ada)}/members/{ada['user']['id']}"
    before = await world.rest.send("GET", member, token=admin["access_token"])
    await world.rest.ok("DELETE", member, status=204, token=admin["access_token"])
    absent = await world.rest.send("PUT", member, {}, headers={"if-match": "*"}, token=admin["access_token"])
    assert (absent.status, absent.body["now"]) == (412, None)
    again = await world.rest.ok("PUT", member, {"role": "manager"}, token=admin["access_token"])
    stale = {"if-match": before.headers["etag"]}
    refused = await world.rest.send("DELETE", member, headers=stale, token=admin["access_token"])
    assert (refused.status, refused.problem, refused.body["now"]) == (412, "version-mismatch", again["version"])


@pytest.mark.parametrize(
    ("which", "status", "problem"),
    [("no seller", 404, "seller-not-found"), ("nobody", 404, "user-not-found"), ("disabled", 403, "account-disabled")],
)
async def test_a_member_who_cannot_be_one(world, which, status, problem):
    admin, ada = await world.admin(), await world.register()
    path = f"/auth/sellers/{uuid7()}" if which == "no seller" else await seller_of(world, admin)
    if which == "disabled":
        await world.rest.ok("POST", f"/auth/users/{ada['user']['id']}/disable", token=admin["access_token"])
    user_id = uuid7() if which == "nobody" else ada["user"]["id"]
    answer = await world.rest.send("PUT", f"{path}/members/{user_id}", {}, token=admin["access_token"])
    assert (answer.status, answer.problem) == (status, problem)
    assert await world.db.fetchval("SELECT count(*) FROM seller_members") == 0


async def test_what_yesterdays_auth_did_is_made_up_for(world):
    """It disables users and makes them sellers, and knows nothing of sellers."""
    admin, ada, bea = await world.admin(), await world.register(), await world.register()
    path = await seller_of(world, admin, bea)
    await world.db.execute("UPDATE users SET disabled_at = now() WHERE id = $1", bea["user"]["id"])
    await world.db.execute("UPDATE users SET roles = '{customer,seller}' WHERE id = $1", ada["user"]["id"])
    await asyncio.gather(catch_up(world.auth), catch_up(world.auth))
    assert not await selling(world, admin, path)
    assert (await told(world, ada["user"]["id"]))[-1][1:] == (True, False)
    before = await world.counts()
    await catch_up(world.auth)
    assert await world.counts() == before


async def test_who_sold_before_there_were_sellers_is_one_of_the_same_id(world):
    """As the migration does it, with what was announced of them."""
    admin, ada, bea, _ = (await world.admin(), *[await world.register() for _ in range(3)])
    for person in (ada, bea):
        path = f"/auth/users/{person['user']['id']}"
        await world.rest.ok("PUT", f"{path}/roles", {"roles": ["seller"]}, token=admin["access_token"])
    await world.rest.ok("POST", f"{path}/disable", token=admin["access_token"])
    await world.db.execute("DELETE FROM sellers")
    file = importlib.resources.files("stoa.services.auth") / "migrations" / "0007_sellers.sql"
    _, insert, rest = file.read_text().partition("INSERT INTO sellers ")
    async with world.db.transaction() as tx:
        for statement in (insert + rest).split(";")[:-1]:
            await tx.execute(statement)
    sellers = await world.db.fetch("SELECT id, name, selling, version, blocked_at FROM sellers ORDER BY id")
    assert [tuple(seller) for seller in sellers] == [
        (ada["user"]["id"], "Ada Lovelace", True, 1002, None),
        (bea["user"]["id"], "Ada Lovelace", False, 1003, None),
    ]
    members = await world.db.fetch("SELECT user_id, seller_id, role FROM seller_members")
    assert {tuple(member) for member in members} == {
        (person["user"]["id"], person["user"]["id"], "manager") for person in (ada, bea)
    }
