"""Receipts: what was ordered of suppliers, what has come of it, and what everybody may count on."""

from __future__ import annotations

import asyncio
from datetime import date

import asyncpg
import pytest
from editors import one_of_two

from stoa.kit.http.preconditions import ANYTHING
from stoa.kit.ids import uuid7
from stoa.services.inventory.allocation.place import Place
from stoa.services.inventory.receipt import Order
from stoa.services.inventory.receipts import expect_goods, receive_goods
from stoa.services.inventory.receipts_repository import Incoming, incoming_of
from stoa.services.inventory.routes import routes
from stoa.services.inventory.transfer import Draft
from stoa.services.inventory.transfers import draft_transfer, send_transfer
from stoa.services.inventory.warehouses import add_warehouse
from stoa.testing import Rest, new_user, who_may

ADMIN = new_user("admin")
NOBODY = "018f0000-0000-7000-8000-0000000000ff"


@pytest.fixture
def rest(shop) -> Rest:
    return Rest(routes.bind(shop.inventory), shop.db)


@pytest.fixture
def clerk(rest):
    async def ask(method: str, path: str, body=None, status: int = 200, **more):
        return await rest.ok(method, path, body, status=status, user=ADMIN, **more)

    return ask


def units(**lines: int):
    return {"lines": [{"sku": sku, "quantity": units} for sku, units in lines.items()]}


async def expected(clerk, **lines: int):
    head = {"supplier": "Potters & Co", "warehouse": "main", "expected_on": "2027-03-01", "reference": "PO-7"}
    return await clerk("POST", "/receipts", head | units(**lines), 201)


def line(receipt, sku):
    [found] = [one for one in receipt["lines"] if one["sku"] == sku]
    return {name: value for name, value in found.items() if value and name != "sku"}


async def test_goods_come_in_parts_and_the_rest_does_not_come(clerk, shop):
    await shop.put("MUG", 1)
    receipt = await expected(clerk, MUG=10, NEW=5)
    assert (receipt["state"], receipt["supplier"], receipt["expected_on"]) == ("expected", "Potters & Co", "2027-03-01")
    assert line(receipt, "MUG") == {"ordered": 10, "incoming": 10}
    assert await incoming_of(shop.db, ["MUG", "NEW", "CUP"]) == [
        Incoming("MUG", "main", 10, date(2027, 3, 1)),
        Incoming("NEW", "main", 5, date(2027, 3, 1)),
    ]
    at = f"/receipts/{receipt['id']}"
    part = await clerk("POST", f"{at}/receive", units(MUG=4, NEW=2))
    assert (part["state"], line(part, "MUG")) == ("expected", {"ordered": 10, "received": 4, "incoming": 6})
    assert (await shop.stock("MUG"), await shop.stock("NEW")) == ((5, 0), (2, 0))
    off = await clerk("POST", f"{at}/cancel", {"reason": "sold out there"} | units(MUG=5))
    assert (off["state"], line(off, "MUG")) == (
        "expected",
        {"ordered": 10, "received": 4, "canceled": 5, "incoming": 1},
    )
    done = await clerk("POST", f"{at}/receive")
    assert (done["state"], line(done, "NEW")) == ("received", {"ordered": 5, "received": 5})
    assert await shop.movements("MUG") == [("opening", 1), ("receipt", 4), ("receipt", 1)]
    assert await shop.movements("NEW") == [("receipt", 2), ("receipt", 3)]
    assert await incoming_of(shop.db, ["MUG", "NEW"]) == []
    assert [one[:2] for one in await shop.announced()] == [
        ("inventory.back_in_stock", "MUG"),
        ("inventory.back_in_stock", "NEW"),
    ]
    acts = await shop.db.fetch("SELECT act, after, reason FROM staff_acts WHERE act LIKE 'receipt%' ORDER BY id")
    assert [(row["act"], row["after"].get("incoming"), row["reason"]) for row in acts] == [
        ("receipt.expected", None, ""),
        ("receipt.received", {"MUG": 6, "NEW": 3}, ""),
        ("receipt.canceled", {"MUG": 1, "NEW": 3}, "sold out there"),
        ("receipt.received", {}, ""),
    ]
    await shop.assert_sound()


