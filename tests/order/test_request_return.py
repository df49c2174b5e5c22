"""A buyer asks, the staff decides and receives: until the goods are here nothing moves."""

import asyncio

import asyncpg
import pytest

from stoa.kit.context import Principal
from stoa.kit.ids import uuid7
from stoa.kit.money import Money
from stoa.kit.permissions import ALL
from stoa.services.order import repository, returns_repository
from stoa.services.order.cancel_return import cancel_return
from stoa.services.order.decide_return import approve_return, refuse_return
from stoa.services.order.errors import (
    DuplicateLine,
    MoreThanAsked,
    MoreThanBought,
    MoreUnfitThanCame,
    NoSuchOrder,
    NoSuchReturn,
    NotInOrder,
    NotInReturn,
    WrongReturnState,
    WrongState,
)
from stoa.services.order.receive_return import receive_return, take_back
from stoa.services.order.refunds import Came
from stoa.services.order.request_return import request_return
from stoa.services.order.return_states import ReturnStatus
from stoa.services.order.ship_order import Parcel, ship_order
from stoa.services.order.states import Status

ADMIN = Principal(uuid7(), "admin@example.com", frozenset({"admin"}), "s", ALL)


def buyer(order) -> Principal:
    return Principal(order.user_id, order.email, frozenset({"customer"}), "s")


def gbp(amount: int) -> Money:
    return Money(amount, "GBP")


@pytest.fixture
async def shipped(orders, placed):
    """Two mugs, worth 2399 each with their tax, and three spoons, worth 400, 400 and 399."""
    order = await placed()
    return await ship_order(orders, order.id, ADMIN, Parcel(carrier="DHL", tracking_number="JD01"))


async def units(orders, order_id: str) -> dict[str, tuple[int, int]]:
    """Of each SKU: what is back, and what is asked for."""
    order = await repository.read_order(orders.db, order_id)
    return {item.sku: (item.returned_quantity, item.requested_quantity) for item in order.items}


async def history(orders, return_id: str) -> list[tuple[str | None, str, str, str]]:
    changes = await returns_repository.read_return_history(orders.db, return_id)
    return [(change.from_status, change.status, change.reason, change.actor) for change in changes]


async def test_asked_for_approved_and_received(orders, shipped, announced):
    asked = await request_return(orders, shipped.id, buyer(shipped), [("MUG", 2), ("SPOON", 1)], "one broke")
    assert (asked.status, asked.reason, asked.refund) == (ReturnStatus.REQUESTED, "one broke", gbp(0))
    assert [(line.sku, line.quantity, line.received) for line in asked.lines] == [("MUG", 2, 0), ("SPOON", 1, 0)]
    assert await units(orders, shipped.id) == {"MUG": (0, 2), "SPOON": (0, 1)}
    approved = await approve_return(orders, shipped.id, asked.id, ADMIN)
    assert approved.status is ReturnStatus.APPROVED
    untouched = await repository.read_order(orders.db, shipped.id)
    assert (untouched.status, untouched.refund_due) == (Status.SHIPPED, gbp(0))

    # One mug did not come, and the spoon came bent.
    came = [Came("MUG", 1, unfit=0), Came("SPOON", 1, unfit=1)]
    received = await receive_return(orders, shipped.id, asked.id, ADMIN, came)
    assert (received.status, received.refund) == (ReturnStatus.RECEIVED, gbp(2399 + 400))
    assert [(line.sku, line.quantity, line.received, line.restocked) for line in received.lines] == [
        ("MUG", 2, 1, 1),
        ("SPOON", 1, 1, 0),
    ]
    assert await units(orders, shipped.id) == {"MUG": (1, 0), "SPOON": (1, 0)}
    assert (await repository.read_order(orders.db, shipped.id)).refund_due == gbp(2799)
    assert await history(orders, asked.id) == [
        (None, "requested", "one broke", "customer"),
        ("requested", "approved", "approved", "staff"),
        ("approved", "received", "received", "staff"),
    ]
    told = [(kind, version, data) for kind, version, data in await announced() if "return" in kind]
    assert [(kind, version) for kind, version, _ in told] == [
        ("order.return_requested", 4),
        ("order.return_approved", 5),
        ("order.returned", 6),
    ]
    assert told[0][2] == {
        "order_id": shipped.id,
        "number": shipped.number,
        "email": "ada@example.com",
        "return_id": asked.id,
        "items": [{"sku": "MUG", "quantity": 2}, {"sku": "SPOON", "quantity": 1}],
        "reason": "one broke",
    }
    assert told[2][2]["items"] == [
        {"sku": "MUG", "quantity": 1, "restock": 1},
        {"sku": "SPOON", "quantity": 1, "restock": 0},
    ]
    assert told[2][2]["refund"] == {"amount": 2799, "currency": "GBP"}


