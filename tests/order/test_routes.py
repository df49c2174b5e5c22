"""The public API: own orders only, the staff's acts, and bad input that changes nothing."""

import asyncio

import pytest

from stoa.kit.ids import uuid7
from stoa.kit.staff_acts import list_acts
from stoa.services.order import repository
from stoa.services.order.view import order_json
from stoa.testing import User, new_user

ADMIN = new_user("admin")


@pytest.fixture
def ada() -> User:
    return new_user()


async def test_an_order_as_it_is_answered(rest, placed, ada):
    order = await placed(user_id=ada.id)
    body = await rest.ok("GET", f"/orders/{order.id}", user=ada)
    items = body.pop("items")
    assert items[0] == {
        "product_id": order.items[0].product_id,
        "sku": "MUG",
        "name": "Mug",
        "unit_price": {"amount": 1999, "currency": "GBP"},
        "quantity": 2,
        "subtotal": {"amount": 3998, "currency": "GBP"},
        "discount": {"amount": 0, "currency": "GBP"},
        "tax": {"amount": 800, "currency": "GBP"},
        "promise": None,
        "canceled_quantity": 0,
        "shipped_quantity": 0,
        "returned_quantity": 0,
        "custom_fields": {},
        "metadata": {},
    }
    created_at, updated_at = body.pop("created_at"), body.pop("updated_at")
    assert created_at.endswith("Z")
    assert updated_at >= created_at
    assert body == {
        "id": order.id,
        "number": "S-100001",
        "user_id": ada.id,
        "email": "ada@example.com",
        "status": "confirmed",
        "payment_status": "paid",
        "fulfillment_status": "unfulfilled",
        "subtotal": {"amount": 4997, "currency": "GBP"},
        "discount": {"amount": 0, "currency": "GBP"},
        "shipping": {"amount": 495, "currency": "GBP"},
        "tax": {"amount": 1099, "currency": "GBP"},
        "tax_included": False,
        "taxes": [],
        "total": {"amount": 6591, "currency": "GBP"},
        "refunded": {"amount": 0, "currency": "GBP"},
        "shipping_method": "standard",
        "shipping_name": "",
        "pickup": False,
        "delivery_estimate": None,
        "shipping_address": order.shipping_address,
        "billing_address": order.billing_address,
        "payment_id": order.payment_id,
        "tracking": None,
        "shipments": [],
        "custom_fields": {},
        "metadata": {},
        "version": 2,
    }


async def test_what_is_anothers_does_not_exist(rest, orders, placed, ada):
    eve, order, guests = new_user(), await placed(user_id=ada.id), await placed(user_id=None)
    before = await repository.read_orders(orders.db, [order.id, guests.id])
    for order_id in (order.id, guests.id, uuid7(), "me", "1", "%00"):
        for method, act, body in (
            ("GET", "", None),
            ("GET", "/history", None),
            ("POST", "/cancel", {"reason": "mine"}),
            ("POST", "/return", {"items": [{"sku": "MUG", "quantity": 1}], "reason": "mine"}),
        ):
            path = f"/orders/{order_id}{act}"
            assert (await rest.send(method, path, body, user=eve)).status == 404
            if order_id in before:
                assert (await rest.send(method, path, body)).status == 401
        for act, body in (("ship", {"carrier": "D", "tracking_number": "1"}), ("deliver", None), ("process", None)):
            refused = await rest.send("POST", f"/orders/{order_id}/{act}", body, user=eve)
            assert refused.status == (403 if order_id in before or len(order_id) == 36 else 404)
    assert await repository.read_orders(orders.db, [order.id, guests.id]) == before


async def test_so_many_rows_of_a_moment_are_read_at_once(rest, orders, monkeypatch):
    """What a read brings is decoded in one go."""
    reads: list[int] = []

    async def count(asked):
        reads.append(len(asked))
        return {each: [] for each in asked}

    monkeypatch.setattr(orders.listing, "_read", count)
    await asyncio.gather(*(rest.ok("GET", "/orders?limit=100", user=new_user()) for _ in range(6)))
    assert reads == [2, 2, 2]