async def test_what_comes_is_known_by_warehouse_with_its_first_day(clerk, shop):
    """From suppliers and from other warehouses: what is on the way is on hand in none."""
    await add_warehouse(shop.inventory, "Annex", Place("annex", 50))
    await shop.put("MUG", 10)
    for on, many in ((None, 1), (date(2027, 5, 1), 2), (date(2027, 4, 1), 3)):
        await expect_goods(shop.inventory, Order("Potters & Co", "main", {"MUG": many}, on))
    sent = await draft_transfer(shop.inventory, Draft("main", "annex", {"MUG": 4}, date(2027, 1, 9)))
    assert await incoming_of(shop.db, ["MUG"]) == [Incoming("MUG", "main", 6, date(2027, 4, 1))]
    await send_transfer(shop.inventory, sent.id, user_id=ADMIN.id, if_match=ANYTHING)
    assert await incoming_of(shop.db, ["MUG"]) == [
        Incoming("MUG", "annex", 4, date(2027, 1, 9)),
        Incoming("MUG", "main", 6, date(2027, 4, 1)),
    ]


async def test_who_waits_gets_what_comes_first(clerk, shop):
    """From a supplier and from another warehouse: what is owed to a placed order is sold as it arrives."""
    await shop.put("MUG", 0)
    await shop.backorder("MUG", 9)
    order = uuid7()
    await shop.promise("k", order, MUG=5)
    await shop.hear("order.placed", order_id=order, items=[{"sku": "MUG", "quantity": 5}])
    at = f"/receipts/{(await expected(clerk, MUG=10))['id']}/receive"
    await clerk("POST", at, units(MUG=3))
    assert (await shop.stock("MUG"), await shop.backorders("MUG")) == ((0, 0), [(5, 3, "open")])
    await clerk("POST", at, units(MUG=7))
    assert (await shop.stock("MUG"), await shop.backorders("MUG")) == ((5, 0), [(5, 5, "filled")])
    assert [kind for kind, _ in await shop.movements("MUG")] == ["receipt", "sale", "receipt", "sale"]
    await shop.assert_sound()


async def test_more_than_was_ordered_is_booked_where_somebody_says_so(clerk, rest, shop):
    receipt = await expected(clerk, MUG=10)
    at = f"/receipts/{receipt['id']}"
    refused = await rest.send("POST", f"{at}/receive", units(MUG=12), user=ADMIN)
    assert (refused.status, refused.problem, refused.body["field"]) == (409, "more-than-ordered", "lines")
    assert refused.body["skus"] == [{"sku": "MUG", "quantity": 12, "incoming": 10}]
    assert await shop.movements("MUG") == []
    booked = await clerk("POST", f"{at}/receive", units(MUG=12) | {"over": True})
    assert (booked["state"], line(booked, "MUG")) == ("received", {"ordered": 10, "received": 12})
    assert await shop.stock("MUG") == (12, 0)
    await shop.assert_sound()


@pytest.mark.parametrize("first", ["receive", "cancel"])
async def test_what_came_in_part_was_received(clerk, first):
    """Before: canceled where the last word was that the rest will not come."""
    at = f"/receipts/{(await expected(clerk, MUG=10, CUP=3))['id']}"
    said = {"receive": units(MUG=11) | {"over": True}, "cancel": units(CUP=3)}
    for act in (first, *(said.keys() - {first})):
        ended = await clerk("POST", f"{at}/{act}", said[act])
    assert ended["state"] == "received"
    for state, many in (("received", 1), ("canceled", 0)):
        assert len((await clerk("GET", f"/receipts?state={state}"))["items"]) == many


async def test_what_has_ended_stays_as_it_is(clerk, rest, shop):
    receipt = await expected(clerk, MUG=10)
    at = f"/receipts/{receipt['id']}"
    assert (await clerk("POST", f"{at}/cancel"))["state"] == "canceled"
    told = {"supplier": "Others"}
    for method, path, body in (
        ("POST", f"{at}/receive", None),
        ("POST", f"{at}/receive", units(MUG=1) | {"over": True}),
        ("POST", f"{at}/cancel", None),
        ("PUT", at, told),
    ):
        answer = await rest.send(method, path, body, user=ADMIN)
        assert (answer.status, answer.problem, answer.body["field"]) == (409, "wrong-state", "state")
        assert answer.body["state"] == "canceled"
    assert await shop.movements("MUG") == []


async def test_a_supplier_says_another_day(clerk, rest):
    at = f"/receipts/{(await expected(clerk, MUG=10))['id']}"
    told = {"supplier": "Potters Ltd", "expected_on": "2027-04-01", "note": "late", "reference": "PO-8"}
    changed = await clerk("PUT", at, told)
    assert {name: changed[name] for name in told} == told
    assert changed["version"] == 2
    bodies = (told | {"expected_on": None}, told | {"expected_on": "2027-06-01"})
    await one_of_two(rest, "PUT", at, bodies, user=ADMIN)


