"""What can be bought of many SKUs, asked for at once by anybody; and the shelves of many, counted at once."""

from __future__ import annotations

import asyncio

import pytest
from counting import Counting

from stoa.kit import staff_acts
from stoa.kit.ids import uuid7
from stoa.services.inventory import owners_repository
from stoa.services.inventory.owners_repository import Owner
from stoa.services.inventory.routes import routes
from stoa.testing import Rest, acting, new_user

from .conftest import Shop, inventory_with

ADMIN = new_user("admin")
OURS, THEIRS = uuid7(), uuid7()
SELLER = acting(OURS)


@pytest.fixture
def rest(shop) -> Rest:
    return Rest(routes.bind(shop.inventory), shop.db)


async def asked(db, method, path, body=None):
    """How many statements it takes."""
    counting = Counting(db)
    try:
        await Rest(routes.bind(inventory_with(counting)), counting).ok(method, path, body, user=ADMIN)
        return len(await counting.taken())
    finally:
        await counting.close()


def counts(**of):
    return {"counted": 0, "unchanged": 0, "refused": 0} | of


async def test_anybody_asks_what_can_be_bought_of_some(rest, shop):
    await shop.put("MUG", 3)
    await shop.reserve("k", MUG=1)
    await shop.backorder("CUP", 20)
    found = await rest.ok("GET", "/availability?skus=CUP,PAN,MUG,CUP")
    cup, mug = found["items"]
    assert mug == {
        "sku": "MUG",
        "available": 2,
        "backorder": {"policy": "none", "limit": 0, "backordered": 0, "lead_days": None, "available_on": None},
        "available_to_promise": 2,
        "promise": {"kind": "in_stock", "on": None},
    }
    for each in (cup, mug):
        alone = await rest.ok("GET", f"/inventory/{each['sku']}")
        assert {name: alone[name] for name in each} == each
    assert cup["promise"]["kind"] == "ships_by"


@pytest.mark.parametrize("skus", ["", "a,,b", "white space", ",".join(f"S{at}" for at in range(101))])
async def test_what_is_no_list_of_skus_is_refused(rest, skus):
    refused = await rest.send("GET", f"/availability?skus={skus}".replace(" ", "%20"))
    assert (refused.status, refused.body["field"]) == (422, "skus")


async def test_of_a_hundred_as_of_one_it_is_one_statement(shop):
    skus = [f"S{at:03}" for at in range(100)]
    for sku in skus:
        await shop.put(sku, 1)
    assert [await asked(shop.db, "GET", f"/availability?skus={','.join(skus[:many])}") for many in (1, 100)] == [1, 1]


async def test_many_are_counted_as_each_alone_would_be(rest, shop):
    for sku, on_hand in {"A": 5, "B": 5, "C": 5, "D": 5}.items():
        await shop.put(sku, on_hand)
    await shop.reserve("k", D=4)
    lines = [{"sku": sku, "on_hand": many} for sku, many in {"E": 2, "D": 3, "C": 5, "B": 9, "A": 1, "F": 0}.items()]
    done = await rest.ok("PUT", "/inventory", {"lines": lines, "reason": "a new shelf"}, user=ADMIN)
    assert [(one["sku"], one["outcome"], one["on_hand"], one["reserved"]) for one in done["items"]] == [
        ("E", "counted", 2, 0),
        ("D", "refused", None, None),
        ("C", "unchanged", 5, 0),
        ("B", "counted", 9, 0),
        ("A", "counted", 1, 0),
        ("F", "unchanged", 0, 0),
    ]
    assert done["counts"] == counts(counted=3, unchanged=2, refused=1)
    problem = done["items"][1]["problem"]
    assert (problem["type"], problem["field"], problem["reserved"]) == (
        "/problems/below-reserved",
        "lines[1].on_hand",
        4,
    )
    assert [await shop.movements(sku) for sku in "ABCDEF"] == [
        [("opening", 5), ("adjustment", -4)],
        [("opening", 5), ("receipt", 4)],
        [("opening", 5)],
        [("opening", 5)],
        [("opening", 2)],
        [],
    ]
    acts = await staff_acts.list_acts(shop.db, limit=10)
    assert {(one.act, one.subject, one.reason, one.after["on_hand"]) for one in acts} == {
        ("stock.counted", "A", "a new shelf", 1),
        ("stock.counted", "B", "a new shelf", 9),
        ("stock.counted", "E", "a new shelf", 2),
    }
    again = await rest.ok("PUT", "/inventory", {"lines": lines, "reason": "a new shelf"}, user=ADMIN)
    assert again["counts"] == counts(unchanged=5, refused=1)
    assert await staff_acts.list_acts(shop.db, limit=10) == acts
    await shop.assert_sound()


