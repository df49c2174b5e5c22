"""What happened to an order, as its staff and its buyer read it; and the notes on it."""

from __future__ import annotations

import pytest

from stoa.kit.ids import uuid7
from stoa.kit.staff_acts import list_acts
from stoa.services.order.handlers import HANDLERS, handle_batch
from stoa.testing import new_user

from .test_payment_status import told

STAFF = new_user("admin")


def refund(kind: str, payment_id: str, amount: int, total: int):
    sums = {"amount": {"amount": amount, "currency": "GBP"}, "refunded_total": {"amount": total, "currency": "GBP"}}
    return told(kind, 5, payment_id, refund_id=uuid7(), reason="of the staff", **sums)


@pytest.fixture
def ada():
    return new_user()


async def test_a_long_story(rest, orders, placed, ada):
    order = await placed(user_id=ada.id)
    path = f"/orders/{order.id}"
    await rest.ok("POST", f"{path}/notes", {"text": "Call before noon."}, user=STAFF, status=201)
    parcel = {"carrier": "DHL", "tracking_number": "JD01", "items": [{"sku": "MUG", "quantity": 2}]}
    await rest.ok("POST", f"{path}/ship", parcel, user=STAFF)
    await rest.ok("POST", f"{path}/cancel", {"reason": "enough"}, user=ada)
    await rest.ok("POST", f"{path}/deliver", user=STAFF)
    back = {"items": [{"sku": "MUG", "quantity": 1}], "reason": "too blue"}
    asked = await rest.ok("POST", f"{path}/return", back, user=ada, status=201)
    await rest.ok("POST", f"{path}/returns/{asked['id']}/receive", {"items": back["items"]}, user=STAFF)
    events = [
        refund("payment.refund_failed", order.payment_id, 2399, 0),
        refund("payment.refunded", order.payment_id, 1199, 1199),
    ]
    for _ in range(2):
        async with orders.db.transaction() as tx:
            await handle_batch(tx, events)
        async with orders.db.transaction() as tx:
            await HANDLERS["payment.refunded"](tx, events[1])
    await rest.ok("POST", f"{path}/notes", {"text": "Sorry!", "audience": "customer"}, user=STAFF, status=201)

    story = (await rest.ok("GET", f"{path}/timeline", user=STAFF))["items"]
    assert [(one["kind"], one["summary"], one["text"], one["actor"]) for one in story[::-1]] == [
        ("status", "The checkout made the order", "checked out", "checkout"),
        ("status", "The order is paid and confirmed", "paid", "checkout"),
        ("note", "A note of the shop", "Call before noon.", "staff"),
        ("status", "The order is being packed", "handed to DHL", "staff"),
        ("parcel_sent", "Parcel 1 was handed to DHL as JD01: 2 × MUG", "", "staff"),
        ("status", "All of the order has been sent", "enough", "customer"),
        (
            "items_canceled",
            "A part of the order was canceled: 3 × SPOON; 11.99 GBP are to go back",
            "enough",
            "customer",
        ),
        ("status", "The customer has all of the order", "delivered", "staff"),
        ("parcel_delivered", "The customer has parcel 1", "", "staff"),
        ("return", "A return was asked for: 1 × MUG", "too blue", "customer"),
        ("return", "Returned goods were received: 1 × MUG; 23.99 GBP are to go back", "", "staff"),
        ("refund", "Money could not be given back: 23.99 GBP", "", "payment"),
        ("refund", "Money has gone back: 11.99 GBP", "", "payment"),
        ("note", "A note for the customer", "Sorry!", "staff"),
    ]
    assert [one["amount"]["amount"] for one in story if one["amount"]] == [1199, 2399, 2399, 1199]

    pages, cursor = [], ""
    while True:
        page = await rest.ok("GET", f"{path}/timeline?limit=3{cursor}", user=ada)
        pages += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert pages == [one for one in story if one["summary"] != "A note of the shop"]


async def test_notes_are_the_shops_or_the_buyers(rest, orders, placed, announced, ada):
    order = await placed(user_id=ada.id)
    path = f"/orders/{order.id}/notes"
    internal = await rest.ok("POST", path, {"text": "Pays late.\nWatch."}, user=STAFF, status=201)
    public = await rest.ok("POST", path, {"text": "On us.", "audience": "customer"}, user=STAFF, status=201)
    assert internal == {
        "id": internal["id"],
        "author_id": STAFF.id,
        "audience": "internal",
        "text": "Pays late.\nWatch.",
        "created_at": internal["created_at"],
    }
    assert (await rest.ok("GET", path, user=STAFF))["items"] == [public, internal]
    assert (await rest.ok("GET", path, user=ada))["items"] == [public | {"author_id": None}]
    first = await rest.ok("GET", f"{path}?limit=1", user=STAFF)
    rest_of_it = await rest.ok("GET", f"{path}?limit=1&cursor={first['next_cursor']}", user=STAFF)
    assert (first["items"], rest_of_it["items"], rest_of_it["next_cursor"]) == ([public], [internal], None)
    # The order is as it was, and what was written is kept here alone.
    assert (await rest.ok("GET", f"/orders/{order.id}", user=ada))["version"] == order.version
    assert len(await announced()) == 1
    acts = [(act.act, act.subject, act.after) for act in await list_acts(orders.db, limit=9)]
    assert acts == [
        ("order.noted", order.id, {"note_id": public["id"], "audience": "customer"}),
        ("order.noted", order.id, {"note_id": internal["id"], "audience": "internal"}),
    ]


async def test_a_repeat_under_the_same_key_is_one_note(rest, placed):
    path = f"/orders/{(await placed()).id}/notes"
    for _ in range(2):
        assert (await rest.send("POST", path, {"text": "Once."}, user=STAFF, key="note-1")).status == 201
    assert len((await rest.ok("GET", path, user=STAFF))["items"]) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": "a\u0000b"}, "text"),
        ({"text": "x" * 20_001}, "text"),
        ({"text": "x", "audience": "everybody"}, "audience"),
        ({"text": "x", "author_id": "me"}, "author_id"),
    ],
)
async def test_a_refused_note_is_not_written(rest, orders, placed, body, field):
    refused = await rest.send("POST", f"/orders/{(await placed()).id}/notes", body, user=STAFF)
    assert (refused.status, refused.body["field"]) == (422, field)
    assert await orders.db.fetchval("SELECT count(*) FROM order_notes") == 0


async def test_what_is_anothers_does_not_exist(rest, placed, ada):
    path = f"/orders/{(await placed()).id}"
    for what in ("notes", "timeline"):
        assert (await rest.send("GET", f"{path}/{what}", user=ada)).problem == "order-not-found"
        assert (await rest.send("GET", f"{path}/{what}")).status == 401
        wrong = await rest.send("GET", f"{path}/{what}?cursor=x", user=STAFF)
        assert (wrong.status, wrong.body["field"]) == (422, "cursor")
    assert (await rest.send("POST", f"{path}/notes", {"text": "mine"}, user=ada)).status == 403
    assert (await rest.send("POST", f"/orders/{uuid7()}/notes", {"text": "x"}, user=STAFF)).problem == "order-not-found"