@pytest.mark.parametrize(
    ("body", "problem", "field"),
    [
        ({"warehouse": "moon"}, "no-such-warehouse", "warehouse"),
        ({"supplier": ""}, "unprocessable", "supplier"),
        ({"lines": []}, "unprocessable", "lines"),
        ({"lines": [{"sku": "MUG", "quantity": 100_001}]}, "unprocessable", "lines[0].quantity"),
        ({"expected_on": "2027-02-30"}, "unprocessable", "expected_on"),
        ({"expected_on": "9999-12-31"}, "date-out-of-range", "expected_on"),
    ],
)
async def test_a_bad_receipt_is_none(rest, shop, body, problem, field):
    sound = {"supplier": "Potters & Co", "warehouse": "main"} | units(MUG=1)
    answer = await rest.send("POST", "/receipts", sound | body, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (422, problem, field)
    assert await shop.db.fetchval("SELECT count(*) FROM receipts") == 0


async def test_two_clerks_unpack_one_delivery_in_two_processes(clerk, shop, twin):
    receipt = await expected(clerk, MUG=10, NEW=3)
    shops = [shop, twin()]
    answers = await asyncio.gather(
        *(
            receive_goods(
                shops[at % 2].inventory, receipt["id"], {"MUG": 4}, over=False, user_id=ADMIN.id, if_match=ANYTHING
            )
            for at in range(6)
        ),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in answers) == [*["MoreThanOrdered"] * 4, "Receipt", "Receipt"]
    assert await shop.stock("MUG") == (8, 0)
    await shop.assert_sound()


async def test_new_goods_of_two_deliveries_at_once(clerk, shop, twin):
    """In another order each: nobody waits in a circle for what the other has just made."""
    shops = [shop, twin(), twin()]
    for round_ in range(5):
        skus = [f"N{round_}-{at}" for at in range(6)]
        orders = [
            await expect_goods(shop.inventory, Order("P", "main", dict.fromkeys(some, 2)))
            for some in (skus, skus[::-1], skus[2:] + skus[:2])
        ]
        await asyncio.gather(
            *(
                receive_goods(one.inventory, order.id, None, over=False, user_id=ADMIN.id, if_match=ANYTHING)
                for one, order in zip(shops, orders, strict=True)
            )
        )
        assert await shop.stock(skus[0]) == (6, 0)
    await shop.assert_sound()


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("UPDATE receipt_lines SET received = -1", "receipt_lines_received_check"),
        ("UPDATE receipt_lines SET canceled = 11", "receipt_lines_canceled"),
        ("UPDATE receipt_lines SET canceled = 7, received = 4", "receipt_lines_canceled"),
        ("UPDATE receipts SET state = 'lost'", "receipts_state_check"),
    ],
)
async def test_checks_stand_behind_the_acts(clerk, shop, sql, constraint):
    await expected(clerk, MUG=10)
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await shop.db.execute(sql)
    assert refused.value.constraint_name == constraint


async def test_the_list_has_what_is_expected(clerk):
    made = [await expected(clerk, MUG=1) for _ in range(4)]
    await clerk("POST", f"/receipts/{made[0]['id']}/receive")
    page = await clerk("GET", "/receipts?state=expected&limit=2")
    assert [one["id"] for one in page["items"]] == [made[3]["id"], made[2]["id"]]
    last = await clerk("GET", f"/receipts?state=expected&limit=2&cursor={page['next_cursor']}")
    assert ([one["id"] for one in last["items"]], last["next_cursor"]) == ([made[1]["id"]], None)
    assert [one["id"] for one in (await clerk("GET", "/receipts?state=received"))["items"]] == [made[0]["id"]]


async def test_who_may_receive_goods(clerk, rest):
    at = f"/receipts/{(await expected(clerk, MUG=1))['id']}"
    reader, receiver = who_may("inventory.stock.read"), who_may("inventory.receipts.edit")
    assert (await rest.send("GET", at, user=reader)).status == 200
    for user, status in ((None, 401), (new_user(), 403), (new_user("seller"), 403), (reader, 403)):
        assert (await rest.send("POST", f"{at}/receive", user=user)).status == status
    assert (await rest.send("POST", f"{at}/receive", user=receiver)).status == 200
    for method, path in (("GET", f"/receipts/{NOBODY}"), ("POST", f"/receipts/{NOBODY}/receive")):
        answer = await rest.send(method, path, user=ADMIN)
        assert (answer.status, answer.problem, answer.body["field"]) == (404, "no-such-receipt", "receipt_id")


@pytest.mark.parametrize("lines", [1, 20, 500])
async def test_receiving_costs_the_same_for_many_lines(shop, asked, lines):
    order = Order("P", "main", {f"S{at:03}": 3 for at in range(lines)})
    expected = await expect_goods(shop.inventory, order)
    asked.clear()
    await receive_goods(shop.inventory, expected.id, None, over=False, user_id=ADMIN.id, if_match=ANYTHING)
    assert len(asked) == 10, asked
    await shop.assert_sound()
