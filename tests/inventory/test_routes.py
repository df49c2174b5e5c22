"""Inventory's public API."""

from __future__ import annotations

import asyncio

import pytest
from editors import one_of_two

from stoa.kit.ids import uuid7
from stoa.services.inventory import owners_repository
from stoa.services.inventory.owners_repository import Owner
from stoa.services.inventory.receipt import Order
from stoa.services.inventory.receipts import expect_goods
from stoa.services.inventory.release import release
from stoa.services.inventory.routes import routes
from stoa.services.inventory.states import State
from stoa.testing import Rest, new_user

ADMIN = new_user("admin")
SELLER = new_user("seller")
CUSTOMER = new_user()
ORDER = "018f0000-0000-7000-8000-000000000001"


@pytest.fixture
def rest(shop) -> Rest:
    return Rest(routes.bind(shop.inventory), shop.db)


def shelf(warehouse: str, on_hand: int, reserved: int, safety_stock: int = 0) -> dict[str, object]:
    return {
        "warehouse": warehouse,
        "on_hand": on_hand,
        "reserved": reserved,
        "available": on_hand - reserved,
        "safety_stock": safety_stock,
        "incoming": 0,
    }


async def test_anyone_sees_what_there_is(rest, shop):
    await rest.ok("POST", "/warehouses", {"id": "annex", "name": "Annex", "priority": 50}, status=201, user=ADMIN)
    await rest.ok("PUT", "/inventory/MUG", {"on_hand": 3}, user=ADMIN)
    counted = await rest.ok(
        "PUT", "/inventory/MUG", {"on_hand": 4, "warehouse": "annex", "reason": "moved"}, user=ADMIN
    )
    assert counted == {
        "sku": "MUG",
        "on_hand": 7,
        "reserved": 0,
        "available": 7,
        "safety_stock": 0,
        "incoming": 0,
        "backorder": {"policy": "none", "limit": 0, "backordered": 0, "lead_days": None, "available_on": None},
        "available_to_promise": 7,
        "promise": {"kind": "in_stock", "on": None},
        "low_stock_at": None,
        "warehouses": [shelf("annex", 4, 0), shelf("main", 3, 0)],
        "version": 2,
    }
    await shop.reserve("k", MUG=5)
    assert await rest.ok("GET", "/inventory/MUG") == counted | {
        "reserved": 5,
        "available": 2,
        "available_to_promise": 2,
        "warehouses": [shelf("annex", 4, 4), shelf("main", 3, 1)],
    }


@pytest.mark.parametrize("sku", ["NONE", "%27%20OR%201=1", "%F0%9F%AB%96", "x" * 65])
async def test_an_unknown_sku(rest, sku):
    answer = await rest.send("GET", f"/inventory/{sku}")
    assert (answer.status, answer.problem, answer.body["field"]) == (404, "no-such-sku", "sku")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"on_hand": -1}, 422, "on_hand"),
        ({"on_hand": 1.5}, 422, "on_hand"),
        ({"on_hand": "5"}, 422, "on_hand"),
        ({"on_hand": 10**18}, 422, "on_hand"),
        ({}, 422, "on_hand"),
        ({"on_hand": 1, "warehouse": "moon"}, 422, "warehouse"),
        ({"on_hand": 1, "warehouse": "Moon Base"}, 422, "warehouse"),
        ({"on_hand": 1, "reserved": 0}, 422, "reserved"),
        ({"on_hand": 1, "reason": "x" * 501}, 422, "reason"),
        ({"on_hand": 1}, 409, "on_hand"),
    ],
)
async def test_a_bad_count_changes_nothing(rest, shop, body, status, field):
    await shop.put("MUG", 5)
    await shop.reserve("k", MUG=2)
    answer = await rest.send("PUT", "/inventory/MUG", body, user=ADMIN)
    assert (answer.status, answer.body["field"]) == (status, field)
    assert await shop.stock("MUG") == (5, 2)
    assert await shop.movements("MUG") == [("opening", 5)]


