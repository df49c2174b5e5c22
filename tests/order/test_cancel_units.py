"""Units that were not sent are called off while the rest of the order stands."""

from __future__ import annotations

import asyncio

import pytest
from counting import Counting

from stoa.kit.context import Principal
from stoa.kit.ids import uuid7
from stoa.kit.permissions import ALL
from stoa.services.order import orders_over, repository
from stoa.services.order.cancel_order import cancel_order
from stoa.services.order.deliver_order import deliver_order
from stoa.services.order.errors import MoreThanBought, NotPlacedYet, WrongState
from stoa.services.order.handlers import HANDLERS
from stoa.services.order.new_order import NewItem
from stoa.services.order.receive_return import take_back
from stoa.services.order.ship_order import Parcel, ship_order
from stoa.testing import new_user

from .test_payment_status import told

ADMIN = Principal(uuid7(), "admin@example.com", frozenset({"admin"}), "s", ALL)
STAFF = new_user("admin")


def buyer(order) -> Principal:
    return Principal(order.user_id, order.email, frozenset({"customer"}), "s")


async def ship(orders, order, items=None):
    return await ship_order(orders, order.id, ADMIN, Parcel(carrier="D", tracking_number="1", items=items))


async def test_some_units_and_then_the_rest(orders, placed, announced):
    """A mug is 19.99 with 4.00 tax, a spoon 3.33 with 0.67, 0.67 and 0.66: the first to go get what is over."""
    order = await placed()
    first = await cancel_order(orders, order.id, buyer(order), "too many", [("MUG", 1), ("SPOON", 1)])
    assert tuple(first.standing) == ("confirmed", "refund_pending", "unfulfilled")
    assert [item.canceled_quantity for item in first.items] == [1, 1]
    assert (first.version, first.refund_due.amount, first.left.amount) == (3, 2399 + 400, 6591 - 2799)
    kind, version, data = (await announced())[-1]
    assert (kind, version) == ("order.items_canceled", 3)
    assert data == {
        "order_id": order.id,
        "number": order.number,
        "email": "ada@example.com",
        "source": data["source"],
        "reason": "too many",
        "reservation_key": order.reservation_key,
        "payment_id": order.payment_id,
        "items": [
            {"sku": "MUG", "name": "Mug", "quantity": 1},
            {"sku": "SPOON", "name": "Spoon", "quantity": 1},
        ],
        "refund": {"amount": 2799, "currency": "GBP"},
    }
    # The last units take the shipping with them, and its tax.
    last = await cancel_order(orders, order.id, ADMIN, "all of it", [("SPOON", 2), ("MUG", 1)])
    assert tuple(last.standing) == ("canceled", "refund_pending", "canceled")
    assert [item.canceled_quantity for item in last.items] == [2, 3]
    assert (last.refund_due.amount, last.left.amount) == (6591, 0)
    kind, _, data = (await announced())[-1]
    assert (kind, data["refund"]["amount"], data["total"]["amount"]) == ("order.canceled", 6591 - 2799, 6591)
    with pytest.raises(WrongState):
        await cancel_order(orders, order.id, ADMIN, "again", [("MUG", 1)])


async def test_what_was_sent_stays_and_the_rest_is_called_off(orders, placed, announced):
    order = await placed()
    await ship(orders, order, [("MUG", 1)])
    rest = await cancel_order(orders, order.id, buyer(order), "the rest")
    assert tuple(rest.standing) == ("shipped", "refund_pending", "shipped")
    assert [(item.shipped_quantity, item.canceled_quantity) for item in rest.items] == [(1, 1), (0, 3)]
    # No shipping goes back: something was sent.
    assert rest.refund_due.amount == 2399 + 1199
    assert [kind for kind, _, _ in await announced()] == ["order.placed", "order.shipped", "order.items_canceled"]
    history = await repository.read_history(orders.db, order.id)
    assert [(line.status, line.reason, line.actor) for line in history[2:]] == [
        ("processing", "handed to D", "staff"),
        ("shipped", "the rest", "customer"),
    ]
    with pytest.raises(WrongState):
        await cancel_order(orders, order.id, buyer(order), "more")


