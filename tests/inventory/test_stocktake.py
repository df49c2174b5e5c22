"""Counts of a warehouse: the difference at the moment of counting is booked, whatever is sold before the booking."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from editors import one_of_two

from stoa.kit.http.preconditions import ANYTHING
from stoa.kit.ids import uuid7
from stoa.services.inventory.count import AT_ONCE
from stoa.services.inventory.receipt import Order
from stoa.services.inventory.receipts import expect_goods, receive_goods
from stoa.services.inventory.routes import routes
from stoa.services.inventory.stocktake import Found, apply_count, count_lines, open_count
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


def found(**lines: int):
    return {"lines": [{"sku": sku, "counted": units} for sku, units in lines.items()]}


def progress(count):
    return tuple(count[name] for name in ("state", "lines", "counted", "different", "applied"))


async def test_a_warehouse_is_counted_looked_over_and_booked(clerk, shop):
    for sku, many in (("CUP", 5), ("MUG", 10), ("PAN", 2)):
        await shop.put(sku, many)
    await shop.put("POT", 0)
    count = await clerk("POST", "/stock-counts", {"note": "spring"}, 201)
    at = f"/stock-counts/{count['id']}"
    assert progress(count) == ("open", 4, 0, 0, 0)
    assert [one["sku"] for one in (await clerk("GET", f"{at}/lines?only=uncounted"))["items"]] == [
        "CUP",
        "MUG",
        "PAN",
        "POT",
    ]
    body = found(CUP=5, PAN=3, POT=0)
    body["lines"].append({"sku": "MUG", "counted": 8, "reason": "two are broken"})
    assert progress(await clerk("PUT", f"{at}/lines", body)) == ("open", 4, 4, 2, 0)
    different = (await clerk("GET", f"{at}/lines?only=different"))["items"]
    assert [(one["sku"], one["expected"], one["counted"], one["difference"]) for one in different] == [
        ("MUG", 10, 8, -2),
        ("PAN", 2, 3, 1),
    ]
    assert await shop.stock("MUG") == (10, 0), "nothing is booked yet"
    applied = await clerk("POST", f"{at}/apply")
    assert progress(applied) == ("applied", 4, 4, 2, 4)
    assert (applied["left"], applied["count_again"]) == (0, [])
    assert (await shop.stock("MUG"), await shop.stock("PAN")) == ((8, 0), (3, 0))
    assert await shop.movements("CUP") == [("opening", 5)]
    assert await shop.movements("PAN") == [("opening", 2), ("receipt", 1)]
    [newest, _] = (await clerk("GET", "/inventory/MUG/movements"))["items"]
    assert (newest["kind"], newest["quantity"], newest["reason"]) == ("adjustment", -2, "two are broken")
    assert (newest["document_id"], newest["user_id"]) == (count["id"], ADMIN.id)
    acts = await shop.db.fetch("SELECT act, after FROM staff_acts WHERE act LIKE 'count.%' ORDER BY id")
    assert [tuple(row) for row in acts] == [
        ("count.opened", {"warehouse": "main", "lines": 4}),
        ("count.applied", {"booked": 4, "differences": {"MUG": -2, "PAN": 1}}),
    ]
    await shop.assert_sound()


async def test_what_is_sold_between_counting_and_booking_stays_sold(clerk, shop):
    await shop.put("MUG", 10)
    order = uuid7()
    await shop.promise("k", order, MUG=3)
    count = await clerk("POST", "/stock-counts", {"skus": ["MUG"]}, 201)
    at = f"/stock-counts/{count['id']}"
    await clerk("PUT", f"{at}/lines", found(MUG=9))
    await shop.hear("order.placed", order_id=order, items=[{"sku": "MUG", "quantity": 3}])
    assert await shop.stock("MUG") == (7, 0)
    await clerk("POST", f"{at}/apply")
    assert await shop.stock("MUG") == (6, 0), "one was missing, and three were sold"
    assert await shop.movements("MUG") == [("opening", 10), ("sale", -3), ("adjustment", -1)]
    await shop.assert_sound()


async def test_what_another_count_has_set_right_is_not_set_right_twice(clerk, shop):
    for sku in ("CUP", "MUG", "PAN"):
        await shop.put(sku, 10)
    await clerk("POST", "/warehouses", {"id": "annex", "name": "Annex"}, 201)
    await clerk("PUT", "/inventory/MUG", {"on_hand": 5, "warehouse": "annex"})
    first, second, elsewhere = [
        f"/stock-counts/{(await clerk('POST', '/stock-counts', {'warehouse': warehouse, 'skus': skus}, 201))['id']}"
        for warehouse, skus in (("main", ["CUP", "MUG", "PAN"]), ("main", ["CUP", "MUG", "PAN"]), ("annex", ["MUG"]))
    ]
    for at, lines in ((first, found(CUP=10, MUG=8, PAN=9)), (second, found(CUP=9, MUG=8, PAN=9))):
        await clerk("PUT", f"{at}/lines", lines)
    await clerk("PUT", f"{elsewhere}/lines", found(MUG=4))
    await clerk("PUT", "/inventory/PAN", {"on_hand": 9})
    applied = await clerk("POST", f"{first}/apply")
    assert progress(applied) == ("open", 3, 2, 1, 2), "somebody else has counted the pans"
    applied = await clerk("POST", f"{second}/apply")
    assert progress(applied) == ("open", 3, 1, 1, 1), "and the first count the mugs, but not changed the cups"
    assert [(await shop.stock(sku))[0] for sku in ("CUP", "MUG", "PAN")] == [9, 8, 9]
    await clerk("PUT", f"{second}/lines", found(MUG=8, PAN=9))
    assert progress(await clerk("POST", f"{second}/apply")) == ("applied", 3, 3, 1, 3)
    await clerk("POST", f"{elsewhere}/apply")
    assert (await shop.stock("MUG"), await shop.stock("MUG", "annex")) == ((8, 0), (4, 0))
    await shop.assert_sound()


async def test_of_counts_that_are_booked_at_once_one_is(clerk, shop):
    skus = [f"S{number}" for number in range(5)]
    for sku in skus:
        await shop.put(sku, 10)
    counts = [(await clerk("POST", "/stock-counts", {"skus": skus}, 201))["id"] for _ in range(4)]
    for count_id in counts:
        await clerk("PUT", f"/stock-counts/{count_id}/lines", found(**dict.fromkeys(skus, 7)))
    applied = await asyncio.gather(
        *(clerk("POST", f"/stock-counts/{count_id}/apply") for count_id in counts),
        *(clerk("PUT", f"/inventory/{sku}", {"on_hand": 7}) for sku in skus),
    )
    assert [(await shop.stock(sku))[0] for sku in skus] == [7] * 5
    again = [one["sku"] for answer in applied[:4] for one in answer["count_again"]]
    left = await shop.db.fetchval("SELECT count(*) FROM stock_count_lines WHERE counted IS NULL")
    assert left >= len(again), "what was overtaken is not counted"
    for sku in skus:
        assert await shop.movements(sku) == [("opening", 10), ("adjustment", -3)]
    await shop.assert_sound()


async def test_a_line_is_counted_again_until_it_is_booked(clerk, rest, shop):
    await shop.put("MUG", 10)
    await shop.put("CUP", 10)
    count = await clerk("POST", "/stock-counts", {"skus": ["MUG", "CUP", "NEW"]}, 201)
    at = f"/stock-counts/{count['id']}"
    await clerk("PUT", f"{at}/lines", found(MUG=1, CUP=9))
    await clerk("PUT", f"{at}/lines", found(MUG=11, NEW=4))
    alien = await rest.send("POST", f"{at}/apply", {"skus": ["MUG", "NOPE"]}, user=ADMIN)
    assert (alien.status, alien.problem, alien.body["field"]) == (422, "not-on-the-document", "skus")
    assert alien.body["skus"] == ["NOPE"]
    assert (await clerk("GET", at))["version"] == 3
    one = await clerk("POST", f"{at}/apply", {"skus": ["MUG"]})
    assert (progress(one), one["left"]) == (("open", 3, 3, 3, 1), 2)
    assert (await shop.stock("MUG"), await shop.stock("CUP")) == ((11, 0), (10, 0))
    booked = await rest.send("PUT", f"{at}/lines", found(MUG=12), user=ADMIN)
    assert (booked.status, booked.problem, booked.body["state"]) == (409, "wrong-state", "booked already")
    assert progress(await clerk("POST", f"{at}/apply"))[0] == "applied"
    assert await shop.movements("NEW") == [("opening", 4)]
    for method, path, body in (("PUT", f"{at}/lines", found(CUP=1)), ("POST", f"{at}/apply", None)):
        answer = await rest.send(method, path, body, user=ADMIN)
        assert (answer.status, answer.problem, answer.body["state"]) == (409, "wrong-state", "applied")
    await shop.assert_sound()


async def test_less_than_is_promised_is_counted_again(clerk, shop):
    await shop.put("CUP", 10)
    await shop.put("MUG", 10)
    await shop.reserve("k", MUG=6)
    count = await clerk("POST", "/stock-counts", {}, 201)
    at = f"/stock-counts/{count['id']}"
    await clerk("PUT", f"{at}/lines", found(CUP=9, MUG=5))
    applied = await clerk("POST", f"{at}/apply")
    assert applied["count_again"] == [{"sku": "MUG", "counted": 5, "reserved": 6}]
    assert progress(applied) == ("open", 2, 1, 1, 1)
    assert (await shop.stock("CUP"), await shop.stock("MUG")) == ((9, 0), (10, 6))
    await clerk("PUT", f"{at}/lines", found(MUG=6))
    assert progress(await clerk("POST", f"{at}/apply"))[0] == "applied"
    assert await shop.stock("MUG") == (6, 6)
    await shop.assert_sound()


async def test_canceling_leaves_what_is_booked(clerk, rest, shop):
    await shop.put("CUP", 10)
    await shop.put("MUG", 10)
    at = f"/stock-counts/{(await clerk('POST', '/stock-counts', {}, 201))['id']}"
    await clerk("PUT", f"{at}/lines", found(CUP=9, MUG=5))
    await clerk("POST", f"{at}/apply", {"skus": ["CUP"]})
    assert progress(await clerk("POST", f"{at}/cancel")) == ("canceled", 2, 2, 2, 1)
    answer = await rest.send("POST", f"{at}/apply", user=ADMIN)
    assert (answer.status, answer.problem, answer.body["state"]) == (409, "wrong-state", "canceled")
    assert (await shop.stock("CUP"), await shop.stock("MUG")) == ((9, 0), (10, 0))


@pytest.mark.parametrize(
    ("body", "problem", "field"),
    [
        ({"lines": [found(**{sku: 1})["lines"][0] for sku in ("MUG", "CUP", "MUG")]}, "counted-twice", "lines[2].sku"),
        (found(NONE=1), "not-on-the-document", "lines"),
        (found(MUG=-1), "unprocessable", "lines[0].counted"),
        ({"lines": []}, "unprocessable", "lines"),
    ],
)
async def test_a_bad_line_is_not_counted(clerk, rest, shop, body, problem, field):
    await shop.put("MUG", 10)
    at = f"/stock-counts/{(await clerk('POST', '/stock-counts', {}, 201))['id']}"
    answer = await rest.send("PUT", f"{at}/lines", body, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (422, problem, field)
    assert progress(await clerk("GET", at)) == ("open", 1, 0, 0, 0)
    moon = await rest.send("POST", "/stock-counts", {"warehouse": "moon"}, user=ADMIN)
    assert (moon.status, moon.problem, moon.body["field"]) == (422, "no-such-warehouse", "warehouse")


async def test_counting_races_selling_and_booking_in_two_processes(shop, twin):
    """Each unit is sold or counted once, whoever comes first; who books at once books it once."""
    other = twin()
    skus = [f"S{at}" for at in range(6)]
    for sku in skus:
        await shop.put(sku, 20)
    count = await open_count(shop.inventory, "main", None, "")

    async def buyer(one, number):
        order = uuid7()
        await one.promise(f"k{number}", order, **dict.fromkeys(skus[number % 3 :], 1))
        lines = [{"sku": sku, "quantity": 1} for sku in skus[number % 3 :]]
        await one.hear("order.placed", order_id=order, reservation_key=f"k{number}", items=lines)

    async def counter(sku):
        """Who sees what is there, and says that one is missing."""
        async with shop.db.transaction() as tx:
            there = await tx.fetchval("SELECT on_hand FROM stock WHERE sku = $1", sku)
        await count_lines(shop.inventory, count.id, {sku: Found(there - 1, "")}, user_id=ADMIN.id, if_match=ANYTHING)

    await asyncio.gather(*(buyer((shop, other)[at % 2], at) for at in range(9)), *(counter(sku) for sku in skus))
    lines = await shop.db.fetch("SELECT sku, difference FROM stock_count_lines")
    missing = {row["sku"]: row["difference"] for row in lines}
    await asyncio.gather(
        *(apply_count(one.inventory, count.id, skus, user_id=ADMIN.id, if_match=ANYTHING) for one in (shop, other)),
        *(buyer((shop, other)[at % 2], at) for at in range(9, 12)),
        return_exceptions=True,
    )
    for at, sku in enumerate(skus):
        sold = sum(number % 3 <= at for number in range(12))
        assert await shop.stock(sku) == (20 - sold + missing[sku], 0)
    await shop.assert_sound()


async def test_counting_races_goods_that_come_in_two_processes(shop, twin):
    """What came is booked by its receipt, whether it was counted before or after it lay there, and only once."""
    other = twin()
    skus = [f"S{at}" for at in range(6)]
    for sku in skus[1:]:
        await shop.put(sku, 20)
    orders = [await expect_goods(shop.inventory, Order("P", "main", dict.fromkeys(skus, 6))) for _ in range(2)]
    count = await open_count(shop.inventory, "main", skus, "")

    async def unpack(one, receipt_id):
        for sku in skus:
            for units in (1, 2):
                await receive_goods(
                    one.inventory, receipt_id, {sku: units}, over=False, user_id=ADMIN.id, if_match=ANYTHING
                )

    async def counter(sku):
        await count_lines(shop.inventory, count.id, {sku: Found(21, "")}, user_id=ADMIN.id, if_match=ANYTHING)
        await apply_count(other.inventory, count.id, [sku], user_id=ADMIN.id, if_match=ANYTHING)

    unpacking = (unpack(one, order.id) for one, order in zip((shop, other), orders, strict=True))
    await asyncio.gather(*unpacking, *(counter(sku) for sku in skus[::-1]))
    lines = await shop.db.fetch("SELECT sku, difference FROM stock_count_lines WHERE applied_at IS NOT NULL")
    found = {row["sku"]: row["difference"] for row in lines}
    assert sorted(found) == skus
    for sku in skus:
        assert await shop.stock(sku) == ((20 if sku != "S0" else 0) + 6 + found[sku], 0)
        assert await shop.db.fetchval("SELECT sum(incoming) FROM stock WHERE sku = $1", sku) == 6
    await shop.assert_sound()


async def test_of_two_who_saw_the_same_one_counts(clerk, rest, shop):
    await shop.put("MUG", 10)
    at = f"/stock-counts/{(await clerk('POST', '/stock-counts', {}, 201))['id']}"
    await one_of_two(rest, "PUT", f"{at}/lines", (found(MUG=9), found(MUG=8)), read=at, user=ADMIN)


async def test_a_large_count_is_booked_in_pieces(shop, asked):
    many = AT_ONCE + 20
    async with shop.db.transaction() as tx:
        await tx.execute(
            f"INSERT INTO items (sku) SELECT 'S' || lpad(n::text, 5, '0') FROM generate_series(1, {many}) n"
        )
        await tx.execute("INSERT INTO stock (sku, warehouse_id, on_hand) SELECT sku, 'main', 5 FROM items")
        columns = "sku, warehouse_id, kind, quantity"
        await tx.execute(f"INSERT INTO stock_movements ({columns}) SELECT sku, 'main', 'opening', 5 FROM items")
    count = await open_count(shop.inventory, "main", None, "")
    assert count.lines == many
    skus = [f"S{at:05}" for at in range(1, many + 1)]
    costs = []
    for some in (skus[:1], skus[1:AT_ONCE], skus[AT_ONCE:]):
        asked.clear()
        found = {sku: Found(4, "") for sku in some}
        await count_lines(shop.inventory, count.id, found, user_id=ADMIN.id, if_match=ANYTHING)
        costs.append(len(asked))
    assert set(costs) == {7}
    asked.clear()
    half, again = await apply_count(shop.inventory, count.id, None, user_id=ADMIN.id, if_match=ANYTHING)
    assert (half.state, half.applied, again) == ("open", AT_ONCE, [])
    # Two of them are for other counts: what they have set right, and what they would set right once more.
    assert len(asked) == 12, asked
    whole, _ = await apply_count(shop.inventory, count.id, None, user_id=ADMIN.id, if_match=ANYTHING)
    assert (whole.state, whole.applied) == ("applied", many)
    assert await shop.db.fetchval("SELECT sum(on_hand) FROM stock") == 4 * many
    await shop.assert_sound()


async def test_lists_go_on(clerk, shop):
    for at in range(5):
        await shop.put(f"S{at}", 1)
    made = [await clerk("POST", "/stock-counts", {}, 201) for _ in range(3)]
    page = await clerk("GET", "/stock-counts?state=open&limit=2")
    last = await clerk("GET", f"/stock-counts?state=open&limit=2&cursor={page['next_cursor']}")
    assert [one["id"] for one in page["items"] + last["items"]] == [one["id"] for one in reversed(made)]
    at, shown, query = f"/stock-counts/{made[0]['id']}/lines", [], "limit=2"
    while query:
        page = await clerk("GET", f"{at}?{query}")
        shown += [one["sku"] for one in page["items"]]
        query = page["next_cursor"] and f"limit=2&cursor={page['next_cursor']}"
    assert shown == [f"S{at}" for at in range(5)]


async def test_who_may_count_a_warehouse(clerk, rest, shop):
    await shop.put("MUG", 1)
    at = f"/stock-counts/{(await clerk('POST', '/stock-counts', {}, 201))['id']}"
    reader, counter = who_may("inventory.stock.read"), who_may("inventory.counts.edit")
    assert (await rest.send("GET", f"{at}/lines", user=reader)).status == 200
    for user, status in ((None, 401), (new_user(), 403), (new_user("seller"), 403), (reader, 403)):
        assert (await rest.send("PUT", f"{at}/lines", found(MUG=2), user=user)).status == status
    assert (await rest.send("PUT", f"{at}/lines", found(MUG=2), user=counter)).status == 200
    for method, path in (("GET", ""), ("GET", "/lines"), ("POST", "/apply"), ("POST", "/cancel")):
        answer = await rest.send(method, f"/stock-counts/{NOBODY}{path}", user=ADMIN)
        assert (answer.status, answer.problem, answer.body["field"]) == (404, "no-such-count", "count_id")


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("UPDATE stock_count_lines SET counted = 1", "stock_count_lines_counted"),
        ("UPDATE stock_count_lines SET applied_at = now()", "stock_count_lines_applied"),
        ("UPDATE stock_counts SET state = 'done'", "stock_counts_state_check"),
    ],
)
async def test_checks_stand_behind_the_acts(clerk, shop, sql, constraint):
    await shop.put("MUG", 1)
    await clerk("POST", "/stock-counts", {}, 201)
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await shop.db.execute(sql)
    assert refused.value.constraint_name == constraint
