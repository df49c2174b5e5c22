"""The contract, over the channel that services in one process use."""

from functools import partial

import msgspec
import pytest

from stoa.contracts.common.v1 import common_pb2
from stoa.contracts.order.v1.order_pb2 import (
    AbandonOrderRequest,
    ConfirmOrderRequest,
    CreateOrderRequest,
    DeliveryEstimate,
    GetOrderRequest,
    GetStandingsRequest,
    OrderItem,
    OrderTax,
)
from stoa.contracts.order.v1.order_pb2_grpc import OrderServiceStub, add_OrderServiceServicer_to_server
from stoa.kit import problems
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.channels.registry import Registry
from stoa.kit.ids import uuid7
from stoa.services.order.rpc import OrderServicer


@pytest.fixture
async def stub(orders):
    registry = Registry()
    partial(add_OrderServiceServicer_to_server, OrderServicer(orders))(registry)
    channel = InProcessChannel(registry)
    yield OrderServiceStub(channel)
    await channel.close()


def gbp(amount: int) -> common_pb2.Money:
    return common_pb2.Money(amount_minor=amount, currency="GBP")


def request(**changes) -> CreateOrderRequest:
    given = {
        "checkout_id": uuid7(),
        "order_id": uuid7(),
        "email": "guest@example.com",
        "items": [OrderItem(product_id=uuid7(), sku="MUG", name="Mug", unit_price=gbp(1000), quantity=2, tax=gbp(400))],
        "subtotal": gbp(2000),
        "discount": gbp(0),
        "shipping": gbp(500),
        "tax": gbp(500),
        "total": gbp(3000),
        "shipping_method": "standard",
        "shipping_address": common_pb2.Address(name="Ada", line1="1", city="London", country="GB"),
        "payment_id": uuid7(),
        "reservation_key": "r",
    }
    return CreateOrderRequest(**(given | changes))


async def test_create_confirm_and_get(stub):
    asked = request()
    created = msgspec.json.decode((await stub.CreateOrder(asked)).order_json)
    assert (created["status"], created["user_id"], created["billing_address"]) == (
        "pending",
        None,
        created["shipping_address"],
    )
    assert (await stub.CreateOrder(asked)).order_json == (
        await stub.GetOrder(GetOrderRequest(checkout_id=asked.checkout_id))
    ).order_json
    confirmed = msgspec.json.decode((await stub.ConfirmOrder(ConfirmOrderRequest(order_id=asked.order_id))).order_json)
    assert (confirmed["status"], confirmed["payment_status"]) == ("confirmed", "paid")
    got = await stub.GetOrder(GetOrderRequest(order_id=asked.order_id))
    assert (got.order_id, got.status, got.payment_status) == (asked.order_id, "confirmed", "paid")
    with pytest.raises(problems.Conflict) as late:
        await stub.AbandonOrder(AbandonOrderRequest(checkout_id=asked.checkout_id))
    assert late.value.type == "/problems/order-state"


async def test_abandoned_first(stub):
    asked = request()
    await stub.AbandonOrder(AbandonOrderRequest(checkout_id=asked.checkout_id, reason="declined"))
    with pytest.raises(problems.Conflict) as refusal:
        await stub.CreateOrder(asked)
    assert refusal.value.type == "/problems/order-abandoned"
    for unknown in (GetOrderRequest(checkout_id=asked.checkout_id), GetOrderRequest(order_id=uuid7())):
        with pytest.raises(problems.NotFound):
            await stub.GetOrder(unknown)


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"total": gbp(2999)}, "total"), ({"items": []}, "items"), ({"subtotal": gbp(1)}, "subtotal")],
)
async def test_what_does_not_add_up_is_not_written(stub, orders, changes, field):
    with pytest.raises(problems.Unprocessable) as refusal:
        await stub.CreateOrder(request(**changes))
    assert refusal.value.field == field
    assert await orders.db.fetchval("SELECT count(*) FROM checkouts") == 0