async def test_it_is_delivered_or_returned_where_that_is_all_that_was_left(orders, placed):
    delivered, returned = await placed(), await placed()
    for order in (delivered, returned):
        await ship(orders, order, [("MUG", 2)])
    await deliver_order(orders, delivered.id, ADMIN)
    assert tuple((await cancel_order(orders, delivered.id, ADMIN, "rest")).standing)[::2] == ("delivered", "delivered")
    await take_back(orders, returned.id, ADMIN, [("MUG", 2)], "broke")
    last = await cancel_order(orders, returned.id, ADMIN, "rest")
    assert tuple(last.standing)[::2] == ("returned", "returned")
    assert last.refund_due.amount == 3998 + 800 + 999 + 200


async def test_what_comes_back_after_units_were_called_off_is_worth_the_rest(orders, placed):
    """Whatever happens to the units, together they are worth what the line cost."""
    order = await placed()
    await cancel_order(orders, order.id, ADMIN, "x", [("SPOON", 1)])
    await ship(orders, order)
    with pytest.raises(MoreThanBought) as refusal:
        await take_back(orders, order.id, ADMIN, [("SPOON", 3)], "x")
    assert refusal.value.members == {"sku": "SPOON", "returnable": 2}
    back = await take_back(orders, order.id, ADMIN, [("SPOON", 2), ("MUG", 2)], "x")
    assert back.refund.amount == 1199 - 400 + 4798
    assert (await repository.read_order(orders.db, order.id)).status == "returned"


async def test_an_operator_has_left_less(orders, placed, announced):
    order = await placed()
    by_hand = {"amount": 6000, "currency": "GBP"}
    sums = {"amount": by_hand, "refunded_total": by_hand, "by_hand": by_hand}
    heard = told("payment.refunded", 5, order.payment_id, refund_id=uuid7(), **sums)
    async with orders.db.transaction() as tx:
        await HANDLERS[heard.type](tx, heard)
    canceled = await cancel_order(orders, order.id, ADMIN, "x", [("MUG", 1)])
    assert (canceled.refund_due.amount, canceled.left.amount) == (591, 0)
    assert (await announced())[-1][2]["refund"]["amount"] == 591


async def test_payment_says_how_much_goes_back(orders, placed, announced):
    """Of units, and of an order that is canceled after that."""
    order = await placed()
    await cancel_order(orders, order.id, ADMIN, "x", [("MUG", 1)])
    source = (await announced())[-1][2]["source"]

    async def changed(name: str, amount: int) -> int:
        sum_ = {"amount": amount, "currency": "GBP"}
        heard = told("payment.refund_changed", 5, order.payment_id, order_id=order.id, source=name, amount=sum_)
        async with orders.db.transaction() as tx:
            await HANDLERS[heard.type](tx, heard)
        after = await repository.read_order(orders.db, order.id)
        assert after.kept == after.standing
        return after.refund_due.amount

    assert await changed(source, 2000) == 2000
    assert await changed(source, 2000) == 2000
    await cancel_order(orders, order.id, ADMIN, "all")
    assert (await repository.read_order(orders.db, order.id)).refund_due.amount == 6591
    assert await changed("cancel", 4000) == 6000
    assert await changed(source, 2399) == 6399


@pytest.mark.parametrize(
    ("items", "status", "problem", "field"),
    [
        ([], 422, "unprocessable", "items"),
        ([{"sku": "MUG", "quantity": 0}], 422, "unprocessable", "items[0].quantity"),
        ([{"sku": "FORK", "quantity": 1}], 422, "not-in-order", "items[0].sku"),
        ([{"sku": "MUG", "quantity": 1}] * 2, 422, "duplicate-line", "items[1].sku"),
        ([{"sku": "SPOON", "quantity": 1}, {"sku": "MUG", "quantity": 2}], 409, "more-than-left", "items[1].quantity"),
    ],
)
async def test_a_refused_cancellation_changes_nothing(rest, orders, placed, announced, items, status, problem, field):
    order = await placed()
    before, said = await ship(orders, order, [("MUG", 1)]), len(await announced())
    refused = await rest.send("POST", f"/orders/{order.id}/cancel", {"items": items}, user=STAFF)
    assert (refused.status, refused.problem, refused.body["field"]) == (status, problem, field)
    assert await repository.read_order(orders.db, order.id) == before
    assert len(await announced()) == said
    assert await orders.db.fetchval("SELECT count(*) FROM cancellations") == 0


