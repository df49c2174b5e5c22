"""An order leaves in parcels: each tells what is in it, and no unit leaves twice."""

import asyncio

import pytest
from counting import Counting

from stoa.kit.context import Principal
from stoa.kit.ids import uuid7
from stoa.kit.permissions import ALL
from stoa.services.order import orders_over, repository
from stoa.services.order.deliver_order import deliver_order
from stoa.services.order.errors import ArrivedBefore, GoodsToComeYet, MoreThanLeft, NoSuchShipment, WrongState
from stoa.services.order.new_order import NewItem
from stoa.services.order.receive_return import take_back
from stoa.services.order.ship_order import Parcel, ship_order
from stoa.testing import new_user

ADMIN = Principal(uuid7(), "admin@example.com", frozenset({"admin"}), "s", ALL)
STAFF = new_user("admin")


async def ship(orders, order, items=None, number="JD01"):
    parcel = Parcel(carrier="DHL", tracking_number=number, items=items)
    return await ship_order(orders, order.id, ADMIN, parcel)


def states_of(order) -> tuple[str, str, int]:
    return order.status, order.fulfillment, order.version


async def test_two_parcels_from_confirmed_to_delivered(orders, placed, announced):
    order = await placed()
    first = await ship(orders, order, [("MUG", 1), ("SPOON", 3)])
    assert states_of(first) == ("processing", "partially_shipped", 3)
    arrived = await deliver_order(orders, order.id, ADMIN)
    assert states_of(arrived) == ("processing", "partially_shipped", 4)
    second = await ship(orders, order, number="JD02")
    assert states_of(second) == ("shipped", "partially_delivered", 5)
    assert [(parcel.number, parcel.items) for parcel in second.shipments] == [
        (1, (("MUG", 1), ("SPOON", 3))),
        (2, (("MUG", 1),)),
    ]
    last = await deliver_order(orders, order.id, ADMIN, second.shipments[1].id)
    assert states_of(last) == ("delivered", "delivered", 6)

    one, two = (parcel.id for parcel in last.shipments)
    mug, spoons = {"sku": "MUG", "name": "Mug", "quantity": 1}, {"sku": "SPOON", "name": "Spoon", "quantity": 3}
    about = {"order_id": order.id, "number": order.number, "email": "ada@example.com"}
    by = {"carrier": "DHL", "tracking_url": None}
    assert (await announced())[1:] == [
        (
            "order.shipped",
            3,
            about
            | by
            | {
                "shipment_id": one,
                "tracking_number": "JD01",
                "items": [mug, spoons],
                "complete": False,
            },
        ),
        ("order.delivered", 4, about | {"shipment_ids": [one], "items": [mug, spoons], "complete": False}),
        (
            "order.shipped",
            5,
            about
            | by
            | {
                "shipment_id": two,
                "tracking_number": "JD02",
                "items": [mug],
                "complete": True,
            },
        ),
        ("order.delivered", 6, about | {"shipment_ids": [two], "items": [mug], "complete": True}),
    ]
    history = await repository.read_history(orders.db, order.id)
    assert [(line.status, line.reason) for line in history[2:]] == [
        ("processing", "handed to DHL"),
        ("shipped", "handed to DHL"),
        ("delivered", "delivered"),
    ]