async def test_who_may_what(rest, shop):
    await shop.put("MUG", 5)
    async with shop.db.transaction() as tx:
        await owners_repository.learn_owners(tx, [Owner("HIS", SELLER.id, 1), Owner("MUG", None, 1)])
    await rest.ok("PUT", "/inventory/HIS", {"on_hand": 1}, user=SELLER)
    stock, hold = {"on_hand": 1}, {"quantity": 1}
    for method, path, body, seller in (
        ("PUT", "/inventory/MUG", stock, 403),
        ("PUT", "/inventory/MUG/policy", {}, 403),
        ("GET", "/backorders", None, 403),
        ("GET", "/inventory", None, 403),
        ("POST", "/inventory/MUG/reserve", hold, 403),
        ("POST", "/inventory/MUG/release", {"key": "k"}, 403),
        ("GET", "/inventory/MUG/movements", None, 403),
        ("GET", "/warehouses", None, 403),
        ("POST", "/warehouses", {"id": "a", "name": "A"}, 403),
        ("GET", "/warehouses/main", None, 403),
        ("PUT", "/warehouses/main", {"name": "A"}, 403),
        ("DELETE", "/warehouses/main", None, 403),
        ("GET", "/stock-discrepancies", None, 403),
        ("POST", "/stock-discrepancies/1/settle", {"note": ""}, 403),
    ):
        for user, status in ((None, 401), (CUSTOMER, 403), (SELLER, seller)):
            answer = await rest.send(method, path, body, user=user)
            assert answer.status == status, (method, path, user)
    assert await shop.stock("MUG") == (5, 0)


async def test_holding_and_giving_back(rest, shop):
    await shop.put("MUG", 5)
    body = {"quantity": 3, "key": "by-phone", "hold_seconds": 60}
    held = await rest.ok("POST", "/inventory/MUG/reserve", body, user=ADMIN)
    assert held == {
        "id": held["id"],
        "key": "by-phone",
        "state": "held",
        "lines": [{"sku": "MUG", "quantity": 3}],
        "expires_at": held["expires_at"],
    }
    short = await rest.send("POST", "/inventory/MUG/reserve", {"quantity": 3}, user=ADMIN)
    assert (short.status, short.problem) == (409, "out-of-stock")
    assert short.body["skus"] == [{"sku": "MUG", "requested": 3, "available": 2}]
    for _ in range(2):
        released = await rest.ok("POST", "/inventory/MUG/release", {"key": "by-phone"}, user=ADMIN)
        assert released == {"key": "by-phone", "state": "released"}
    assert await shop.stock("MUG") == (5, 0)


async def test_a_key_that_cannot_be_one_is_refused_in_words(rest, shop):
    await shop.put("MUG", 5)
    refused = await rest.send("POST", "/inventory/MUG/reserve", {"quantity": 1, "key": "by phone"}, user=ADMIN)
    assert (refused.status, refused.body["field"]) == (422, "key")
    assert refused.body["detail"] == "Expected a text like 'phone-order-17'."
    assert await shop.stock("MUG") == (5, 0)


@pytest.mark.parametrize(("sku", "key"), [("CUP", "by-phone"), ("MUG", "by-mail"), ("NONE", "by-phone")])
async def test_giving_back_what_nobody_holds_changes_nothing(rest, shop, sku, key):
    await shop.put("MUG", 5)
    await shop.put("CUP", 5)
    await rest.ok("POST", "/inventory/MUG/reserve", {"quantity": 3, "key": "by-phone"}, user=ADMIN)
    answer = await rest.send("POST", f"/inventory/{sku}/release", {"key": key}, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (404, "no-such-reservation", "key")
    assert (await shop.stock("MUG"), await shop.stock("CUP")) == ((5, 3), (5, 0))
    assert (await shop.reservation("by-phone")).state is State.HELD
    # No tombstone: the key may still be used.
    assert await shop.db.fetchval("SELECT count(*) FROM reservations") == 1
    await rest.ok("POST", "/inventory/CUP/reserve", {"quantity": 1, "key": "by-mail"}, user=ADMIN)


async def test_a_request_without_a_key_is_repeatable_by_its_idempotency_key(rest, shop):
    await shop.put("MUG", 5)
    first, again = [
        await rest.ok("POST", "/inventory/MUG/reserve", {"quantity": 3}, user=ADMIN, key="x" * 255) for _ in range(2)
    ]
    assert (again["id"], again["key"]) == (first["id"], first["key"])
    assert await shop.stock("MUG") == (5, 3)
    released = await rest.ok("POST", "/inventory/MUG/release", {"key": first["key"]}, user=ADMIN)
    assert released == {"key": first["key"], "state": "released"}
    assert await shop.stock("MUG") == (5, 0)


async def test_an_idempotency_key_is_the_admins_own(rest, shop):
    await shop.put("MUG", 5)
    await shop.reserve("k", MUG=1)
    mine, theirs = [
        await rest.ok("POST", "/inventory/MUG/reserve", {"quantity": 1}, user=user, key="k")
        for user in (ADMIN, new_user("admin"))
    ]
    assert len({mine["id"], theirs["id"]}) == 2
    assert await shop.stock("MUG") == (5, 3)
    other = await rest.send("POST", "/inventory/MUG/reserve", {"quantity": 2}, user=ADMIN, key="k")
    assert (other.status, other.problem) == (409, "reservation-key-reused")
    assert await shop.stock("MUG") == (5, 3)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"quantity": 0}, "quantity"),
        ({"quantity": -1}, "quantity"),
        ({"quantity": 100_001}, "quantity"),
        ({"quantity": True}, "quantity"),
        ({"quantity": 1, "hold_seconds": 0}, "hold_seconds"),
        ({"quantity": 1, "key": ""}, "key"),
        ({"quantity": 1, "key": "with space"}, "key"),
    ],
)
async def test_a_bad_hold_takes_nothing(rest, shop, body, field):
    await shop.put("MUG", 5)
    answer = await rest.send("POST", "/inventory/MUG/reserve", body, user=ADMIN)
    assert (answer.status, answer.body["field"]) == (422, field)
    assert await shop.stock("MUG") == (5, 0)