async def test_of_what_is_not_placed_yet_all_or_nothing(orders, made, new_order, announced):
    order = await made(new_order())
    with pytest.raises(NotPlacedYet) as refusal:
        await cancel_order(orders, order.id, ADMIN, "x", [("MUG", 1)])
    assert (refusal.value.status, refusal.value.type) == (409, "/problems/order-not-placed")
    assert await repository.read_order(orders.db, order.id) == order
    canceled = await cancel_order(orders, order.id, ADMIN, "x", [("MUG", 2), ("SPOON", 3)])
    assert (canceled.status, await announced()) == ("canceled", [])


async def test_a_buyer_cancels_units_and_a_repeat_is_one(rest, orders, placed):
    ada = new_user()
    order = await placed(user_id=ada.id)
    body = {"reason": "one too many", "items": [{"sku": "MUG", "quantity": 1}]}
    path = f"/orders/{order.id}/cancel"
    answers = [await rest.send("POST", path, body, user=ada, key="one-mug") for _ in range(2)]
    assert answers[0].body == answers[1].body
    assert [item["canceled_quantity"] for item in answers[0].body["items"]] == [1, 0]
    assert (await repository.read_order(orders.db, order.id)).units["MUG"].canceled == 1
    assert (await rest.send("POST", path, body, user=new_user())).problem == "order-not-found"


async def test_the_same_units_are_sent_canceled_or_neither(orders, placed):
    for _ in range(12):
        order = await placed()
        results = await asyncio.gather(
            ship(orders, order, [("MUG", 2)]),
            cancel_order(orders, order.id, ADMIN, "x", [("MUG", 1)]),
            cancel_order(orders, order.id, buyer(order), "x", [("MUG", 2)]),
            return_exceptions=True,
        )
        assert sorted(type(result).__name__ for result in results) == ["MoreThanLeft", "MoreThanLeft", "Order"]
        stored = await repository.read_order(orders.db, order.id)
        assert stored.units["MUG"].to_ship in {0, 1}
        assert stored.kept == stored.standing


async def test_canceling_the_rest_while_what_was_sent_comes_back(orders, placed):
    for _ in range(8):
        order = await placed()
        await ship(orders, order, [("MUG", 2)])
        await asyncio.gather(
            take_back(orders, order.id, ADMIN, [("MUG", 2)], "x"), cancel_order(orders, order.id, ADMIN, "x")
        )
        stored = await repository.read_order(orders.db, order.id)
        assert tuple(stored.kept) == tuple(stored.standing) == ("returned", "refund_pending", "returned")
        assert stored.refund_due.amount == 4798 + 1199


@pytest.mark.parametrize("lines", [1, 20, 1000])
async def test_it_costs_the_same_whatever_is_canceled(orders, placed, payments, lines):
    counting = Counting(orders.db)
    service = orders_over(counting, orders.outbox, payments.now, payments.now, orders.allocation_of)
    items = [
        NewItem(product_id=uuid7(), sku=f"S{n}", name="S", unit_price_minor=1, quantity=2, tax_minor=0)
        for n in range(lines)
    ]
    sums = {"subtotal_minor": 2 * lines, "shipping_minor": 0, "tax_minor": 0, "total_minor": 2 * lines}
    order = await placed(items=items, **sums)
    await counting.taken()
    await cancel_order(service, order.id, ADMIN, "x", [(item.sku, 1) for item in items])
    assert len(await counting.taken()) == 9
    await service.close()
    await counting.close()