async def test_parcels_as_they_are_shown(rest, placed):
    ada = new_user()
    order = await placed(user_id=ada.id)
    path = f"/orders/{order.id}"
    parcel = {
        "carrier": "DHL",
        "tracking_number": "JD01",
        "tracking_url": "https://track.example.com/JD01?a=1",
        "items": [{"sku": "SPOON", "quantity": 2}],
    }
    shown = await rest.ok("POST", f"{path}/ship", parcel, user=STAFF)
    (first,) = shown["shipments"]
    assert first == parcel | {
        "id": first["id"],
        "number": 1,
        "shipped_at": first["shipped_at"],
        "delivered_at": None,
    }
    assert (shown["status"], shown["fulfillment_status"]) == ("processing", "partially_shipped")
    assert [(item["shipped_quantity"], item["canceled_quantity"]) for item in shown["items"]] == [(0, 0), (2, 0)]
    await rest.ok("POST", f"{path}/ship", {"carrier": "UPS", "tracking_number": "1Z"}, user=STAFF)
    whole = await rest.ok("POST", f"{path}/deliver", {"shipment_id": first["id"].upper()}, user=STAFF)
    assert (whole["status"], whole["fulfillment_status"]) == ("shipped", "partially_delivered")
    assert whole["tracking"] == {
        "carrier": "UPS",
        "tracking_number": "1Z",
        "shipped_at": whole["shipments"][1]["shipped_at"],
        "delivered_at": None,
    }
    assert whole["shipments"][0]["delivered_at"] > first["shipped_at"]
    assert (await rest.ok("GET", f"{path}/shipments", user=ada))["items"] == whole["shipments"]
    assert (await rest.ok("GET", path, user=ada))["shipments"] == whole["shipments"]
    assert (await rest.ok("GET", "/orders", user=ada))["items"][0]["shipments"] == whole["shipments"]
    assert (await rest.send("GET", f"{path}/shipments", user=new_user())).problem == "order-not-found"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"items": []}, 422, "items"),
        ({"items": [{"sku": "MUG", "quantity": 0}]}, 422, "items[0].quantity"),
        ({"items": [{"sku": "MUG", "quantity": 1, "price": 1}]}, 422, "items[0].price"),
        ({"items": [{"sku": "FORK", "quantity": 1}]}, 422, "items[0].sku"),
        ({"items": [{"sku": "MUG", "quantity": 1}] * 2}, 422, "items[1].sku"),
        ({"items": [{"sku": "SPOON", "quantity": 3}, {"sku": "MUG", "quantity": 3}]}, 409, "items[1].quantity"),
        ({"tracking_url": "javascript:alert(1)"}, 422, "tracking_url"),
        ({"tracking_url": "http://track.example.com/1"}, 422, "tracking_url"),
        ({"tracking_url": "/media/track"}, 422, "tracking_url"),
        ({"carrier": ""}, 422, "carrier"),
    ],
)
async def test_a_refused_parcel_changes_nothing(rest, orders, placed, announced, body, status, field):
    order = await placed()
    refused = await rest.send(
        "POST", f"/orders/{order.id}/ship", {"carrier": "D", "tracking_number": "1"} | body, user=STAFF
    )
    assert (refused.status, refused.body["field"]) == (status, field)
    assert await repository.read_order(orders.db, order.id) == order
    assert [kind for kind, _, _ in await announced()] == ["order.placed"]


async def test_what_is_not_on_hand_waits_and_the_rest_leaves(orders, placed, goods):
    order = await placed()
    goods[order.reservation_key] = {"SPOON": 2}
    for items in (None, [("SPOON", 2)], [("MUG", 1), ("SPOON", 3)]):
        with pytest.raises(GoodsToComeYet) as refusal:
            await ship(orders, order, items)
        assert refusal.value.members["skus"] == [{"sku": "SPOON", "quantity": 2}]
    assert await repository.read_order(orders.db, order.id) == order
    first = await ship(orders, order, [("MUG", 2), ("SPOON", 1)])
    assert states_of(first) == ("processing", "partially_shipped", 3)
    goods.clear()
    assert states_of(await ship(orders, order)) == ("shipped", "shipped", 4)


async def test_two_parcels_with_the_same_units_at_once(orders, placed, announced):
    for _ in range(10):
        order = await placed()
        results = await asyncio.gather(
            *(ship(orders, order, [("MUG", 2), ("SPOON", 1)]) for _ in range(3)), return_exceptions=True
        )
        assert sorted(type(result).__name__ for result in results) == ["MoreThanLeft", "MoreThanLeft", "Order"]
        stored = await repository.read_order(orders.db, order.id)
        assert [item.shipped_quantity for item in stored.items] == [2, 1]
        assert len(stored.shipments) == 1
    assert [kind for kind, _, _ in await announced()].count("order.shipped") == 10


async def test_two_parcels_with_other_units_at_once_both_leave(orders, placed):
    order = await placed()
    await asyncio.gather(ship(orders, order, [("MUG", 2)]), ship(orders, order, [("SPOON", 3)]))
    stored = await repository.read_order(orders.db, order.id)
    assert states_of(stored) == ("shipped", "shipped", 4)
    assert [parcel.number for parcel in stored.shipments] == [1, 2]


