"""What is not paid is not shipped, nor what is not there: payment is asked, and what it says is remembered."""

import asyncio

import pytest

from stoa.kit.context import Principal
from stoa.kit.ids import uuid7
from stoa.kit.permissions import ALL
from stoa.services.order import repository
from stoa.services.order.errors import GoodsToComeYet, NotPaid, WrongState
from stoa.services.order.new_order import NewItem
from stoa.services.order.payment_status import PaymentState, PaymentStatus, PaymentTold
from stoa.services.order.ship_order import Parcel, ship_order
from stoa.services.order.states import Status
from stoa.services.order.view import payment_status_of

ADMIN = Principal(uuid7(), "admin@example.com", frozenset({"admin"}), "s", ALL)


async def ship(orders, order):
    return await ship_order(orders, order.id, ADMIN, Parcel(carrier="DHL", tracking_number="JD01"))


@pytest.mark.parametrize("gone", [6591, 0])
async def test_an_order_whose_money_goes_back_by_hand_stays(orders, placed, payments, announced, gone):
    """Whether it has gone back already or is only asked for."""
    order = await placed()
    payments.gave_by_hand(order.payment_id, 6591, refunded=gone)
    with pytest.raises(NotPaid) as refusal:
        await ship(orders, order)
    assert (refusal.value.status, refusal.value.type) == (409, "/problems/order-not-paid")
    stored = await repository.read_order(orders.db, order.id)
    assert (stored.status, stored.version, stored.shipments) == (Status.CONFIRMED, order.version, ())
    assert [kind for kind, _, _ in await announced()] == ["order.placed"]


async def test_what_was_heard_before_stops_it_too(orders, placed):
    """Payment answers from before the refund; its event was here first."""
    order = await placed()
    told = PaymentTold(order.payment_id, 9, PaymentState.REFUNDED, refunded_minor=6591, by_hand_minor=6591)
    async with orders.db.transaction() as tx:
        await repository.hear_payments(tx, [told])
    with pytest.raises(NotPaid):
        await ship(orders, order)
    stored = await repository.read_order(orders.db, order.id)
    assert (stored.status, payment_status_of(stored)) == (Status.CONFIRMED, PaymentStatus.REFUNDED)


async def test_a_payment_that_took_nothing_ships_nothing(orders, placed, payments):
    order = await placed()
    payments.told[order.payment_id] = None
    with pytest.raises(NotPaid):
        await ship(orders, order)
    assert (await repository.read_order(orders.db, order.id)).status is Status.CONFIRMED


async def test_a_part_that_went_back_stops_nothing(orders, placed, payments):
    order = await placed()
    payments.gave_by_hand(order.payment_id, 6590, version=7)
    shipped = await ship(orders, order)
    assert (shipped.status, payment_status_of(shipped)) == (Status.SHIPPED, PaymentStatus.PARTIALLY_REFUNDED)
    assert await orders.db.fetchval("SELECT payment_version FROM shipments") == 7


async def test_what_costs_nothing_is_shipped_without_a_payment(orders, placed, gratis):
    shipped = await ship(orders, await placed(**gratis))
    assert shipped.status is Status.SHIPPED


async def test_what_is_still_to_come_is_waited_for(orders, placed, payments, goods, announced):
    """And payment is not asked to keep what may be canceled yet."""
    order = await placed()
    goods[order.reservation_key] = {"MUG": 2, "SPOON": 1}
    payments.told[order.payment_id] = None
    with pytest.raises(GoodsToComeYet) as refusal:
        await ship(orders, order)
    said = refusal.value.document()
    assert (said["status"], said["type"]) == (409, "/problems/goods-to-come")
    assert said["skus"] == [{"sku": "MUG", "quantity": 2}, {"sku": "SPOON", "quantity": 1}]
    assert said["detail"] == "This is not on hand yet: 2 of MUG, 1 of SPOON. The rest can be sent without it."
    stored = await repository.read_order(orders.db, order.id)
    assert (stored.status, stored.version, stored.shipments) == (Status.CONFIRMED, order.version, ())
    assert [kind for kind, _, _ in await announced()] == ["order.placed"]
    payments.told.clear()
    goods.clear()
    assert (await ship(orders, order)).status is Status.SHIPPED


@pytest.fixture
def gratis():
    amounts = ("subtotal_minor", "discount_minor", "shipping_minor", "tax_minor", "total_minor")
    leaflet = NewItem(product_id=uuid7(), sku="LEAFLET", name="Leaflet", unit_price_minor=0, quantity=1, tax_minor=0)
    return {
        **dict.fromkeys(amounts, 0),
        "items": [leaflet],
        "payment_id": None,
    }


async def test_payment_is_asked_with_no_transaction_open_and_the_lock_decides(orders, placed, payments):
    """Two ship at once, both after the same answer: one parcel."""
    order = await placed()
    results = await asyncio.gather(ship(orders, order), ship(orders, order), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Order", "WrongState"]
    with pytest.raises(WrongState):
        await ship(orders, order)
    assert await orders.db.fetchval("SELECT count(*) FROM shipments") == 1