async def test_movements_the_newest_first(rest):
    for on_hand in (5, 7, 4):
        await rest.ok("PUT", "/inventory/MUG", {"on_hand": on_hand, "reason": f"now {on_hand}"}, user=ADMIN)
    first = await rest.ok("GET", "/inventory/MUG/movements?limit=2", user=ADMIN)
    second = await rest.ok("GET", f"/inventory/MUG/movements?limit=2&cursor={first['next_cursor']}", user=ADMIN)
    shown = [(one["kind"], one["quantity"], one["reason"]) for one in first["items"] + second["items"]]
    assert shown == [("adjustment", -3, "now 4"), ("receipt", 2, "now 7"), ("opening", 5, "now 5")]
    assert second["next_cursor"] is None
    assert first["items"][0]["user_id"] == ADMIN.id


async def test_stock_of_all_and_of_what_is_low(rest, shop):
    for sku, on_hand in (("A", 6), ("B", 5), ("C", 0), ("D", 100)):
        await shop.put(sku, on_hand)
    await shop.reserve("k", D=96)
    await expect_goods(shop.inventory, Order("P", "main", {"C": 7}))
    low = await rest.ok("GET", "/inventory?low_stock=true&limit=2", user=ADMIN)
    assert low["items"] == [
        {"sku": "B", "on_hand": 5, "reserved": 0, "available": 5, "incoming": 0},
        {"sku": "C", "on_hand": 0, "reserved": 0, "available": 0, "incoming": 7},
    ]
    rest_of_it = await rest.ok("GET", f"/inventory?low_stock=true&limit=2&cursor={low['next_cursor']}", user=ADMIN)
    d = {"sku": "D", "on_hand": 100, "reserved": 96, "available": 4, "incoming": 0}
    assert rest_of_it == {"items": [d], "next_cursor": None}
    every = await rest.ok("GET", "/inventory", user=ADMIN)
    assert [one["sku"] for one in every["items"]] == ["A", "B", "C", "D"]


async def test_warehouses_as_they_are_drawn_from(rest):
    await rest.ok("POST", "/warehouses", {"id": "annex", "name": "Annex", "priority": 50}, status=201, user=ADMIN)
    again = await rest.send("POST", "/warehouses", {"id": "annex", "name": "Again"}, user=ADMIN)
    assert (again.status, again.problem, again.body["field"]) == (409, "warehouse-taken", "id")
    listed = await rest.ok("GET", "/warehouses", user=ADMIN)
    assert [(one["id"], one["name"], one["priority"]) for one in listed["items"]] == [
        ("annex", "Annex", 50),
        ("main", "Main warehouse", 100),
    ]


