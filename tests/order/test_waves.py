"""Many checkouts at once: each has an outcome of its own, and all of them cost what one does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context as Variables
from typing import Any

import asyncpg
import msgspec
import pytest
from counting import Counting
from holding import held
from timing import timed

from stoa.contracts.common.v1.common_pb2 import Done, Origin
from stoa.contracts.order.v1.order_pb2 import (
    AbandonManyRequest,
    AbandonOrderRequest,
    ConfirmManyRequest,
    ConfirmOrderRequest,
    CreateManyRequest,
    CreateOrderRequest,
)
from stoa.kit import context
from stoa.kit.context import Principal
from stoa.kit.db import LOCK_SECONDS, Database, DatabaseUnavailable, Locked
from stoa.kit.many import UnderWay, results_of
from stoa.kit.outbox import ANNOUNCE
from stoa.services.order import orders_over, placing_repository, repository
from stoa.services.order.abandon_order import Abandonment, abandon_orders
from stoa.services.order.cancel_order import cancel_order
from stoa.services.order.confirm_order import confirm_orders
from stoa.services.order.create_order import create_orders
from stoa.services.order.errors import NoSuchOrder, OrderAbandoned, WrongState
from stoa.services.order.figures import checked
from stoa.services.order.new_order import NewOrder
from stoa.services.order.rpc import OrderServicer
from stoa.services.order.states import Status

from .test_rpc import request


@pytest.fixture
async def counted(orders, new_order, payments):
    """The same service over a pool that counts, and has a connection that knows the types of all statements."""
    db = Counting(orders.db)
    service = orders_over(db, orders.outbox, payments.now, payments.now, orders.allocation_of)
    await service.confirmations.submit(await service.creations.submit(new_order()))
    await db.taken()
    yield service
    await service.close()
    await db.close()


def creating(asked) -> CreateManyRequest:
    return CreateManyRequest(requests=asked)


def confirming(asked) -> ConfirmManyRequest:
    return ConfirmManyRequest(requests=[ConfirmOrderRequest(order_id=one.order_id) for one in asked])


def abandoning(asked) -> AbandonManyRequest:
    return AbandonManyRequest(requests=[AbandonOrderRequest(checkout_id=one.checkout_id) for one in asked])


def a_wave(count: int) -> list[CreateOrderRequest]:
    return [request() for _ in range(count)]


async def answered(many, asking, wave) -> list[Any]:
    """What became of each of the wave in the end: one that takes longer than the others is asked for again, alone."""
    results = results_of((await many(asking(wave), None)).outcomes)
    for at, one in enumerate(results):
        if isinstance(one, UnderWay):
            [results[at]] = await answered(many, asking, [wave[at]])
    return results


async def waiting_for_locks(db: Database, count: int) -> None:
    """Until so many sessions wait for a lock."""
    async with asyncio.timeout(10):
        while count > await db.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            await asyncio.sleep(0.01)


def buyer_of(new: NewOrder) -> Principal:
    assert new.user_id is not None
    return Principal(new.user_id, new.email, frozenset(), "s")


async def statuses(db) -> list[str]:
    return [row["status"] for row in await db.fetch("SELECT status FROM orders ORDER BY id")]


@pytest.mark.parametrize("count", [1, 20, 256])
async def test_a_wave_costs_what_one_order_does(counted, new_order, count):
    wave, failing, unknown = ([checked(new_order()) for _ in range(count)] for _ in range(3))
    await asyncio.gather(*(counted.creations.submit(new) for new in wave))
    assert await counted.db.taken() == [placing_repository.CREATE_ORDERS]
    await asyncio.gather(*(counted.confirmations.submit(new.order_id) for new in wave))
    assert await counted.db.taken() == [placing_repository.CONFIRM_ORDERS, ANNOUNCE, "COMMIT"]
    await asyncio.gather(*(counted.creations.submit(new) for new in failing))
    await counted.db.taken()
    await asyncio.gather(*(counted.abandonments.submit(Abandonment(new.checkout_id, "")) for new in failing))
    assert await counted.db.taken() == [
        placing_repository.ABANDON_CHECKOUTS,
        placing_repository.ABANDON_ORDERS,
        "COMMIT",
    ]
    await asyncio.gather(*(counted.abandonments.submit(Abandonment(new.checkout_id, "")) for new in unknown))
    assert await counted.db.taken() == [placing_repository.ABANDON_CHECKOUTS, "COMMIT"]
    assert sorted(await statuses(counted.db)) == ["canceled"] * count + ["confirmed"] * (count + 1)


async def test_a_repeat_of_a_wave_answers_the_same_and_tells_nobody_again(orders, announced):
    servicer, wave = OrderServicer(orders), a_wave(5)
    for _ in range(2):
        assert await answered(servicer.CreateMany, creating, wave) == [Done()] * 5
    first, again = [await answered(servicer.ConfirmMany, confirming, wave) for _ in range(2)]
    assert first == again
    shown = [msgspec.json.decode(one.order_json) for one in first]
    assert [(one["id"], one["status"], one["version"]) for one in shown] == [
        (one.order_id, "confirmed", 2) for one in wave
    ]
    assert sorted(data["order_id"] for _, _, data in await announced()) == sorted(one.order_id for one in wave)


async def test_each_is_refused_alone(orders):
    servicer = OrderServicer(orders)
    sound, wrong, given_up = request(), request(subtotal={"amount_minor": 1, "currency": "GBP"}), request()
    foreign = request(tax={"amount_minor": 500, "currency": "EUR"})
    await answered(servicer.AbandonMany, abandoning, [given_up])
    asked = [wrong, sound, given_up, foreign, request(user_id="nobody")]
    results = await answered(servicer.CreateMany, creating, asked)
    assert [getattr(one, "slug", "done") for one in results] == [
        "order-figures",
        "done",
        "order-abandoned",
        "order-figures",
        "internal-error",
    ]
    unknown, confirmed = await answered(servicer.ConfirmMany, confirming, [given_up, sound])
    assert (unknown.slug, msgspec.json.decode(confirmed.order_json)["status"]) == ("order-not-found", "confirmed")
    results = await answered(servicer.AbandonMany, abandoning, [request(), sound, request()])
    assert [getattr(one, "slug", "done") for one in results] == ["done", "order-state", "done"]
    assert await orders.db.fetchval("SELECT count(*) FROM checkouts WHERE abandoned_at IS NOT NULL") == 3
    assert await statuses(orders.db) == ["confirmed"]


async def test_each_is_announced_in_the_trace_of_its_own_checkout(orders):
    servicer, wave = OrderServicer(orders), a_wave(3)
    await answered(servicer.CreateMany, creating, wave)
    traces = {one.order_id: context.fresh().traceparent for one in wave}

    def traced(some) -> ConfirmManyRequest:
        asked = confirming(some)
        asked.origins.extend(Origin(traceparent=traces[one.order_id]) for one in some)
        return asked

    await answered(servicer.ConfirmMany, traced, wave)
    kept = {row["subject"]: row["traceparent"] for row in await orders.db.fetch("SELECT * FROM event_log")}
    assert {key: trace.split("-")[1] for key, trace in kept.items()} == {
        key: trace.split("-")[1] for key, trace in traces.items()
    }


@pytest.fixture
def other(orders, payments):
    """The service in another process: batches of its own, over the same tables."""
    return orders_over(orders.db, orders.outbox, payments.now, payments.now, orders.allocation_of)


async def test_two_waves_with_the_same_members_the_other_way_round(orders, other, announced):
    here, there = OrderServicer(orders), OrderServicer(other)
    for _ in range(10):
        wave = a_wave(20)
        for asking, many in ((creating, "CreateMany"), (confirming, "ConfirmMany")):
            mine, theirs = await asyncio.gather(
                answered(getattr(here, many), asking, wave), answered(getattr(there, many), asking, wave[::-1])
            )
            assert mine == theirs[::-1]
            assert not any(isinstance(one, Exception) for one in mine)
    assert len(await announced()) == len(await statuses(orders.db)) == 200


async def test_of_confirming_and_abandoning_in_waves_exactly_one_is_done(orders, other, announced):
    placed = 0
    for _ in range(15):
        wave = a_wave(12)
        # Some are not there yet, so that making them is in it too.
        await answered(OrderServicer(orders).CreateMany, creating, wave[:8])
        made, confirmed, abandoned = await asyncio.gather(
            answered(OrderServicer(other).CreateMany, creating, wave[8:]),
            asyncio.gather(*(orders.confirmations.submit(one.order_id) for one in wave), return_exceptions=True),
            asyncio.gather(
                *(other.abandonments.submit(Abandonment(one.checkout_id, "")) for one in reversed(wave)),
                return_exceptions=True,
            ),
        )
        assert len(made) == 4
        for one, paid, gave_up in zip(wave, confirmed, reversed(abandoned), strict=True):
            order = await repository.read_order(orders.db, one.order_id)
            if isinstance(gave_up, WrongState):
                assert (order.status, paid.status) == (Status.CONFIRMED, Status.CONFIRMED)
                placed += 1
            else:
                assert gave_up is None
                assert order is None or order.status is Status.CANCELED
                assert isinstance(paid, (OrderAbandoned, NoSuchOrder))
    assert [kind for kind, _, _ in await announced()] == ["order.placed"] * placed


async def test_the_buyer_cancels_while_the_checkout_confirms_and_abandons(orders, other, new_order, announced):
    """Three at one row: who is told that the order stands has it announced, and nobody else."""
    for _ in range(12):
        new = new_order()
        await orders.creations.submit(new)
        _, paid, gave_up = await asyncio.gather(
            cancel_order(orders, new.order_id, buyer_of(new), "mine"),
            orders.confirmations.submit(new.order_id),
            other.abandonments.submit(Abandonment(new.checkout_id, "")),
            return_exceptions=True,
        )
        kinds = [kind for kind, _, data in await announced() if data["order_id"] == new.order_id]
        assert isinstance(paid, OrderAbandoned) != isinstance(gave_up, WrongState)
        assert bool(kinds) == isinstance(gave_up, WrongState)


async def test_a_canceled_order_is_not_both_given_up_and_paid(orders, new_order, announced):
    """Its row does not change when its checkout gives it up: who waits for it must look again."""
    new = new_order()
    await orders.creations.submit(new)
    await cancel_order(orders, new.order_id, buyer_of(new), "")
    async with held(orders.db.dsn, "SELECT FROM orders WHERE id = $1 FOR UPDATE", new.order_id):
        both = asyncio.gather(
            orders.abandonments.submit(Abandonment(new.checkout_id, "")),
            orders.confirmations.submit(new.order_id),
            return_exceptions=True,
        )
        await waiting_for_locks(orders.db, 2)
    gave_up, paid = await both
    assert isinstance(paid, OrderAbandoned) != isinstance(gave_up, WrongState)
    assert bool(await announced()) == isinstance(gave_up, WrongState)


async def test_what_was_noted_while_the_confirmation_waited_is_answered(orders, new_order):
    new = new_order()
    await orders.creations.submit(new)
    async with orders.db.transaction() as tx:
        await repository.lock_order(tx, new.order_id)
        paying = asyncio.create_task(orders.confirmations.submit(new.order_id), context=Variables())
        await waiting_for_locks(orders.db, 1)
        await repository.note_on_lines(
            tx, new.order_id, [{"sku": "MUG", "custom_fields": {}, "metadata": {"bin": "3"}}]
        )
        await repository.touch_order(tx, new.order_id)
    order = await paying
    assert (order.status, order.version, order.items[0].metadata) == (Status.CONFIRMED, 3, {"bin": "3"})


@pytest.mark.parametrize("act", ["confirm", "abandon"])
async def test_an_order_that_somebody_holds_stops_nobody_else(orders, new_order, act):
    wave = [new_order() for _ in range(20)]
    await asyncio.gather(*(orders.creations.submit(new) for new in wave))

    def asked(new):
        if act == "confirm":
            return orders.confirmations.submit(new.order_id)
        return orders.abandonments.submit(Abandonment(new.checkout_id, ""))

    async with held(orders.db.dsn, "SELECT FROM orders WHERE id = $1 FOR UPDATE", wave[7].order_id):
        one, *others = await asyncio.gather(*(timed(asked(new)) for new in (wave[7], *wave[:7], *wave[8:])))
    assert one[0] is Locked
    assert not any(isinstance(result, type) for result, _ in others)
    assert max(seconds for _, seconds in others) < LOCK_SECONDS
    await asked(wave[7])
    assert await statuses(orders.db) == ["confirmed" if act == "confirm" else "canceled"] * 20


@asynccontextmanager
async def in_the_way(dsn: str, new: NewOrder, *, being_made: bool) -> AsyncIterator[None]:
    """For the block another session holds the order, or is about to make it; nothing comes of that."""
    session = await asyncpg.connect(dsn)
    try:
        await session.execute("BEGIN")
        if being_made:
            await session.execute("INSERT INTO checkouts (id, abandoned_at) VALUES ($1, now())", new.checkout_id)
        else:
            await session.execute("SELECT FROM orders WHERE id = $1 FOR UPDATE", new.order_id)
        yield
    finally:
        await session.close()


@pytest.mark.parametrize("act", ["create", "confirm", "abandon"])
async def test_a_wave_whose_session_dies_has_done_nothing_and_is_done_once_when_it_comes_again(
    orders, new_order, announced, act
):
    """It dies while it waits for one of its members, and has written for others before."""
    wave = sorted((new_order() for _ in range(6)), key=lambda new: new.checkout_id)
    acts = {
        "create": lambda: create_orders(orders.db, wave),
        "confirm": lambda: confirm_orders(orders.db, orders.outbox, [new.order_id for new in wave]),
        "abandon": lambda: abandon_orders(orders.db, [Abandonment(new.checkout_id, "") for new in wave]),
    }
    if act != "create":
        await acts["create"]()
    before = await statuses(orders.db)
    async with in_the_way(orders.db.dsn, wave[-1], being_made=act == "create"):
        doing = asyncio.create_task(acts[act]())
        await waiting_for_locks(orders.db, 1)
        await orders.db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        with pytest.raises(DatabaseUnavailable):
            await doing
    assert (await statuses(orders.db), await announced()) == (before, [])
    for _ in range(2):
        await acts[act]()
    assert await statuses(orders.db) == [{"create": "pending", "confirm": "confirmed", "abandon": "canceled"}[act]] * 6
    assert len(await announced()) == (6 if act == "confirm" else 0)