async def test_lists_are_of_ones_own_and_in_pages(rest, made, new_order, placed, ada):
    mine = [(await placed(user_id=ada.id)).id for _ in range(3)]
    pending = (await made(new_order(user_id=ada.id))).id
    others = await placed(user_id=None)
    newest_first = sorted([*mine, pending], reverse=True)

    page = await rest.ok("GET", "/orders?limit=3", user=ada)
    rest_of_it = await rest.ok("GET", f"/orders?limit=3&cursor={page['next_cursor']}", user=ada)
    assert [one["id"] for one in (*page["items"], *rest_of_it["items"])] == newest_first
    assert rest_of_it["next_cursor"] is None
    only = await rest.ok("GET", "/orders?status=pending", user=ada)
    assert [one["id"] for one in only["items"]] == [pending]

    everybody = await rest.ok("GET", "/orders", user=ADMIN)
    assert [one["id"] for one in everybody["items"]] == sorted([*newest_first, others.id], reverse=True)
    assert len((await rest.ok("GET", "/orders?status=confirmed", user=ADMIN))["items"]) == 4
    adas = await rest.ok("GET", f"/orders?user_id={ada.id.upper()}", user=ADMIN)
    assert [one["id"] for one in adas["items"]] == newest_first
    assert (await rest.ok("GET", f"/orders?user_id={ada.id}", user=new_user()))["items"] == []
    assert (await rest.ok("GET", "/orders", user=new_user()))["items"] == []


async def test_queries_that_are_refused(rest, ada):
    for query in ("status=lost", "limit=0", "limit=101", "cursor=x", "sort=email"):
        answer = await rest.send("GET", f"/orders?{query}", user=ada)
        assert (answer.status, answer.body["field"]) == (422, query.split("=")[0])


async def test_from_confirmed_to_returned(rest, placed, ada):
    order = await placed(user_id=ada.id)
    path = f"/orders/{order.id}"
    assert (await rest.ok("POST", f"{path}/process", user=ADMIN))["status"] == "processing"
    parcel = {"carrier": "DHL", "tracking_number": "JD01"}
    shipped = await rest.ok("POST", f"{path}/ship", parcel, user=ADMIN)
    assert shipped["tracking"] | {"shipped_at": ""} == parcel | {"shipped_at": "", "delivered_at": None}
    delivered = await rest.ok("POST", f"{path}/deliver", user=ADMIN)
    assert delivered["tracking"]["delivered_at"] is not None

    back = {"items": [{"sku": "SPOON", "quantity": 2}], "reason": "too many"}
    made = await rest.ok("POST", f"{path}/return", back, user=ADMIN, status=201)
    assert (made["order_id"], made["status"]) == (order.id, "received")
    assert made["items"] == [
        {
            "sku": "SPOON",
            "quantity": 2,
            "received": 2,
            "restocked": 2,
            "refund": {"amount": 666, "currency": "GBP"},
            "tax": {"amount": 134, "currency": "GBP"},
        }
    ]
    assert made["refund"] == {"amount": 800, "currency": "GBP"}
    partly = await rest.ok("GET", path, user=ada)
    assert (partly["status"], partly["payment_status"]) == ("delivered", "refund_pending")
    assert [item["returned_quantity"] for item in partly["items"]] == [0, 2]

    rest_of_it = {"items": [{"sku": "SPOON", "quantity": 1}, {"sku": "MUG", "quantity": 2}], "reason": "all"}
    await rest.ok("POST", f"{path}/return", rest_of_it, user=ADMIN, status=201)
    history = await rest.ok("GET", f"{path}/history", user=ada)
    assert [(one["from_status"], one["status"], one["actor"]) for one in history["items"]] == [
        (None, "pending", "checkout"),
        ("pending", "confirmed", "checkout"),
        ("confirmed", "processing", "staff"),
        ("processing", "shipped", "staff"),
        ("shipped", "delivered", "staff"),
        ("delivered", "returned", "staff"),
    ]
    assert all("actor_id" not in one for one in history["items"])