@pytest.mark.parametrize("end", ["refused", "refused after approval", "canceled", "canceled after approval"])
async def test_what_does_not_come_back_may_be_asked_for_again(orders, shipped, announced, end):
    asked = await request_return(orders, shipped.id, buyer(shipped), [("MUG", 2)], "x")
    with pytest.raises(MoreThanBought) as refusal:
        await request_return(orders, shipped.id, buyer(shipped), [("MUG", 1)], "the same once more")
    assert (refusal.value.field, refusal.value.members["returnable"]) == ("items[0].quantity", 0)
    if "after approval" in end:
        await approve_return(orders, shipped.id, asked.id, ADMIN)
    if "refused" in end:
        ended = await refuse_return(orders, shipped.id, asked.id, ADMIN, "they were used")
        assert (await history(orders, asked.id))[-1][1:] == ("refused", "they were used", "staff")
        assert (await announced())[-1][0] == "order.return_refused"
        assert (await announced())[-1][2]["reason"] == "they were used"
    else:
        ended = await cancel_return(orders, shipped.id, asked.id, buyer(shipped))
        assert (await history(orders, asked.id))[-1][1:] == ("canceled", "called off", "customer")
    assert ended.status == end.split()[0]
    assert await units(orders, shipped.id) == {"MUG": (0, 0), "SPOON": (0, 0)}
    await request_return(orders, shipped.id, buyer(shipped), [("MUG", 2)], "again")
    assert "order.returned" not in [kind for kind, _, _ in await announced()]


async def test_what_has_ended_goes_nowhere(orders, shipped, announced):
    asked = await request_return(orders, shipped.id, buyer(shipped), [("MUG", 1)], "x")
    await receive_return(orders, shipped.id, asked.id, ADMIN, [Came("MUG", 1, unfit=0)])
    before = (await repository.read_order(orders.db, shipped.id), await announced())
    for act in (
        approve_return(orders, shipped.id, asked.id, ADMIN),
        refuse_return(orders, shipped.id, asked.id, ADMIN, "no"),
        cancel_return(orders, shipped.id, asked.id, buyer(shipped)),
        receive_return(orders, shipped.id, asked.id, ADMIN, [Came("MUG", 1, unfit=0)]),
    ):
        with pytest.raises(WrongReturnState) as refusal:
            await act
        assert refusal.value.members["from"] == "received"
    assert (await repository.read_order(orders.db, shipped.id), await announced()) == before


@pytest.mark.parametrize(
    ("wanted", "failure"),
    [
        ([("MUG", 3)], MoreThanBought),
        ([("MUG", 1), ("SPOON", 4)], MoreThanBought),
        ([("FORK", 1)], NotInOrder),
        ([("MUG", 1), ("MUG", 1)], DuplicateLine),
    ],
)
async def test_a_refused_request_changes_nothing(orders, shipped, announced, wanted, failure):
    before = (await repository.read_order(orders.db, shipped.id), await announced())
    with pytest.raises(failure):
        await request_return(orders, shipped.id, buyer(shipped), wanted, "x")
    assert (await repository.read_order(orders.db, shipped.id), await announced()) == before
    assert await orders.db.fetchval("SELECT count(*) FROM returns") == 0