async def test_a_discrepancy_is_in_sight_until_it_is_settled(rest, shop):
    await shop.hear("order.placed", order_id=ORDER, items=[{"sku": "MUG", "quantity": 2}])
    listed = await rest.ok("GET", "/stock-discrepancies", user=ADMIN)
    (one,) = listed["items"]
    assert one == {
        "id": one["id"],
        "kind": "sold_unreserved",
        "order_id": ORDER,
        "return_id": None,
        "number": "S-1",
        "detail": "nothing was reserved",
        "lines": {"MUG": 2},
        "noted_at": one["noted_at"],
    }
    path = f"/stock-discrepancies/{one['id']}/settle"
    await rest.ok("POST", path, {"note": "counted"}, status=204, user=ADMIN)
    assert (await rest.ok("GET", "/stock-discrepancies", user=ADMIN))["items"] == []
    for missing in (path, "/stock-discrepancies/x/settle", "/stock-discrepancies/%C2%B2/settle"):
        assert (await rest.send("POST", missing, {"note": ""}, user=ADMIN)).status == 404


async def test_of_two_who_count_one_is_believed(rest):
    for sent in ("*", '"0"'):
        refused = await rest.send("PUT", "/inventory/MUG", {"on_hand": 3}, user=ADMIN, headers={"if-match": sent})
        assert (refused.status, refused.problem, refused.body["now"]) == (412, "version-mismatch", None)
    assert (await rest.send("GET", "/inventory/MUG")).status == 404
    await rest.ok("PUT", "/inventory/MUG", {"on_hand": 3}, user=ADMIN)
    await one_of_two(rest, "PUT", "/inventory/MUG", ({"on_hand": 4}, {"on_hand": 5}), user=ADMIN)


async def test_who_counts_a_busy_sku_is_in_nobodys_way(rest, shop):
    await rest.ok("PUT", "/inventory/MUG", {"on_hand": 100}, user=ADMIN)
    before = await rest.send("GET", "/inventory/MUG")
    shoppers = asyncio.gather(*(_look_and_leave(shop, f"k{number}") for number in range(20)))
    tag = before.headers["etag"]
    for on_hand in range(101, 106):
        counted = await rest.send("PUT", "/inventory/MUG", {"on_hand": on_hand}, user=ADMIN, headers={"if-match": tag})
        assert (counted.status, counted.body["on_hand"]) == (200, on_hand)
        tag = counted.headers["etag"]
    await shoppers
    after = await rest.send("GET", "/inventory/MUG")
    assert (after.body["version"], after.body["reserved"]) == (before.body["version"] + 5, 0)
    await shop.assert_sound()


async def _look_and_leave(shop, key: str) -> None:
    await shop.reserve(key, MUG=1)
    await release(shop.inventory, key)


async def test_what_is_held_is_another_answer_and_no_other_version(rest, shop):
    await rest.ok("PUT", "/inventory/MUG", {"on_hand": 3}, user=ADMIN)
    before = await rest.send("GET", "/inventory/MUG")
    await shop.reserve("k", MUG=1)
    seen = {"if-none-match": before.headers["etag"]}
    after = await rest.send("GET", "/inventory/MUG", headers=seen)
    assert (after.status, after.body["reserved"], after.body["version"]) == (200, 1, before.body["version"])


@pytest.mark.parametrize("event", ["order.placed", "order.returned"])
async def test_stock_that_was_sold_or_came_back_meanwhile_is_not_as_it_was_seen(rest, shop, event):
    await rest.ok("PUT", "/inventory/MUG", {"on_hand": 3}, user=ADMIN)
    await shop.reserve("k", MUG=1)
    await shop.allocate("k", ORDER)
    sold = {"order_id": ORDER, "items": [{"sku": "MUG", "quantity": 1}]}
    if event == "order.returned":
        await shop.hear("order.placed", **sold)
        sold |= {"return_id": uuid7()}
    seen = await rest.send("GET", "/inventory/MUG")
    await shop.hear(event, **sold)
    sent = {"if-match": seen.headers["etag"]}
    refused = await rest.send("PUT", "/inventory/MUG", {"on_hand": 9}, user=ADMIN, headers=sent)
    now = await rest.ok("GET", "/inventory/MUG")
    assert (refused.status, refused.body["now"]) == (412, now["version"])
    assert (now["version"], now["on_hand"]) == (seen.body["version"] + 1, 2 if event == "order.placed" else 3)