async def test_a_buyers_return_is_a_request(rest, orders, placed, ada):
    order = await placed(user_id=ada.id)
    path = f"/orders/{order.id}"
    await rest.ok("POST", f"{path}/ship", {"carrier": "DHL", "tracking_number": "JD01"}, user=ADMIN)
    back = {"items": [{"sku": "MUG", "quantity": 2}], "reason": "too blue"}
    asked = await rest.ok("POST", f"{path}/return", back, user=ada, status=201)
    assert asked["created_at"] == asked["updated_at"]
    nothing = {"amount": 0, "currency": "GBP"}
    assert asked == {
        "id": asked["id"],
        "order_id": order.id,
        "status": "requested",
        "items": [{"sku": "MUG", "quantity": 2, "received": 0, "restocked": 0, "refund": nothing, "tax": nothing}],
        "reason": "too blue",
        "refund": nothing,
        "version": 1,
        "created_at": asked["created_at"],
        "updated_at": asked["updated_at"],
    }
    untouched = await rest.ok("GET", path, user=ada)
    assert (untouched["status"], untouched["payment_status"]) == ("shipped", "paid")
    one = f"{path}/returns/{asked['id']}"
    assert await rest.ok("GET", one, user=ada) == asked
    assert (await rest.ok("GET", f"{path}/returns", user=ada))["items"] == [asked]
    assert (await rest.ok("GET", "/orders/returns", user=ADMIN))["items"] == [asked]
    assert (await rest.ok("GET", "/orders/returns?status=approved", user=ADMIN))["items"] == []

    assert (await rest.ok("POST", f"{one}/approve", user=ADMIN))["status"] == "approved"
    came = {"items": [{"sku": "MUG", "quantity": 1, "unfit": 1}]}
    received = await rest.ok("POST", f"{one}/receive", came, user=ADMIN)
    assert (received["status"], received["refund"]) == ("received", {"amount": 2399, "currency": "GBP"})
    assert received["items"] == [
        {
            "sku": "MUG",
            "quantity": 2,
            "received": 1,
            "restocked": 0,
            "refund": {"amount": 1999, "currency": "GBP"},
            "tax": {"amount": 400, "currency": "GBP"},
        }
    ]
    history = await rest.ok("GET", f"{one}/history", user=ada)
    assert [(each["from_status"], each["status"], each["actor"]) for each in history["items"]] == [
        (None, "requested", "customer"),
        ("requested", "approved", "staff"),
        ("approved", "received", "staff"),
    ]
    late = await rest.send("POST", f"{one}/cancel", user=ada)
    assert (late.status, late.problem, late.body["from"], late.body["to"]) == (
        409,
        "return-state",
        "received",
        "canceled",
    )
    again = await rest.ok(
        "POST", f"{path}/return", {**back, "items": [{"sku": "MUG", "quantity": 1}]}, user=ada, status=201
    )
    refused = await rest.ok("POST", f"{path}/returns/{again['id']}/refuse", {"reason": "it was used"}, user=ADMIN)
    assert refused["status"] == "refused"


async def test_a_buyer_on_the_staff_bought_as_a_customer(rest, placed):
    boss = new_user("admin")
    order = await placed(user_id=boss.id)
    await rest.ok("POST", f"/orders/{order.id}/ship", {"carrier": "D", "tracking_number": "1"}, user=boss)
    back = {"items": [{"sku": "MUG", "quantity": 1}], "reason": "x"}
    asked = await rest.ok("POST", f"/orders/{order.id}/return", back, user=boss, status=201)
    assert (asked["status"], asked["refund"]["amount"]) == ("requested", 0)


async def test_only_the_staff_decides_and_anothers_return_does_not_exist(rest, orders, placed, ada):
    eve, order = new_user(), await placed(user_id=ada.id)
    await rest.ok("POST", f"/orders/{order.id}/ship", {"carrier": "D", "tracking_number": "1"}, user=ADMIN)
    back = {"items": [{"sku": "MUG", "quantity": 1}], "reason": "x"}
    asked = await rest.ok("POST", f"/orders/{order.id}/return", back, user=ada, status=201)
    one = f"/orders/{order.id}/returns/{asked['id']}"
    came = {"items": [{"sku": "MUG", "quantity": 1}]}
    for act, body in (("approve", None), ("refuse", {"reason": "x"}), ("receive", came)):
        for who in (ada, eve):
            assert (await rest.send("POST", f"{one}/{act}", body, user=who)).problem == "forbidden"
    for method, path in (("GET", one), ("GET", f"{one}/history"), ("POST", f"{one}/cancel")):
        assert (await rest.send(method, path, user=eve)).problem == "order-not-found"
    assert (await rest.send("GET", f"/orders/{order.id}/returns", user=eve)).problem == "order-not-found"
    assert (await rest.send("GET", "/orders/returns", user=ada)).problem == "forbidden"
    for unknown in (f"/orders/{order.id}/returns/{uuid7()}", f"/orders/{(await placed()).id}/returns/{asked['id']}"):
        assert (await rest.send("GET", unknown, user=ADMIN)).problem == "return-not-found"
    assert await rest.ok("GET", one, user=ada) == asked