async def test_what_is_owed_leaves_at_once_and_is_announced(rest, shop):
    await shop.backorder("A", 5)
    order = uuid7()
    await shop.promise("k", order, A=2)
    await shop.hear("order.placed", order_id=order, items=[{"sku": "A", "quantity": 2}])
    done = await rest.ok("PUT", "/inventory", {"lines": [{"sku": "A", "on_hand": 5}]}, user=ADMIN)
    assert done["items"][0]["on_hand"] == 3
    assert await shop.stock("A") == (3, 0)
    assert await shop.backorders("A") == [(2, 2, "filled")]
    await shop.assert_sound()


async def test_a_seller_counts_what_it_sells_and_hears_of_the_rest(rest, shop):
    await owners_repository.learn_owners(shop.db, [Owner("A", OURS, 1), Owner("B", THEIRS, 1)])
    lines = [{"sku": sku, "on_hand": 1} for sku in "BA"]
    done = await rest.ok("PUT", "/inventory", {"lines": lines}, user=SELLER)
    (theirs, ours) = done["items"]
    assert (ours["outcome"], theirs["outcome"], theirs["problem"]["type"]) == (
        "counted",
        "refused",
        "/problems/not-your-stock",
    )
    assert theirs["problem"]["field"] == "lines[0].sku"
    assert await shop.db.fetchval("SELECT count(*) FROM items WHERE sku = 'B'") == 0


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"lines": []}, 422, "lines"),
        ({"lines": [{"sku": "A", "on_hand": 1}] * 2}, 422, "lines[1].sku"),
        ({"lines": [{"sku": "A", "on_hand": -1}]}, 422, "lines[0].on_hand"),
        ({"lines": [{"sku": "A", "on_hand": 1}], "warehouse": "moon"}, 422, "warehouse"),
        ({"lines": [{"sku": f"S{at}", "on_hand": 1} for at in range(501)]}, 422, "lines"),
    ],
)
async def test_what_is_no_count_books_nothing(rest, shop, body, status, field):
    refused = await rest.send("PUT", "/inventory", body, user=ADMIN)
    assert (refused.status, refused.body["field"]) == (status, field)
    assert await shop.db.fetchval("SELECT count(*) FROM items") == 0


async def test_five_hundred_cost_as_many_statements_as_two(shop):
    taken = []
    for many in (2, 500):
        for on_hand in (7, 6):
            lines = [{"sku": f"{many}-{at:03}", "on_hand": on_hand} for at in range(many)]
            taken.append(await asked(shop.db, "PUT", "/inventory", {"lines": lines}))
    assert taken[:2] == taken[2:], taken
    await shop.assert_sound()


async def test_who_counts_the_same_the_other_way_round_waits_and_never_in_a_circle(shop, twin):
    other: Shop = twin()
    lines = [{"sku": f"S{at:03}", "on_hand": at} for at in range(200)]
    for each in ([lines, lines[::-1]], [lines[::-1], [{"sku": one["sku"], "on_hand": 3} for one in lines]]):
        await asyncio.gather(
            *(
                Rest(routes.bind(one.inventory), one.db).ok("PUT", "/inventory", {"lines": part}, user=ADMIN)
                for one, part in zip((shop, other), each, strict=True)
            )
        )
    await shop.assert_sound()