@pytest.mark.parametrize(
    ("came", "failure"),
    [
        ([Came("MUG", 2, 0)], MoreThanAsked),
        ([Came("MUG", 1, 0), Came("SPOON", 1, 0)], NotInReturn),
        ([Came("MUG", 1, 0), Came("MUG", 1, 0)], DuplicateLine),
        ([Came("MUG", 1, 2)], MoreUnfitThanCame),
    ],
)
async def test_a_refused_arrival_changes_nothing(orders, shipped, announced, came, failure):
    asked = await request_return(orders, shipped.id, buyer(shipped), [("MUG", 1)], "x")
    before = (await repository.read_order(orders.db, shipped.id), await announced())
    with pytest.raises(failure):
        await receive_return(orders, shipped.id, asked.id, ADMIN, came)
    assert (await repository.read_order(orders.db, shipped.id), await announced()) == before
    assert await returns_repository.read_return(orders.db, shipped.id, asked.id) == asked


async def test_the_same_units_are_asked_for_once(orders, shipped):
    """Four tabs of the buyer and a person at the counter, all at once, for the same two mugs."""
    results = await asyncio.gather(
        *(request_return(orders, shipped.id, buyer(shipped), [("MUG", 2)], "x") for _ in range(4)),
        take_back(orders, shipped.id, ADMIN, [("MUG", 2)], "at the counter"),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["MoreThanBought"] * 4 + ["Return"]
    assert sum((await units(orders, shipped.id))["MUG"]) == 2
    assert await orders.db.fetchval("SELECT count(*) FROM returns") == 1


async def test_a_return_is_received_once_or_called_off(orders, shipped, announced):
    asked = await request_return(orders, shipped.id, buyer(shipped), [("MUG", 2)], "x")
    results = await asyncio.gather(
        *(receive_return(orders, shipped.id, asked.id, ADMIN, [Came("MUG", 2, unfit=0)]) for _ in range(4)),
        cancel_return(orders, shipped.id, asked.id, buyer(shipped)),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["Return"] + ["WrongReturnState"] * 4
    back, still_asked = (await units(orders, shipped.id))["MUG"]
    assert (back in {0, 2}, still_asked) == (True, 0)
    refunds = [data["refund"]["amount"] for kind, _, data in await announced() if kind == "order.returned"]
    assert refunds == ([4798] if back else [])


async def test_the_last_unit_that_is_received_ends_the_order(orders, shipped):
    asked = await request_return(orders, shipped.id, buyer(shipped), [("MUG", 2), ("SPOON", 3)], "all of it")
    came = [Came("MUG", 2, unfit=2), Came("SPOON", 3, unfit=0)]
    received = await receive_return(orders, shipped.id, asked.id, ADMIN, came)
    assert received.refund == gbp(2 * 2399 + 1199)
    order = await repository.read_order(orders.db, shipped.id)
    assert (order.status, order.refund_due) == (Status.RETURNED, gbp(5997))
    assert (await repository.read_history(orders.db, shipped.id))[-1].reason == "all of it"


async def test_only_what_was_shipped_and_only_its_buyer(orders, placed, shipped):
    early = await placed()
    with pytest.raises(WrongState):
        await request_return(orders, early.id, buyer(early), [("MUG", 1)], "early")
    asked = await request_return(orders, shipped.id, buyer(shipped), [("MUG", 1)], "x")
    with pytest.raises(NoSuchOrder):
        await cancel_return(orders, shipped.id, asked.id, buyer(early))
    with pytest.raises(NoSuchReturn):
        await approve_return(orders, early.id, asked.id, ADMIN)
    assert (await returns_repository.read_return(orders.db, shipped.id, asked.id)).status is ReturnStatus.REQUESTED


async def test_the_schema_itself_counts_units_once(orders, shipped):
    with pytest.raises(asyncpg.CheckViolationError):
        await orders.db.execute(
            "UPDATE order_items SET requested_quantity = 2, returned_quantity = 1 WHERE sku = 'MUG'"
        )