REFUSED_ARRIVALS = [
    ({"items": []}, 422, "items"),
    ({"items": [{"sku": "MUG", "quantity": 0}]}, 422, "items[0].quantity"),
    ({"items": [{"sku": "MUG", "quantity": 1, "unfit": -1}]}, 422, "items[0].unfit"),
    ({"items": [{"sku": "MUG", "quantity": 1, "unfit": 2}]}, 422, "items[0].unfit"),
    ({"items": [{"sku": "MUG", "quantity": 2}]}, 409, "items[0].quantity"),
    ({"items": [{"sku": "SPOON", "quantity": 1}]}, 422, "items[0].sku"),
    ({"items": [{"sku": "MUG", "quantity": 1}] * 2}, 422, "items[1].sku"),
    ({"items": [{"sku": "MUG", "quantity": 1}], "refund": 1}, 422, "refund"),
]


async def test_arrivals_that_are_refused(rest, placed, ada):
    order = await placed(user_id=ada.id)
    await rest.ok("POST", f"/orders/{order.id}/ship", {"carrier": "D", "tracking_number": "1"}, user=ADMIN)
    back = {"items": [{"sku": "MUG", "quantity": 1}], "reason": "x"}
    asked = await rest.ok("POST", f"/orders/{order.id}/return", back, user=ada, status=201)
    one = f"/orders/{order.id}/returns/{asked['id']}"
    for body, status, field in REFUSED_ARRIVALS:
        answer = await rest.send("POST", f"{one}/receive", body, user=ADMIN)
        assert (answer.status, answer.body["field"]) == (status, field)
    assert await rest.ok("GET", one, user=ada) == asked


async def test_a_wrong_transition_says_from_where_to_where(rest, placed, ada):
    order = await placed(user_id=ada.id)
    path = f"/orders/{order.id}"
    early = await rest.send("POST", f"{path}/deliver", user=ADMIN)
    assert (early.status, early.problem, early.body["from"], early.body["to"]) == (
        409,
        "order-state",
        "confirmed",
        "delivered",
    )
    assert (await rest.ok("POST", f"{path}/cancel", {"reason": "no"}, user=ada))["status"] == "canceled"
    late = await rest.send("POST", f"{path}/ship", {"carrier": "D", "tracking_number": "1"}, user=ADMIN)
    assert (late.problem, late.body["from"], late.body["to"]) == ("order-state", "canceled", "shipped")


REFUSED_RETURNS = [
    ({"items": [], "reason": "x"}, "items"),
    ({"items": [{"sku": "MUG", "quantity": 0}], "reason": "x"}, "items[0].quantity"),
    ({"items": [{"sku": "MUG", "quantity": -1}], "reason": "x"}, "items[0].quantity"),
    ({"items": [{"sku": "MUG", "quantity": 1.5}], "reason": "x"}, "items[0].quantity"),
    ({"items": [{"sku": "MUG", "quantity": True}], "reason": "x"}, "items[0].quantity"),
    ({"items": [{"sku": "MUG", "quantity": "1"}], "reason": "x"}, "items[0].quantity"),
    ({"items": [{"sku": "MUG", "quantity": 2**63}], "reason": "x"}, "items[0].quantity"),
    ({"items": [{"sku": "MUG", "quantity": 1, "refund": 9999}], "reason": "x"}, "items[0].refund"),
    ({"items": [{"sku": "MUG", "quantity": 1}], "reason": "a\u0000b"}, "reason"),
    ({"items": [{"sku": "MUG", "quantity": 1}] * 2, "reason": "x"}, "items[1].sku"),
    ({"items": [{"sku": "FORK", "quantity": 1}], "reason": "x"}, "items[0].sku"),
    (
        {"items": [{"sku": "MUG", "quantity": 1}], "reason": "x", "refund": {"amount": 1, "currency": "GBP"}},
        "refund",
    ),
]


