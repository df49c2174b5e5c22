"""An order service of one's own, and orders in any state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from stoa.app import GET_PERSONAL, SERVICES
from stoa.kit.db import Database
from stoa.kit.ids import uuid7
from stoa.kit.money import Money
from stoa.kit.outbox import Outbox
from stoa.services.order import orders_over, repository
from stoa.services.order.abandon_order import Abandonment
from stoa.services.order.allocation import AllocatedPart, Allocation
from stoa.services.order.figures import checked
from stoa.services.order.new_order import NewItem, NewOrder
from stoa.services.order.payment_status import PaymentState, PaymentTold
from stoa.services.order.repository import Order
from stoa.services.order.routes import routes
from stoa.services.order.service import Orders
from stoa.testing import Rest

ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "12 St James's Square",
    "line2": "",
    "city": "London",
    "region": "",
    "postal_code": "SW1Y 4JH",
    "country": "GB",
    "phone": "",
}


def gbp(amount: int) -> Money:
    return Money(amount, "GBP")


def _new_order(**changes: Any) -> NewOrder:
    given = {
        "checkout_id": (checkout_id := uuid7()),
        "order_id": uuid7(),
        "user_id": uuid7(),
        "email": "ada@example.com",
        "items": [
            NewItem(product_id=uuid7(), sku="MUG", name="Mug", unit_price_minor=1999, quantity=2, tax_minor=800),
            NewItem(product_id=uuid7(), sku="SPOON", name="Spoon", unit_price_minor=333, quantity=3, tax_minor=200),
        ],
        "currency": "GBP",
        "subtotal_minor": 4997,
        "discount_minor": 0,
        "shipping_minor": 495,
        "tax_minor": 1099,
        "total_minor": 6591,
        "shipping_method": "standard",
        "shipping_address": ADDRESS,
        "billing_address": ADDRESS,
        "payment_id": uuid7(),
        "reservation_key": checkout_id,
    }
    return NewOrder(**(given | changes))


@pytest.fixture
def new_order() -> Callable[..., NewOrder]:
    """`new_order(user_id=None)`: what a checkout asks for: two mugs at 19.99 and three spoons at 3.33."""
    return _new_order


@dataclass
class Payments:
    """What payment answers when it is asked: each took its money and gave nothing back, but those that a test
    has told otherwise.
    """

    told: dict[str, PaymentTold | None] = field(default_factory=dict)

    async def now(self, payment_id: str) -> PaymentTold | None:
        return self.told.get(payment_id, PaymentTold(payment_id, 3, PaymentState.SUCCEEDED))

    def gave_by_hand(self, payment_id: str, minor: int, *, version: int = 5, refunded: int | None = None) -> None:
        """An operator asked to give back so much, and `refunded` of it, by default all, has gone back."""
        gone = minor if refunded is None else refunded
        state = PaymentState.REFUNDED if gone else PaymentState.SUCCEEDED
        self.told[payment_id] = PaymentTold(payment_id, version, state, gone, minor, minor)


@pytest.fixture
def payments() -> Payments:
    return Payments()


class Goods(dict[str, dict[str, int]]):
    """What inventory answers when it is asked: all is there, but of reservations that a test has told otherwise."""

    async def allocation_of(self, reservation_key: str) -> Allocation:
        parts = [AllocatedPart(sku, units, None) for sku, units in self.get(reservation_key, {}).items()]
        return Allocation("committed", tuple(parts))


@pytest.fixture
def goods() -> Goods:
    return Goods()


@pytest.fixture
async def orders(
    database: Callable[..., Awaitable[Database]], payments: Payments, goods: Goods
) -> AsyncIterator[Orders]:
    db = await database("order")
    outbox = Outbox(SERVICES["order"], lambda _: ("notification",), GET_PERSONAL)
    service = orders_over(db, outbox, payments.now, payments.now, goods.allocation_of)
    yield service
    await service.close()


@pytest.fixture
def rest(orders: Orders) -> Rest:
    return Rest(routes.bind(orders), orders.db)


@pytest.fixture
def made(orders: Orders) -> Callable[[NewOrder], Awaitable[Order]]:
    """`await made(new_order())`: the order of that checkout, pending where it is new."""

    async def make(new: NewOrder) -> Order:
        order = await repository.read_order(orders.db, await orders.creations.submit(checked(new)))
        assert order is not None
        return order

    return make


@pytest.fixture
def abandon(orders: Orders) -> Callable[..., Awaitable[None]]:
    """`await abandon(checkout_id)`: the checkout gives its order up."""

    async def give_up(checkout_id: str, reason: str = "declined") -> None:
        await orders.abandonments.submit(Abandonment(checkout_id, reason))

    return give_up


@pytest.fixture
def placed(orders: Orders) -> Callable[..., Awaitable[Order]]:
    """`await placed(user_id=...)`: a confirmed order."""

    async def place(**changes: Any) -> Order:
        return await orders.confirmations.submit(await orders.creations.submit(checked(_new_order(**changes))))

    return place


@pytest.fixture
def announced(orders: Orders) -> Callable[[], Awaitable[list[tuple[str, int, dict[str, Any]]]]]:
    """Everything announced so far: type, version and data, as whoever gets what is personal hears it."""

    async def read() -> list[tuple[str, int, dict[str, Any]]]:
        rows = await orders.db.fetch(
            "SELECT type, aggregate_version, log.data || personal.data AS data"
            " FROM event_log AS log JOIN event_personal AS personal USING (id) ORDER BY id"
        )
        return [(row["type"], row["aggregate_version"], row["data"]) for row in rows]

    return read
