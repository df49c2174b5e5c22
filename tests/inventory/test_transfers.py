"""Transfers between warehouses: what was sent is received, lost, back or on the way, whoever comes at once."""

from __future__ import annotations

import asyncio
import random

import asyncpg
import pytest
from editors import one_of_two

from stoa.kit.http.preconditions import ANYTHING
from stoa.kit.problems import Problem
from stoa.services.inventory.allocation.place import Place
from stoa.services.inventory.errors import OutOfStock
from stoa.services.inventory.routes import routes
from stoa.services.inventory.transfer import Draft
from stoa.services.inventory.transfers import draft_transfer, receive_transfer, send_transfer
from stoa.services.inventory.warehouses import add_warehouse
from stoa.testing import Rest, new_user, who_may

ADMIN = new_user("admin")
NOBODY = "018f0000-0000-7000-8000-0000000000ff"


@pytest.fixture
async def rest(shop) -> Rest:
    await add_warehouse(shop.inventory, "Annex", Place("annex", 50))
    return Rest(routes.bind(shop.inventory), shop.db)


@pytest.fixture
def clerk(rest):
    """`await clerk("POST", path, body)`: what somebody who may move goods is answered."""

    async def ask(method: str, path: str, body=None, status: int = 200, **more):
        return await rest.ok(method, path, body, status=status, user=ADMIN, **more)

    return ask


async def drafted(clerk, **lines: int):
    body = {
        "source": "main",
        "destination": "annex",
        "lines": [{"sku": sku, "quantity": units} for sku, units in lines.items()],
    }
    return await clerk("POST", "/transfers", body, 201)


def units(**lines: int):
    return {"lines": [{"sku": sku, "quantity": units} for sku, units in lines.items()]}


def line(transfer, sku):
    [found] = [one for one in transfer["lines"] if one["sku"] == sku]
    return {name: value for name, value in found.items() if value and name != "sku"}


async def test_goods_leave_are_on_the_way_and_arrive_in_parts(clerk, shop):
    await shop.put("MUG", 10)
    await shop.put("CUP", 3)
    transfer = await drafted(clerk, MUG=6, CUP=3)
    assert (transfer["state"], transfer["version"]) == ("draft", 1)
    assert line(transfer, "MUG") == {"quantity": 6}
    assert await shop.stock("MUG") == (10, 0), "a draft moves nothing"
    at = f"/transfers/{transfer['id']}"

    sent = await clerk("POST", f"{at}/send")
    assert line(sent, "MUG") == {"quantity": 6, "sent": 6, "on_the_way": 6}
    assert (await shop.stock("MUG"), await shop.stock("CUP")) == ((4, 0), (0, 0))

    part = await clerk("POST", f"{at}/receive", units(MUG=4))
    assert part["state"] == "sent"
    assert line(part, "MUG") == {"quantity": 6, "sent": 6, "received": 4, "on_the_way": 2}
    assert await shop.stock("MUG", "annex") == (4, 0)

    lost = await clerk("POST", f"{at}/lose", {"reason": "fell off the van"} | units(MUG=1))
    assert line(lost, "MUG") == {"quantity": 6, "sent": 6, "received": 4, "lost": 1, "on_the_way": 1}
    assert await shop.stock("MUG", "annex") == (4, 0), "what never arrived changes no stock"

    done = await clerk("POST", f"{at}/receive")
    assert (done["state"], done["version"]) == ("received", 5)
    assert line(done, "MUG") == {"quantity": 6, "sent": 6, "received": 5, "lost": 1}
    assert await shop.stock("MUG", "annex") == (5, 0)
    assert await shop.movements("MUG") == [
        ("opening", 10),
        ("transfer_out", -6),
        ("transfer_in", 4),
        ("transfer_in", 1),
        ("write_off", -1),
        ("transfer_in", 1),
    ]
    assert await shop.movements("CUP") == [("opening", 3), ("transfer_out", -3), ("transfer_in", 3)]
    shown = await clerk("GET", "/inventory/MUG/movements")
    assert {one["document_id"] for one in shown["items"][:-1]} == {transfer["id"]}
    assert [one["reason"] for one in shown["items"][1:3]] == ["fell off the van"] * 2
    assert [one[:2] for one in await shop.announced()] == [
        ("inventory.back_in_stock", "MUG"),
        ("inventory.back_in_stock", "CUP"),
        ("inventory.sold_out", "CUP"),
        ("inventory.back_in_stock", "CUP"),
    ]
    acts = await shop.db.fetch(
        "SELECT act, subject, before, after FROM staff_acts WHERE act LIKE 'transfer%' ORDER BY id"
    )
    assert [(row["act"], row["after"].get("on_the_way")) for row in acts] == [
        ("transfer.drafted", None),
        ("transfer.sent", {"CUP": 3, "MUG": 6}),
        ("transfer.received", {"CUP": 3, "MUG": 2}),
        ("transfer.lost", {"CUP": 3, "MUG": 1}),
        ("transfer.received", {}),
    ]
    assert {row["subject"] for row in acts} == {transfer["id"]}
    await shop.assert_sound()