async def test_returns_that_are_refused(rest, orders, placed, ada):
    order = await placed(user_id=ada.id)
    await rest.ok("POST", f"/orders/{order.id}/ship", {"carrier": "D", "tracking_number": "1"}, user=ADMIN)
    before = await repository.read_order(orders.db, order.id)
    for body, field in REFUSED_RETURNS:
        answer = await rest.send("POST", f"/orders/{order.id}/return", body, user=ada)
        assert (answer.status, answer.body["field"]) == (422, field)
    assert await repository.read_order(orders.db, order.id) == before


async def test_not_a_number_and_beyond_infinity(rest, orders, placed, ada):
    order = await placed(user_id=ada.id)
    for number in (b"NaN", b"1e309", b"Infinity", b"9" * 400):
        raw = b'{"items": [{"sku": "MUG", "quantity": ' + number + b'}], "reason": "x"}'
        answer = await rest.send("POST", f"/orders/{order.id}/return", raw=raw, user=ada)
        assert answer.status in {400, 422}
    assert await orders.db.fetchval("SELECT count(*) FROM returns") == 0


async def test_one_key_returns_once(rest, orders, placed, ada):
    order = await placed(user_id=ada.id)
    await rest.ok("POST", f"/orders/{order.id}/ship", {"carrier": "D", "tracking_number": "1"}, user=ADMIN)
    back = {"items": [{"sku": "SPOON", "quantity": 1}], "reason": "x"}
    answers = await asyncio.gather(
        *(rest.send("POST", f"/orders/{order.id}/return", back, user=ada, key="once") for _ in range(4))
    )
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body["id"] for answer in answers}) == 1
    assert (await repository.read_order(orders.db, order.id)).items[1].requested_quantity == 1


async def test_the_contract_carries_the_same_bytes(rest, placed, ada):
    order = await placed(user_id=ada.id)
    answer = await rest.send("GET", f"/orders/{order.id}", user=ada)
    assert int(answer.headers["content-length"]) == len(order_json(order))


async def test_what_staff_did_is_kept_with_before_and_after(rest, orders, placed, ada):
    order, other = await placed(user_id=ada.id), await placed(user_id=ada.id)
    path = f"/orders/{order.id}"
    await rest.ok("POST", f"/orders/{other.id}/cancel", {"reason": "my own"}, user=ada)
    await rest.ok("POST", f"{path}/process", user=ADMIN)
    shipped = await rest.ok("POST", f"{path}/ship", {"carrier": "D", "tracking_number": "1"}, user=ADMIN)
    (parcel,) = (shipment["id"] for shipment in shipped["shipments"])
    await rest.ok("POST", f"{path}/deliver", user=ADMIN)
    back = {"items": [{"sku": "MUG", "quantity": 1}], "reason": "broke"}
    asked = await rest.ok("POST", f"{path}/return", back, user=ada, status=201)
    await rest.ok("POST", f"{path}/returns/{asked['id']}/approve", user=ADMIN)
    await rest.ok("POST", f"{path}/returns/{asked['id']}/receive", {"items": back["items"]}, user=ADMIN)
    assert (await rest.send("POST", f"{path}/deliver", user=ADMIN)).status == 409
    acts = [
        (act.actor, act.act, act.subject, act.before, act.after, act.reason)
        for act in await list_acts(orders.db, limit=9)
    ]
    status = [
        ("confirmed", "processing", {}),
        ("processing", "shipped", {"shipment_id": parcel}),
        ("shipped", "delivered", {"shipment_ids": [parcel]}),
    ]
    assert acts[::-1] == [
        *(
            (ADMIN.id, f"order.{after}", order.id, {"status": before}, {"status": after, **more}, "")
            for before, after, more in status
        ),
        (
            ADMIN.id,
            "return.approved",
            asked["id"],
            {"status": "requested", "refund_minor": 0},
            {"status": "approved", "refund_minor": 0},
            "",
        ),
        (
            ADMIN.id,
            "return.received",
            asked["id"],
            {"status": "approved", "refund_minor": 0},
            {"status": "received", "refund_minor": 2399},
            "broke",
        ),
    ]
