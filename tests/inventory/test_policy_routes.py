"""How a SKU is promised, and who waits for it, over the API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from editors import one_of_two

from stoa.kit import clock
from stoa.kit.ids import uuid7
from stoa.services.inventory import owners_repository
from stoa.services.inventory.owners_repository import Owner
from stoa.services.inventory.routes import routes
from stoa.testing import Rest, new_user

ADMIN = new_user("admin")
SELLER = new_user("seller")
ON_BACKORDER = {"policy": "backorder", "limit": 5, "lead_days": 14}


@pytest.fixture
def rest(shop) -> Rest:
    return Rest(routes.bind(shop.inventory), shop.db)


async def test_a_policy_is_seen_by_everybody(rest, shop):
    await shop.put("MUG", 3)
    body = ON_BACKORDER | {"low_stock_at": 2, "safety_stock": {"main": 1}}
    for _ in range(2):
        stock = await rest.ok("PUT", "/inventory/MUG/policy", body, user=ADMIN)
        assert (stock["version"], stock["available"], stock["safety_stock"], stock["low_stock_at"]) == (2, 3, 1, 2)
    assert stock["available_to_promise"] == 7
    assert stock["backorder"] == ON_BACKORDER | {"backordered": 0, "available_on": None}
    assert stock["promise"] == {"kind": "in_stock", "on": None}
    await shop.promise("k", uuid7(), MUG=4)
    seen = await rest.ok("GET", "/inventory/MUG")
    day = (clock.now() + timedelta(days=14)).date().isoformat()
    assert (seen["promise"], seen["available_to_promise"]) == ({"kind": "ships_by", "on": day}, 3)
    assert (seen["on_hand"], seen["reserved"], seen["backorder"]["backordered"]) == (3, 2, 2)
    preorder = {"policy": "preorder", "limit": 9, "available_on": "2099-01-01"}
    seen = await rest.ok("PUT", "/inventory/MUG/policy", preorder, user=ADMIN)
    assert (seen["promise"], seen["available_to_promise"]) == ({"kind": "preorder_from", "on": "2099-01-01"}, 8)
    assert await shop.backorders("MUG") == [(2, 1, "open")], "what is kept back no longer went to who waits"
    assert await shop.db.fetchval("SELECT count(*) FROM staff_acts WHERE act = 'stock.policy_set'") == 2
    await shop.assert_sound()


async def test_a_limit_that_holds_no_more_is_not_shown(rest, shop):
    """What was promised stands until it is filled, and nothing more is promised."""
    await shop.put("MUG", 1)
    await rest.ok("PUT", "/inventory/MUG/policy", ON_BACKORDER, user=ADMIN)
    await shop.promise("k", uuid7(), MUG=3)
    none = await rest.ok("PUT", "/inventory/MUG/policy", {"policy": "none"}, user=ADMIN)
    assert (none["backorder"]["limit"], none["backorder"]["backordered"], none["available_to_promise"]) == (2, 2, 0)
    await shop.put("MUG", 3)
    filled = await rest.ok("GET", "/inventory/MUG")
    assert (filled["backorder"]["limit"], filled["backorder"]["backordered"]) == (0, 0)
    await shop.assert_sound()


@pytest.mark.parametrize(
    "policy",
    [{"policy": "none"}, ON_BACKORDER, {"policy": "preorder", "limit": 9, "available_on": "2099-01-01"}],
    ids=lambda policy: policy["policy"],
)
async def test_a_policy_is_sent_back_as_it_was_shown(rest, shop, policy):
    await shop.put("MUG", 1)
    await rest.ok("PUT", "/inventory/MUG/policy", ON_BACKORDER, user=ADMIN)
    await shop.promise("k", uuid7(), MUG=3)
    await rest.ok("PUT", "/inventory/MUG/policy", policy, user=ADMIN)
    seen = await rest.ok("GET", "/inventory/MUG")
    backorder = {name: value for name, value in seen["backorder"].items() if name != "backordered"}
    assert await rest.ok("PUT", "/inventory/MUG/policy", backorder, user=ADMIN) == seen
    await shop.put("MUG", 3)
    after = await rest.ok("PUT", "/inventory/MUG/policy", backorder, user=ADMIN)
    assert after["backorder"]["policy"] == policy["policy"]


async def test_what_has_no_stock_yet_may_be_preordered(rest, shop):
    preorder = {"policy": "preorder", "limit": 9, "available_on": "2099-01-01"}
    seen = await rest.ok("PUT", "/inventory/NEW/policy", preorder, user=ADMIN)
    assert seen["promise"] == {"kind": "preorder_from", "on": "2099-01-01"}
    assert (seen["on_hand"], seen["available_to_promise"]) == (0, 9)
    assert (await shop.announced())[-1] == ("inventory.back_in_stock", "NEW", 1, 9)


@pytest.mark.parametrize(
    ("body", "status", "problem", "field"),
    [
        ({"policy": "later"}, 422, "unprocessable", "policy"),
        ({"policy": "backorder", "limit": -1, "lead_days": 1}, 422, "unprocessable", "limit"),
        ({"policy": "backorder", "limit": 5}, 422, "policy-lacks", "lead_days"),
        ({"policy": "preorder", "limit": 5}, 422, "policy-lacks", "available_on"),
        ({"policy": "preorder", "available_on": "9999-12-31"}, 422, "date-out-of-range", "available_on"),
        ({"policy": "preorder", "limit": 5, "available_on": "2020-01-01"}, 422, "policy-lacks", "available_on"),
        ({"policy": "preorder", "limit": 5, "available_on": "soon"}, 422, "unprocessable", "available_on"),
        ({"policy": "none", "limit": 3}, 422, "policy-has-no", "limit"),
        ({"policy": "none", "lead_days": 30}, 422, "policy-has-no", "lead_days"),
        ({"policy": "none", "available_on": "2099-01-01"}, 422, "policy-has-no", "available_on"),
        (
            {"policy": "preorder", "limit": 5, "available_on": "2099-01-01", "lead_days": 0},
            422,
            "policy-has-no",
            "lead_days",
        ),
        (ON_BACKORDER | {"available_on": "2099-01-01"}, 422, "policy-has-no", "available_on"),
        ({"policy": "backorder", "limit": 1, "lead_days": 1}, 409, "below-backordered", "limit"),
        ({"safety_stock": {"moon": 1}}, 422, "no-such-warehouse", "safety_stock.moon"),
        ({"safety_stock": {"main": -1}}, 422, "unprocessable", "safety_stock.main"),
        ({"reserved": 1}, 422, "unprocessable", "reserved"),
    ],
)
async def test_a_bad_policy_changes_nothing(rest, shop, body, status, problem, field):
    await shop.backorder("MUG", 5)
    await shop.promise("k", uuid7(), MUG=2)
    before = await rest.ok("GET", "/inventory/MUG")
    announced = await shop.announced()
    answer = await rest.send("PUT", "/inventory/MUG/policy", body, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (status, problem, field)
    assert await rest.ok("GET", "/inventory/MUG") == before
    assert await shop.announced() == announced


async def test_a_seller_says_how_its_own_is_promised(rest, shop):
    async with shop.db.transaction() as tx:
        await owners_repository.learn_owners(tx, [Owner("HIS", SELLER.id, 1), Owner("MUG", None, 1)])
    await rest.ok("PUT", "/inventory/HIS/policy", ON_BACKORDER, user=SELLER)
    answer = await rest.send("PUT", "/inventory/MUG/policy", ON_BACKORDER, user=SELLER)
    assert (answer.status, answer.problem, answer.body["field"]) == (403, "not-your-stock", "sku")
    assert (await rest.send("GET", "/inventory/MUG")).status == 404


async def test_of_two_editors_one_is_told(rest, shop):
    await shop.put("MUG", 3)
    await one_of_two(
        rest,
        "PUT",
        "/inventory/MUG/policy",
        (ON_BACKORDER, {"safety_stock": {"main": 2}}),
        read="/inventory/MUG",
        user=ADMIN,
    )


async def test_staff_see_who_waits(rest, shop):
    await shop.backorder("MUG", 50)
    await shop.backorder("CUP", 50)
    order_id = uuid7()
    await shop.reserve("by-phone", MUG=1)
    for at in range(3):
        await shop.promise(f"k{at}", order_id, MUG=2, CUP=1)
    await shop.put("MUG", 2)
    first = await rest.ok("GET", "/backorders?sku=MUG&limit=2", user=ADMIN)
    assert [(one["key"], one["quantity"], one["filled"]) for one in first["items"]] == [("k0", 2, 1), ("k1", 2, 0)]
    assert first["items"][0]["order_id"] == order_id
    assert first["items"][0]["reservation"] == "allocated"
    day = (clock.now() + timedelta(days=14)).date().isoformat()
    assert first["items"][0]["promise"] == {"kind": "ships_by", "on": day}
    rest_of = await rest.ok("GET", f"/backorders?sku=MUG&cursor={first['next_cursor']}", user=ADMIN)
    assert [one["key"] for one in rest_of["items"]] == ["k2"]
    everything = await rest.ok("GET", "/backorders", user=ADMIN)
    assert [one["sku"] for one in everything["items"]] == ["MUG", "CUP", "MUG", "CUP", "MUG", "CUP"]


async def test_a_sku_says_itself_what_is_little(rest, shop):
    for sku, on_hand in (("A", 20), ("B", 20), ("C", 3)):
        await shop.put(sku, on_hand)
    await shop.policy("A", low_stock_at=20)
    await shop.policy("C", low_stock_at=2)
    listed = await rest.ok("GET", "/inventory?low_stock=true", user=ADMIN)
    assert [one["sku"] for one in listed["items"]] == ["A"]