async def test_what_is_promised_at_the_source_is_not_sent_away(clerk, rest, shop):
    """What another warehouse has does not help."""
    await shop.put("MUG", 10)
    await shop.put("MUG", 90, "annex")
    await shop.put("CUP", 5)
    await shop.reserve("k", MUG=97)
    transfer = await drafted(clerk, CUP=5, MUG=5, NONE=1)
    answer = await rest.send("POST", f"/transfers/{transfer['id']}/send", user=ADMIN)
    assert (answer.status, answer.problem) == (409, "out-of-stock")
    assert answer.body["skus"] == [
        {"sku": "MUG", "requested": 5, "available": 3},
        {"sku": "NONE", "requested": 1, "available": 0},
    ]
    assert (await shop.stock("MUG"), await shop.stock("CUP")) == ((10, 7), (5, 0))
    assert (await clerk("GET", f"/transfers/{transfer['id']}")) == transfer
    await shop.assert_sound()


async def test_a_draft_is_written_anew_and_a_sent_one_is_not(clerk, rest, shop):
    await shop.put("MUG", 10)
    await shop.put("CUP", 10)
    transfer = await drafted(clerk, MUG=6, CUP=1)
    at = f"/transfers/{transfer['id']}"
    body = {"source": "main", "destination": "annex", "expected_on": "2027-01-05", "note": "by van"} | units(CUP=2)
    written = await clerk("PUT", at, body)
    assert written["lines"] == [transfer["lines"][0] | {"quantity": 2}]
    assert (written["expected_on"], written["note"], written["version"]) == ("2027-01-05", "by van", 2)
    await one_of_two(rest, "PUT", at, (body | units(CUP=3), body | units(CUP=4)), user=ADMIN)
    await clerk("POST", f"{at}/send")
    for method, path, sent in (("PUT", at, body), ("POST", f"{at}/send", None)):
        answer = await rest.send(method, path, sent, user=ADMIN)
        assert (answer.status, answer.problem, answer.body["field"]) == (409, "wrong-state", "state")
        assert answer.body["state"] == "sent"
    assert await shop.movements("MUG") == [("opening", 10)]


async def test_canceling_brings_back_what_is_on_the_way(clerk, rest, shop):
    await shop.put("MUG", 10)
    transfer = await drafted(clerk, MUG=6)
    at = f"/transfers/{transfer['id']}"
    await clerk("POST", f"{at}/send")
    await clerk("POST", f"{at}/receive", units(MUG=2))
    canceled = await clerk("POST", f"{at}/cancel")
    assert canceled["state"] == "received", "some of it was"
    assert line(canceled, "MUG") == {"quantity": 6, "sent": 6, "received": 2, "returned": 4}
    assert (await shop.stock("MUG"), await shop.stock("MUG", "annex")) == ((8, 0), (2, 0))
    for act, body in (("receive", None), ("lose", {"reason": "gone"}), ("cancel", None), ("send", None)):
        answer = await rest.send("POST", f"{at}/{act}", body, user=ADMIN)
        assert (answer.status, answer.problem, answer.body["state"]) == (409, "wrong-state", "received")
    off = await drafted(clerk, MUG=1)
    assert (await clerk("POST", f"/transfers/{off['id']}/cancel"))["state"] == "canceled"
    turned = f"/transfers/{(await drafted(clerk, MUG=3))['id']}"
    await clerk("POST", f"{turned}/send")
    await clerk("POST", f"{turned}/lose", units(MUG=1) | {"reason": "gone"})
    assert (await clerk("POST", f"{turned}/cancel"))["state"] == "canceled", "nothing arrived"
    assert (await shop.stock("MUG"), await shop.stock("MUG", "annex")) == ((7, 0), (2, 0))
    await shop.assert_sound()