async def test_its_taxes_and_how_it_comes_are_kept(stub):
    asked = request(
        total=gbp(2500),
        tax_included=True,
        taxes=[
            OrderTax(name="GST", rate="5", base=gbp(2000), amount=gbp(100)),
            OrderTax(name="QST", base=gbp(2000), amount=gbp(400)),
        ],
        shipping_method="standard",
        shipping_name="Standard delivery",
        pickup=True,
        delivery_estimate=DeliveryEstimate(earliest="2026-12-01", latest="2026-12-03"),
    )
    created = msgspec.json.decode((await stub.CreateOrder(asked)).order_json)
    assert (created["tax_included"], created["total"]["amount"]) == (True, 2500)
    assert created["taxes"] == [
        {"name": "GST", "rate": "5", "base": _money(2000), "amount": _money(100)},
        {"name": "QST", "rate": None, "base": _money(2000), "amount": _money(400)},
    ]
    assert (created["shipping_name"], created["pickup"]) == ("Standard delivery", True)
    assert created["delivery_estimate"] == {"earliest": "2026-12-01", "latest": "2026-12-03"}
    without = msgspec.json.decode((await stub.CreateOrder(request())).order_json)
    said = [without[name] for name in ("tax_included", "taxes", "shipping_name", "pickup", "delivery_estimate")]
    assert said == [False, [], "", False, None]


def _money(amount: int) -> dict[str, object]:
    return {"amount": amount, "currency": "GBP"}


async def test_what_was_promised_of_what_is_not_on_hand_stays_on_the_line(stub):
    items = [
        OrderItem(product_id=uuid7(), sku=sku, name=sku, unit_price=gbp(1000), quantity=1, tax=gbp(100))
        for sku in ("THERE", "LATER", "NEW")
    ]
    items[1].promise, items[1].promised_on = "ships_by", "2026-12-05"
    items[2].promise, items[2].promised_on = "preorder_from", "2099-01-31"
    asked = request(items=items, subtotal=gbp(3000), total=gbp(4000))
    promises = [None, {"kind": "ships_by", "on": "2026-12-05"}, {"kind": "preorder_from", "on": "2099-01-31"}]
    created = msgspec.json.decode((await stub.CreateOrder(asked)).order_json)
    assert [item["promise"] for item in created["items"]] == promises
    asked.items[1].promised_on = "2027-12-05"
    again = msgspec.json.decode((await stub.CreateOrder(asked)).order_json)
    assert again == created, "it is what it was told first"
    confirmed = (await stub.ConfirmOrder(ConfirmOrderRequest(order_id=created["id"]))).order_json
    assert [item["promise"] for item in msgspec.json.decode(confirmed)["items"]] == promises


@pytest.mark.parametrize(("promise", "day", "field"), [("soon", "2026-12-05", "kind"), ("ships_by", "soon", "on")])
async def test_a_promise_that_is_none_is_refused(stub, orders, promise, day, field):
    asked = request()
    asked.items[0].promise, asked.items[0].promised_on = promise, day
    with pytest.raises(problems.Unprocessable) as refused:
        await stub.CreateOrder(asked)
    assert refused.value.field == field
    assert await orders.db.fetchval("SELECT count(*) FROM checkouts") == 0


async def test_what_orders_keep(stub):
    pending, placed = request(), request()
    for asked in (pending, placed):
        await stub.CreateOrder(asked)
    await stub.ConfirmOrder(ConfirmOrderRequest(order_id=placed.order_id))
    ids = [pending.order_id, placed.order_id, uuid7()]
    found = {one.order_id: one for one in (await stub.GetStandings(GetStandingsRequest(order_ids=ids))).standings}
    assert {key: (one.status, one.total, one.kept) for key, one in found.items()} == {
        pending.order_id: ("pending", gbp(3000), gbp(0)),
        placed.order_id: ("confirmed", gbp(3000), gbp(3000)),
    }
    with pytest.raises(problems.Unprocessable) as refusal:
        await stub.GetStandings(GetStandingsRequest(order_ids=[uuid7()] * 1001))
    assert refusal.value.field == "order_ids"


def line(sku: str, **more) -> OrderItem:
    return OrderItem(product_id=uuid7(), sku=sku, name=sku, unit_price=gbp(1000), quantity=1, tax=gbp(0), **more)


async def test_each_line_says_its_discount_or_none_does(stub):
    figures = {"discount": gbp(500), "total": gbp(2500)}
    said = request(items=[line("MUG", discount=gbp(0)), line("CUP", discount=gbp(500))], **figures)
    order = msgspec.json.decode((await stub.CreateOrder(said)).order_json)
    assert [item["discount"]["amount"] for item in order["items"]] == [0, 500]
    unsaid = request(items=[line("MUG"), line("CUP")], **figures)
    order = msgspec.json.decode((await stub.CreateOrder(unsaid)).order_json)
    assert [item["discount"]["amount"] for item in order["items"]] == [250, 250]
    with pytest.raises(problems.Problem) as refusal:
        await stub.CreateOrder(request(items=[line("MUG", discount=gbp(500)), line("CUP")], **figures))
    assert refusal.value.field == "items"
