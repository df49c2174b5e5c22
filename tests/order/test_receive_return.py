"""Goods come back in pieces, each in one act of the staff: never more than was bought, nor more money than was paid."""

import asyncio

import pytest

from stoa.kit.context import Principal
from stoa.kit.ids import uuid7
from stoa.kit.money import Money
from stoa.kit.permissions import ALL
from stoa.services.order import repository
from stoa.services.order.cancel_order import cancel_order
from stoa.services.order.deliver_order import deliver_order
from stoa.services.order.errors import DuplicateLine, MoreThanBought, NoSuchOrder, NotInOrder, WrongState
from stoa.services.order.payment_status import PaymentStatus
from stoa.services.order.receive_return import take_back
from stoa.services.order.ship_order import Parcel, ship_order
from stoa.services.order.states import Status
from stoa.services.order.view import payment_status_of

ADMIN = Principal(uuid7(), "admin@example.com", frozenset({"admin"}), "s", ALL)


def buyer(order) -> Principal:
    return Principal(order.user_id, order.email, frozenset({"customer"}), "s")


def gbp(amount: int) -> Money:
    return Money(amount, "GBP")


@pytest.fixture
async def shipped(orders, placed):
    order = await placed(discount_minor=500, total_minor=6091)
    return await ship_order(orders, order.id, ADMIN, Parcel(carrier="DHL", tracking_number="JD01"))


async def test_everything_in_three_parts(orders, shipped, announced):
    first = await take_back(orders, shipped.id, ADMIN, [("MUG", 1)], "one broke")
    await deliver_order(orders, shipped.id, ADMIN)
    second = await take_back(orders, shipped.id, ADMIN, [("SPOON", 2)], "too small")
    partly = await repository.read_order(orders.db, shipped.id)
    assert partly.status is Status.DELIVERED
    assert payment_status_of(partly) is PaymentStatus.REFUND_PENDING
    third = await take_back(orders, shipped.id, ADMIN, [("SPOON", 1), ("MUG", 1)], "all of it")

    # The mugs cost 3998 - 400 + 800 tax, the spoons 999 - 100 + 200.
    assert [made.refund for made in (first, second, third)] == [gbp(2199), gbp(734), gbp(2199 + 365)]
    assert first.refund + second.refund + third.refund == gbp(4997 - 500 + 1000)
    whole = await repository.read_order(orders.db, shipped.id)
    assert (whole.status, whole.refund_due) == (Status.RETURNED, gbp(5497))
    assert {item.sku: item.returned_quantity for item in whole.items} == {"MUG": 2, "SPOON": 3}
    events = [(version, data) for kind, version, data in await announced() if kind == "order.returned"]
    assert [version for version, _ in events] == [4, 6, 7]
    assert events[2][1] == {
        "order_id": shipped.id,
        "number": shipped.number,
        "email": "ada@example.com",
        "return_id": third.id,
        "reservation_key": shipped.reservation_key,
        "payment_id": shipped.payment_id,
        "items": [{"sku": "SPOON", "quantity": 1, "restock": 1}, {"sku": "MUG", "quantity": 1, "restock": 1}],
        "refund": {"amount": 2564, "currency": "GBP"},
    }
    with pytest.raises(WrongState):
        await take_back(orders, shipped.id, ADMIN, [("MUG", 1)], "once more")


@pytest.mark.parametrize(
    ("back", "failure"),
    [
        ([("MUG", 3)], MoreThanBought),
        ([("MUG", 1), ("SPOON", 4)], MoreThanBought),
        ([("FORK", 1)], NotInOrder),
        ([("MUG", 1), ("MUG", 1)], DuplicateLine),
    ],
)
async def test_a_refused_return_changes_nothing(orders, shipped, announced, back, failure):
    before = (await repository.read_order(orders.db, shipped.id), await announced())
    with pytest.raises(failure):
        await take_back(orders, shipped.id, ADMIN, back, "x")
    assert (await repository.read_order(orders.db, shipped.id), await announced()) == before
    assert await orders.db.fetchval("SELECT count(*) FROM returns") == 0


async def test_two_returns_of_the_same_units_at_once(orders, shipped, announced):
    results = await asyncio.gather(
        *(take_back(orders, shipped.id, ADMIN, [("MUG", 2)], "x") for _ in range(4)),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["MoreThanBought"] * 3 + ["Return"]
    stored = await repository.read_order(orders.db, shipped.id)
    assert (stored.items[0].returned_quantity, stored.refund_due) == (2, gbp(4398))
    assert [kind for kind, _, _ in await announced()].count("order.returned") == 1


async def test_a_return_pays_what_is_still_due(orders, shipped, payments, announced):
    """Of 6091 an operator gave 3000 back by hand: the mugs are worth 4398 and get the 3091 that are left."""
    payments.gave_by_hand(shipped.payment_id, 3000, refunded=0)
    mugs = await take_back(orders, shipped.id, ADMIN, [("MUG", 2)], "all broke")
    assert (mugs.status, mugs.refund) == ("received", gbp(3091))
    assert [(line.sku, line.net, line.tax) for line in mugs.lines] == [("MUG", gbp(3598), gbp(800))]
    stored = await repository.read_order(orders.db, shipped.id)
    assert (stored.refund_due, stored.by_hand, stored.left) == (gbp(3091), gbp(3000), gbp(0))
    assert payment_status_of(stored) is PaymentStatus.REFUND_PENDING
    spoons = await take_back(orders, shipped.id, ADMIN, [("SPOON", 3)], "those too")
    assert spoons.refund == gbp(0)
    assert [data["refund"]["amount"] for kind, _, data in await announced() if kind == "order.returned"] == [3091, 0]
    assert (await repository.read_order(orders.db, shipped.id)).refund_due == gbp(3091)


async def test_a_return_of_what_was_paid_back_already_pays_nothing(orders, shipped, payments):
    payments.gave_by_hand(shipped.payment_id, 6091)
    made = await take_back(orders, shipped.id, ADMIN, [("MUG", 2), ("SPOON", 3)], "after the void")
    assert made.refund == gbp(0)
    stored = await repository.read_order(orders.db, shipped.id)
    assert (stored.status, stored.refund_due) == (Status.RETURNED, gbp(0))
    assert payment_status_of(stored) is PaymentStatus.REFUNDED


async def test_only_what_was_shipped_and_only_its_buyer(orders, placed, shipped):
    order = await placed()
    with pytest.raises(WrongState):
        await take_back(orders, order.id, ADMIN, [("MUG", 1)], "early")
    await cancel_order(orders, order.id, buyer(order), "no")
    with pytest.raises(WrongState):
        await take_back(orders, order.id, ADMIN, [("MUG", 1)], "late")
    with pytest.raises(NoSuchOrder):
        await take_back(orders, shipped.id, buyer(order), [("MUG", 1)], "not mine")