@pytest.mark.parametrize(
    ("body", "status", "problem", "field"),
    [
        ({"destination": "main"}, 422, "same-warehouse", "destination"),
        ({"source": "moon"}, 422, "no-such-warehouse", "source"),
        ({"destination": "moon"}, 422, "no-such-warehouse", "destination"),
        ({"lines": []}, 422, "unprocessable", "lines"),
        ({"lines": [{"sku": "MUG", "quantity": 0}]}, 422, "unprocessable", "lines[0].quantity"),
        ({"lines": [{"sku": "a b", "quantity": 1}]}, 422, "unprocessable", "lines[0].sku"),
        ({"expected_on": "soon"}, 422, "unprocessable", "expected_on"),
        ({"expected_on": "0001-01-01"}, 422, "date-out-of-range", "expected_on"),
        ({"priority": 1}, 422, "unprocessable", "priority"),
    ],
)
async def test_a_bad_draft_is_none(rest, shop, body, status, problem, field):
    sound = {"source": "main", "destination": "annex", "lines": [{"sku": "MUG", "quantity": 1}]}
    answer = await rest.send("POST", "/transfers", sound | body, user=ADMIN)
    assert (answer.status, answer.body["field"]) == (status, field)
    assert answer.problem == problem
    assert await shop.db.fetchval("SELECT count(*) FROM transfers") == 0


@pytest.mark.parametrize("act", ["receive", "lose"])
async def test_more_than_is_on_the_way_does_not_arrive(clerk, rest, shop, act):
    await shop.put("MUG", 10)
    transfer = await drafted(clerk, MUG=6)
    at, reason = f"/transfers/{transfer['id']}", {"reason": "gone"} if act == "lose" else {}
    await clerk("POST", f"{at}/send")
    over = await rest.send("POST", f"{at}/{act}", units(MUG=7) | reason, user=ADMIN)
    assert (over.status, over.problem, over.body["field"]) == (409, "more-than-on-the-way", "lines")
    assert over.body["skus"] == [{"sku": "MUG", "quantity": 7, "on_the_way": 6}]
    other = await rest.send("POST", f"{at}/{act}", units(MUG=1, CUP=1) | reason, user=ADMIN)
    assert (other.status, other.problem, other.body["skus"]) == (422, "not-on-the-document", ["CUP"])
    assert await shop.movements("MUG") == [("opening", 10), ("transfer_out", -6)]
    assert (await clerk("GET", at))["version"] == 2


async def test_two_clerks_unpack_one_transfer(clerk, rest, shop):
    """Each of them has counted all of it: it comes once. A repeat under its key is answered as the first time."""
    await shop.put("MUG", 10)
    at = f"/transfers/{(await drafted(clerk, MUG=6))['id']}"
    await clerk("POST", f"{at}/send")
    answers = await asyncio.gather(
        *(rest.send("POST", f"{at}/receive", units(MUG=6), user=new_user("admin")) for _ in range(4))
    )
    assert sorted((one.status, one.problem if one.status > 200 else "") for one in answers) == [
        (200, ""),
        *[(409, "wrong-state")] * 3,
    ]
    again = f"/transfers/{(await drafted(clerk, MUG=4))['id']}"
    await clerk("POST", f"{again}/send")
    first = await clerk("POST", f"{again}/receive", units(MUG=2), key="parcel-1")
    assert await clerk("POST", f"{again}/receive", units(MUG=2), key="parcel-1") == first
    assert await shop.stock("MUG", "annex") == (8, 0)
    await one_of_two(rest, "POST", f"{again}/receive", (units(MUG=1), units(MUG=1)), read=again, user=ADMIN)
    assert await shop.stock("MUG", "annex") == (9, 0)
    await shop.assert_sound()


async def test_sending_races_reserving_in_three_processes(clerk, shop, twin):
    """Whoever comes first has it: nothing that is promised leaves, nothing that has left is promised."""
    await shop.put("HOT", 30)
    await shop.put("COLD", 30)
    shops = [shop, twin(), twin()]
    lines = {"HOT": 3, "COLD": 2}
    drafts = [await draft_transfer(shop.inventory, Draft("main", "annex", lines)) for _ in range(8)]
    chance = random.Random(3)

    async def shopper(number):
        await shops[number % 3].reserve(f"buyer-{number}", COLD=1, HOT=chance.randint(1, 2))

    async def sender(number):
        one = shops[number % 3].inventory
        sent = await send_transfer(one, drafts[number].id, user_id=ADMIN.id, if_match=ANYTHING)
        await receive_transfer(one, sent.id, {"HOT": 1}, user_id=ADMIN.id, if_match=ANYTHING)

    answers = await asyncio.gather(
        *(shopper(number) for number in range(24)), *(sender(number) for number in range(8)), return_exceptions=True
    )
    assert all(isinstance(one, OutOfStock | None) for one in answers), answers
    assert any(isinstance(one, OutOfStock) for one in answers)
    on_the_way = await shop.db.fetchval("SELECT sum(on_the_way) FROM transfer_lines WHERE sku = 'HOT'")
    here, there = await shop.stock("HOT"), await shop.stock("HOT", "annex")
    assert here[0] + there[0] + on_the_way == 30
    await shop.assert_sound()


