"""A payment service of one's own, whose provider can be told to fall silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from stoa.app import SERVICES, subscribers
from stoa.audit.look import EVER
from stoa.audit.payments import MISBOOKED, UNBALANCED, UNRECONCILED
from stoa.kit.db import Database
from stoa.kit.ids import uuid7
from stoa.kit.money import Money
from stoa.kit.outbox import Outbox
from stoa.ports.payment import Heard, KeptCard, Said, SaidOfRefund
from stoa.services.payment import payments_with
from stoa.services.payment.authorize_payment import authorize
from stoa.services.payment.capture_payment import capture
from stoa.services.payment.drift import Standing
from stoa.services.payment.providers import Providers
from stoa.services.payment.repository import NewPayment
from stoa.services.payment.routes import routes
from stoa.services.payment.service import Payments
from stoa.services.payment.settings import Settings
from stoa.services.payment.simulator import Simulator
from stoa.services.payment.states import Payment
from stoa.testing import Rest

Connection = Any


def gbp(amount: int) -> Money:
    return Money(amount, "GBP")


def new_payment(**changes: Any) -> NewPayment:
    given: dict[str, Any] = {
        "key": uuid7(),
        "order_id": uuid7(),
        "user_id": uuid7(),
        "amount": gbp(1000),
        "method": "card",
    }
    return NewPayment(**(given | changes))


async def confirmed(order_id: str) -> str | None:
    """Every order is one that can be paid, but those that a test has named otherwise."""
    return {UNKNOWN_ORDER: None, CANCELED_ORDER: "canceled"}.get(order_id, "confirmed")


UNKNOWN_ORDER = "00000000-0000-7000-8000-000000000001"
CANCELED_ORDER = "00000000-0000-7000-8000-000000000002"


@dataclass
class Line:
    """The line to the provider. Acts in `deaf` never reach it; those in `mute` do, and their answers are lost.

    What is asked under a key in `held` is heard when its event is set. Whoever asks for the act `dies_before`, or has
    its answer and `dies_after`, goes no further, as if its process had been killed there.
    """

    provider: Simulator
    deaf: set[str] = field(default_factory=set)
    mute: set[str] = field(default_factory=set)
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    dies_before: str = ""
    dies_after: str = ""
    asked: list[str] = field(default_factory=list)

    async def authorize(self, key: str, *, order_id: str, amount: Money, token: str) -> Said:
        if key in self.held:
            await self.held[key].wait()
        return await self._over(
            "authorize", self.provider.authorize(key, order_id=order_id, amount=amount, token=token)
        )

    async def query(self, key: str) -> Said:
        return await self._over("query", self.provider.query(key))

    async def capture(self, key: str) -> Said:
        if key in self.held:
            await self.held[key].wait()
        return await self._over("capture", self.provider.capture(key))

    async def void(self, key: str) -> Said:
        return await self._over("void", self.provider.void(key))

    async def refund(self, key: str, *, refund_key: str, amount: Money) -> SaidOfRefund:
        return await self._over("refund", self.provider.refund(key, refund_key=refund_key, amount=amount))

    async def keep(self, token: str, *, customer: str) -> KeptCard:
        return await self._over("keep", self.provider.keep(token, customer=customer))

    async def forget(self, reference: str) -> None:
        await self._over("forget", self.provider.forget(reference))

    async def read_webhook(self, headers: Mapping[str, str], body: bytes) -> Heard:
        return await self.provider.read_webhook(headers, body)

    async def _over(self, act: str, asked: Any) -> Any:
        self.asked.append(act)
        if act in self.deaf or act == self.dies_before:
            asked.close()
        else:
            said = await asked
            if act not in self.mute | {self.dies_after}:
                return said
        if act in {self.dies_before, self.dies_after}:
            raise asyncio.CancelledError(act)
        return await asyncio.get_running_loop().create_future()


@dataclass
class House:
    """`orders` are those that there are, by id."""

    payments: Payments
    line: Line
    orders: dict[str, Standing]

    @property
    def db(self) -> Database:
        return self.payments.db

    async def authorized(self, **changes: Any) -> Payment:
        return await authorize(self.payments, new_payment(**changes), "tok_ok")

    async def captured(self, **changes: Any) -> Payment:
        return await capture(self.payments, (await self.authorized(**changes)).key)

    async def balances(self) -> dict[str, int]:
        """Of the ledger, by account, without those at zero."""
        rows = await self.db.fetch(
            """
            SELECT account, sum(amount_minor)::bigint AS sum FROM ledger
            GROUP BY account HAVING sum(amount_minor) <> 0
            """
        )
        return {row["account"]: row["sum"] for row in rows}

    async def announced(self) -> list[tuple[str, dict[str, Any]]]:
        rows = await self.db.fetch("SELECT type, data FROM event_log ORDER BY id")
        return [(row["type"], row["data"]) for row in rows]

    async def at_provider(self, key: str) -> tuple[str, int] | None:
        row = await self.db.fetchrow("SELECT status, refunded_minor FROM simulator.payments WHERE key = $1", key)
        return (row["status"], row["refunded_minor"]) if row else None

    async def row(self, key: str) -> dict[str, Any] | None:
        row = await self.db.fetchrow("SELECT * FROM payments WHERE key = $1", key)
        return dict(row) if row else None

    async def must_be_sound(self) -> None:
        """The ledger, our payments and the provider's own memory say the same."""
        for statement in (UNBALANCED, MISBOOKED, UNRECONCILED):
            assert [dict(row) for row in await self.db.fetch(statement, EVER)] == []

    async def age(self, seconds: float) -> None:
        """As if everything had been asked so long ago."""
        await self.db.execute("UPDATE payments SET asked_at = asked_at - make_interval(secs => $1)", seconds)
        await self.db.execute("UPDATE refunds SET due_at = due_at - make_interval(secs => $1)", seconds)


NewHouse = Callable[..., Awaitable[House]]


@pytest.fixture
async def new_house(database: Callable[..., Awaitable[Database]]) -> AsyncIterator[NewHouse]:
    """`await new_house(provider_timeout_seconds=0.5)`"""
    houses: list[House] = []

    async def make(db: Database | None = None, **settings: Any) -> House:
        db = db or await database("payment")
        chosen = Settings(**settings)
        line = Line(Simulator(db, chosen.provider_timeout_seconds, chosen.webhook_tolerance_seconds))
        orders: dict[str, Standing] = {}

        async def standings(order_ids: Collection[str]) -> dict[str, Standing]:
            return {order_id: orders[order_id] for order_id in order_ids if order_id in orders}

        payments = payments_with(
            db,
            Outbox(SERVICES["payment"], subscribers),
            chosen,
            Providers("simulator", {"simulator": line}.__getitem__),
            order_status=confirmed,
            standings=standings,
        )
        houses.append(House(payments, line, orders))
        return houses[-1]

    yield make
    for house in houses:
        await house.payments.single_flight.stop()


@pytest.fixture
async def house(new_house: NewHouse) -> House:
    return await new_house()


@pytest.fixture
async def hasty(new_house: NewHouse) -> House:
    """A house that does not wait long for its provider."""
    return await new_house(provider_timeout_seconds=0.5)


@pytest.fixture
def rest(house: House) -> Rest:
    return Rest(routes.bind(house.payments), house.db)