async def test_a_parcel_comes_back_while_the_rest_waits(orders, placed):
    order = await placed()
    await ship(orders, order, [("MUG", 2)])
    back = await take_back(orders, order.id, ADMIN, [("MUG", 2)], "broke")
    assert back.refund.amount == 3998 + 800
    assert states_of(await repository.read_order(orders.db, order.id)) == ("processing", "partially_shipped", 4)
    with pytest.raises(Exception, match="0 can still be returned") as refusal:
        await take_back(orders, order.id, ADMIN, [("SPOON", 1)], "not here yet")
    assert refusal.value.field == "items[0].quantity"
    await ship(orders, order)
    await take_back(orders, order.id, ADMIN, [("SPOON", 3)], "too")
    assert states_of(await repository.read_order(orders.db, order.id)) == ("returned", "returned", 6)


async def test_a_parcel_arrives_once(orders, placed):
    order = await placed()
    with pytest.raises(WrongState):
        await deliver_order(orders, order.id, ADMIN)
    (parcel,) = (await ship(orders, order, [("MUG", 1)])).shipments
    with pytest.raises(NoSuchShipment) as unknown:
        await deliver_order(orders, order.id, ADMIN, uuid7())
    assert (unknown.value.status, unknown.value.type) == (404, "/problems/shipment-not-found")
    results = await asyncio.gather(
        *(deliver_order(orders, order.id, ADMIN, parcel.id) for _ in range(3)), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["ArrivedBefore", "ArrivedBefore", "Order"]
    before = await repository.read_order(orders.db, order.id)
    with pytest.raises(ArrivedBefore) as refusal:
        await deliver_order(orders, order.id, ADMIN, parcel.id)
    assert (refusal.value.status, refusal.value.type) == (409, "/problems/shipment-delivered")
    with pytest.raises(WrongState):
        await deliver_order(orders, order.id, ADMIN)
    assert await repository.read_order(orders.db, order.id) == before


async def test_a_repeat_under_the_same_key_is_one_parcel(rest, orders, placed):
    order = await placed()
    body = {"carrier": "DHL", "tracking_number": "1", "items": [{"sku": "MUG", "quantity": 1}]}
    answers = [await rest.send("POST", f"/orders/{order.id}/ship", body, user=STAFF, key="parcel-1") for _ in range(2)]
    assert answers[0].body == answers[1].body
    stored = await repository.read_order(orders.db, order.id)
    assert [item.shipped_quantity for item in stored.items] == [1, 0]


@pytest.mark.parametrize("lines", [1, 20, 1000])
async def test_a_parcel_costs_the_same_whatever_is_in_it(orders, placed, payments, lines):
    counting = Counting(orders.db)
    service = orders_over(counting, orders.outbox, payments.now, payments.now, orders.allocation_of)
    items = [
        NewItem(product_id=uuid7(), sku=f"S{n}", name="S", unit_price_minor=1, quantity=2, tax_minor=0)
        for n in range(lines)
    ]
    sums = {"subtotal_minor": 2 * lines, "shipping_minor": 0, "tax_minor": 0, "total_minor": 2 * lines}
    order = await placed(items=items, **sums)
    await service.reading.get(order.id)
    await counting.taken()
    await ship(service, order, [(item.sku, 1) for item in items])
    shipping = len(await counting.taken())
    await deliver_order(service, order.id, ADMIN)
    assert (shipping, len(await counting.taken())) == (10, 8)
    await service.close()
    await counting.close()


async def test_more_than_is_left_is_refused_with_what_is(orders, placed):
    order = await placed()
    await ship(orders, order, [("SPOON", 2)])
    with pytest.raises(MoreThanLeft) as refusal:
        await ship(orders, order, [("SPOON", 2)])
    assert refusal.value.document() == {
        "type": "/problems/more-than-left",
        "title": "More than is left to send",
        "status": 409,
        "detail": "1 are left to be sent.",
        "field": "items[0].quantity",
        "sku": "SPOON",
        "left": 1,
    }