async def test_crossing_transfers_never_deadlock(clerk, shop, twin):
    """Two ways at once, of the same SKUs in another order, received by others meanwhile."""
    skus = [f"S{at}" for at in range(8)]
    for sku in skus:
        await shop.put(sku, 50)
        await shop.put(sku, 50, "annex")
    shops, chance = [shop, twin()], random.Random(11)

    async def carrier(number):
        one, places = shops[number % 2].inventory, ["main", "annex"]
        chance.shuffle(places)
        lines = dict.fromkeys(chance.sample(skus, 5), 1)
        sent = await draft_transfer(one, Draft(places[0], places[1], lines))
        await send_transfer(one, sent.id, user_id=ADMIN.id, if_match=ANYTHING)
        receiving = (
            receive_transfer(each.inventory, sent.id, None, user_id=ADMIN.id, if_match=ANYTHING) for each in shops
        )
        return await asyncio.gather(*receiving, return_exceptions=True)

    for answers in await asyncio.gather(*(carrier(number) for number in range(20))):
        assert sum(isinstance(one, Problem) for one in answers) == 1, "received once"
    assert await shop.db.fetchval("SELECT sum(on_hand) FROM stock") == 800
    await shop.assert_sound()


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("UPDATE transfer_lines SET received = 7", "transfer_lines_conserve"),
        ("UPDATE transfer_lines SET lost = 4, returned = 3", "transfer_lines_conserve"),
        ("UPDATE transfer_lines SET lost = -1", "transfer_lines_conserve"),
        ("UPDATE transfer_lines SET sent = 5", "transfer_lines_sent"),
        ("UPDATE transfers SET destination = source", "transfers_go_somewhere"),
    ],
)
async def test_checks_stand_behind_the_acts(clerk, shop, sql, constraint):
    await shop.put("MUG", 10)
    await clerk("POST", f"/transfers/{(await drafted(clerk, MUG=6))['id']}/send")
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await shop.db.execute(sql)
    assert refused.value.constraint_name == constraint


async def test_the_list_has_what_is_on_the_way(clerk, rest, shop):
    await shop.put("MUG", 10)
    made = [await drafted(clerk, MUG=1) for _ in range(5)]
    for one in made[:3]:
        await clerk("POST", f"/transfers/{one['id']}/send")
    shown, query = [], "state=sent&limit=2"
    while query:
        page = await clerk("GET", f"/transfers?{query}")
        shown += [one["id"] for one in page["items"]]
        query = page["next_cursor"] and f"state=sent&limit=2&cursor={page['next_cursor']}"
    assert shown == [one["id"] for one in reversed(made[:3])]
    assert len((await clerk("GET", "/transfers"))["items"]) == 5
    assert (await rest.send("GET", "/transfers?state=lost", user=ADMIN)).status == 422


async def test_who_may_move_goods(clerk, rest, shop):
    await shop.put("MUG", 10)
    transfer = await drafted(clerk, MUG=1)
    at = f"/transfers/{transfer['id']}"
    reader, mover = who_may("inventory.stock.read"), who_may("inventory.transfers.edit")
    assert (await rest.send("GET", at, user=reader)).status == 200
    for user, status in ((None, 401), (new_user(), 403), (new_user("seller"), 403), (reader, 403)):
        assert (await rest.send("POST", f"{at}/send", user=user)).status == status
    assert (await rest.send("POST", f"{at}/send", user=mover)).status == 200
    for method, path in (("GET", f"/transfers/{NOBODY}"), ("POST", f"/transfers/{NOBODY}/send")):
        answer = await rest.send(method, path, user=ADMIN)
        assert (answer.status, answer.problem, answer.body["field"]) == (404, "no-such-transfer", "transfer_id")


@pytest.mark.parametrize("lines", [1, 20, 500])
async def test_an_act_costs_the_same_for_many_lines(clerk, shop, asked, lines):
    skus = [f"S{at:03}" for at in range(lines)]
    async with shop.db.transaction() as tx:
        await tx.execute("INSERT INTO items (sku) SELECT unnest($1::text[])", skus)
        await tx.execute("INSERT INTO stock (sku, warehouse_id, on_hand) SELECT sku, 'main', 5 FROM items")
        columns = "sku, warehouse_id, kind, quantity"
        await tx.execute(f"INSERT INTO stock_movements ({columns}) SELECT sku, 'main', 'opening', 5 FROM items")
    inventory = shop.inventory
    drafted = await draft_transfer(inventory, Draft("main", "annex", dict.fromkeys(skus, 3)))
    asked.clear()
    await send_transfer(inventory, drafted.id, user_id=ADMIN.id, if_match=ANYTHING)
    assert len(asked) == 9, asked
    asked.clear()
    await receive_transfer(inventory, drafted.id, None, user_id=ADMIN.id, if_match=ANYTHING)
    assert len(asked) == 9, asked
    await shop.assert_sound()
