"""From checkout to confirmed order: once, whole, and announced in the same transaction."""

import asyncio

import asyncpg
import pytest
from msgspec.structs import replace

from stoa.kit.ids import uuid7
from stoa.kit.money import Money
from stoa.services.order import repository
from stoa.services.order.errors import NoSuchOrder, OrderAbandoned, WrongState
from stoa.services.order.payment_status import PaymentStatus
from stoa.services.order.states import Status
from stoa.services.order.view import payment_status_of


def gbp(amount: int) -> Money:
    return Money(amount, "GBP")


async def count(db, table: str) -> int:
    return await db.fetchval(f"SELECT count(*) FROM {table}")


async def test_a_new_order_is_pending_and_whole(orders, made, new_order):
    new = new_order()
    order = await made(new)
    assert (order.id, order.status, order.version) == (new.order_id, Status.PENDING, 1)
    assert order.number == "S-100001"
    assert [(item.sku, item.quantity, item.subtotal, item.tax) for item in order.items] == [
        ("MUG", 2, gbp(3998), gbp(800)),
        ("SPOON", 3, gbp(999), gbp(200)),
    ]
    assert (order.subtotal, order.discount, order.shipping) == (gbp(4997), gbp(0), gbp(495))
    assert (order.tax, order.total) == (gbp(1099), gbp(6591))
    assert order.shipping_address == new.shipping_address
    assert payment_status_of(order) is PaymentStatus.PENDING
    [first] = await repository.read_history(orders.db, order.id)
    assert (first.from_status, first.status, first.actor) == (None, Status.PENDING, "checkout")


async def test_a_discount_is_spread_over_the_lines(made, new_order):
    order = await made(new_order(discount_minor=1000, shipping_minor=0, tax_minor=1000, total_minor=4997))
    assert [item.discount for item in order.items] == [gbp(800), gbp(200)]


async def test_one_checkout_makes_one_order_in_one_batch_and_over_many(orders, made, new_order):
    new = new_order()
    same = await asyncio.gather(*(made(new) for _ in range(20)))
    again = await made(replace(new, order_id=uuid7(), email="eve@example.com"))
    assert {order.id for order in (*same, again)} == {new.order_id}
    assert again.email == "ada@example.com"
    assert (await count(orders.db, "orders"), await count(orders.db, "order_items")) == (1, 2)


async def test_a_bad_order_fails_alone(orders, new_order):
    good = [new_order() for _ in range(5)]
    bad = new_order(order_id=good[0].order_id)
    mixed = [*good, bad, new_order(user_id="not a uuid")]
    results = await asyncio.gather(*(orders.creations.submit(new) for new in mixed), return_exceptions=True)
    assert results[:5] == [new.order_id for new in good]
    assert isinstance(results[5], asyncpg.UniqueViolationError)
    assert isinstance(results[6], asyncpg.DataError)
    assert (await count(orders.db, "orders"), await count(orders.db, "checkouts")) == (5, 5)


async def test_the_database_refuses_what_does_not_add_up(orders, new_order):
    with pytest.raises(asyncpg.CheckViolationError):
        await orders.creations.submit(new_order(total_minor=6590))
    assert (await count(orders.db, "orders"), await count(orders.db, "checkouts")) == (0, 0)


async def test_an_abandoned_checkout_gets_no_order(orders, abandon, new_order):
    new = new_order()
    for _ in range(2):
        await abandon(new.checkout_id)
    with pytest.raises(OrderAbandoned):
        await orders.creations.submit(new)
    assert await count(orders.db, "orders") == 0


async def test_abandoning_cancels_in_silence(orders, abandon, new_order, announced):
    new = new_order()
    await orders.creations.submit(new)
    for _ in range(2):
        await abandon(new.checkout_id)
    order = await repository.read_order(orders.db, new.order_id)
    assert (order.status, order.version, order.refund_due) == (Status.CANCELED, 2, gbp(0))
    with pytest.raises(OrderAbandoned):
        await orders.creations.submit(new)
    with pytest.raises(OrderAbandoned):
        await orders.confirmations.submit(new.order_id)
    assert await announced() == []


async def test_creating_and_abandoning_at_once_leaves_no_pending_order(orders, abandon, new_order):
    for _ in range(15):
        new = new_order()
        made, _ = await asyncio.gather(orders.creations.submit(new), abandon(new.checkout_id), return_exceptions=True)
        stored = await repository.read_order(orders.db, new.order_id)
        assert stored is None or stored.status is Status.CANCELED
        if stored is None:
            assert isinstance(made, OrderAbandoned)


async def test_confirming_announces_the_order_once(orders, new_order, announced):
    new = new_order()
    await orders.creations.submit(new)
    first, *rest = await asyncio.gather(*(orders.confirmations.submit(new.order_id) for _ in range(5)))
    again = await orders.confirmations.submit(new.order_id)
    assert {order.version for order in (first, *rest, again)} == {2}
    assert first.status is Status.CONFIRMED
    assert payment_status_of(first) is PaymentStatus.PAID
    [(kind, version, data)] = await announced()
    assert (kind, version) == ("order.placed", 2)
    assert data == {
        "order_id": new.order_id,
        "number": first.number,
        "user_id": new.user_id,
        "email": "ada@example.com",
        "items": [
            {
                "sku": item.sku,
                "product_id": item.product_id,
                "name": item.name,
                "quantity": item.quantity,
                "unit_price": {"amount": item.unit_price_minor, "currency": "GBP"},
            }
            for item in new.items
        ],
        "subtotal": {"amount": 4997, "currency": "GBP"},
        "discount": {"amount": 0, "currency": "GBP"},
        "shipping": {"amount": 495, "currency": "GBP"},
        "tax": {"amount": 1099, "currency": "GBP"},
        "tax_included": False,
        "total": {"amount": 6591, "currency": "GBP"},
        "reservation_key": new.reservation_key,
        "said": {},
        "promises": {},
        "payment_id": new.payment_id,
    }


async def test_confirming_what_is_not_there(orders, placed):
    order = await placed()
    unknown, known = await asyncio.gather(
        orders.confirmations.submit(uuid7()), orders.confirmations.submit(order.id), return_exceptions=True
    )
    assert isinstance(unknown, NoSuchOrder)
    assert known.status is Status.CONFIRMED


async def test_a_confirmed_order_is_not_abandoned(orders, made, abandon, new_order):
    new = new_order()
    await orders.creations.submit(new)
    await orders.confirmations.submit(new.order_id)
    with pytest.raises(WrongState):
        await abandon(new.checkout_id)
    assert (await made(new)).status is Status.CONFIRMED


async def test_confirming_and_abandoning_at_once(orders, abandon, new_order, announced):
    for _ in range(15):
        new = new_order()
        await orders.creations.submit(new)
        confirmed, abandoned = await asyncio.gather(
            orders.confirmations.submit(new.order_id),
            abandon(new.checkout_id),
            return_exceptions=True,
        )
        order = await repository.read_order(orders.db, new.order_id)
        if isinstance(abandoned, WrongState):
            assert (order.status, confirmed.status) == (Status.CONFIRMED, Status.CONFIRMED)
        else:
            assert abandoned is None
            assert (order.status, type(confirmed)) == (Status.CANCELED, OrderAbandoned)
    kinds = [kind for kind, _, _ in await announced()]
    assert kinds == ["order.placed"] * len(kinds)
