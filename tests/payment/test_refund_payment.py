"""Refunds: never more than was captured, each once per source, whatever races or falls silent."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from payment.conftest import House, gbp

from stoa.kit import context
from stoa.kit.clock import now
from stoa.kit.context import Principal
from stoa.kit.events import Event
from stoa.kit.ids import uuid7
from stoa.kit.money import Money
from stoa.kit.permissions import ALL
from stoa.kit.staff_acts import list_acts
from stoa.ports.payment import Said, Status
from stoa.services.payment import errors, repository
from stoa.services.payment.answers import ProviderAnswer
from stoa.services.payment.handlers import handle_batch, handlers
from stoa.services.payment.jobs import Timers
from stoa.services.payment.refund_payment import ask_refund, execute_refund, refund_by_hand
from stoa.services.payment.states import Payment
from stoa.services.payment.void_payment import void


async def ask(house: House, payment: Payment, source: str, amount: int | None = None):
    async with house.db.transaction() as tx:
        return await ask_refund(tx, payment.id, source, "because", gbp(amount) if amount is not None else None)


def event(kind: str, **data) -> Event:
    return Event(
        id=uuid7(),
        type=kind,
        source="order",
        subject=uuid7(),
        time=now(),
        aggregateversion=1,
        traceparent="",
        data=data,
    )


async def test_part_of_it_then_the_rest(house: House):
    payment = await house.captured()
    part = await ask(house, payment, "one", 300)
    done = await execute_refund(house.payments, part.id)
    assert (done.state, done.amount) == ("done", gbp(300))
    rest = await ask(house, payment, "two")
    assert rest.amount == gbp(700)
    await execute_refund(house.payments, rest.id)
    assert await ask(house, payment, "three") is None
    assert await house.at_provider(payment.key) == ("captured", 1000)
    assert await house.balances() == {"customer_funds": -1000, "refunded": 1000}
    told = [data for kind, data in await house.announced() if kind == "payment.refunded"]
    assert [(data["amount"]["amount"], data["refunded_total"]["amount"]) for data in told] == [(300, 300), (700, 1000)]
    assert told[0] == {
        "payment_id": payment.id,
        "order_id": payment.order_id,
        "refund_id": part.id,
        "amount": {"amount": 300, "currency": "GBP"},
        "refunded_total": {"amount": 300, "currency": "GBP"},
        "by_hand": {"amount": 0, "currency": "GBP"},
        "reason": "because",
    }
    row = await house.row(payment.key)
    assert row is not None
    assert row["state"] == "refunded"


async def test_a_source_is_refunded_once(house: House):
    payment = await house.captured()
    first = await ask(house, payment, "return-1", 300)
    again = await ask(house, payment, "return-1", 300)
    assert first.id == again.id
    await asyncio.gather(*(execute_refund(house.payments, first.id) for _ in range(5)))
    assert await house.at_provider(payment.key) == ("captured", 300)
    assert len([kind for kind, _ in await house.announced() if kind == "payment.refunded"]) == 1


class Forgotten(Exception):
    pass


async def test_what_a_restored_shop_forgot_is_given_back_under_the_same_key(house: House):
    """The provider goes back to no backup: it has done what was asked after the moment, and does it once."""
    payment = await house.captured()
    with contextlib.suppress(Forgotten):
        async with house.db.transaction() as tx:
            forgotten = await ask_refund(tx, payment.id, "return-1", "because", gbp(300))
            raise Forgotten
    assert (await house.line.refund(payment.key, refund_key=forgotten.id, amount=forgotten.amount)).done
    again = await ask(house, payment, "return-1", 300)
    assert (await execute_refund(house.payments, again.id)).state == "done"
    assert await house.at_provider(payment.key) == ("captured", 300)
    other = await ask(house, payment, "return-2", 300)
    assert (await execute_refund(house.payments, other.id)).state == "done"
    assert await house.at_provider(payment.key) == ("captured", 600)


async def test_two_at_once_never_exceed_what_was_captured(house: House):
    payment = await house.captured()
    answers = await asyncio.gather(
        *(ask(house, payment, f"source {number}", 400) for number in range(6)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, errors.RefundTooLarge)]
    assert len(refused) == 4
    assert refused[0].members == {"left": {"amount": 200, "currency": "GBP"}}
    await asyncio.gather(
        *(execute_refund(house.payments, one.id) for one in answers if not isinstance(one, BaseException))
    )
    assert await house.at_provider(payment.key) == ("captured", 800)
    assert await house.balances() == {"customer_funds": -1000, "captured": 200, "refunded": 800}


async def test_nothing_is_refunded_before_it_is_captured(house: House):
    payment = await house.authorized()
    with pytest.raises(errors.WrongState):
        await ask(house, payment, "one", 1)


async def test_another_currency_is_refused(house: House):
    payment = await house.captured()
    async with house.db.transaction() as tx:
        with pytest.raises(errors.RefundTooLarge):
            await ask_refund(tx, payment.id, "one", "", Money(1, "EUR"))
    assert await house.db.fetchval("SELECT count(*) FROM refunds") == 0


@pytest.mark.parametrize("lost", ["deaf", "mute"])
async def test_a_refund_without_an_answer_is_asked_for_again_and_done_once(hasty: House, lost):
    payment = await hasty.captured()
    refund = await ask(hasty, payment, "one", 300)
    setattr(hasty.line, lost, {"refund"})
    assert (await execute_refund(hasty.payments, refund.id)).state == "pending"
    timers = Timers(hasty.payments)
    asked = len(hasty.line.asked)
    await timers.execute_refunds()
    assert len(hasty.line.asked) == asked, "not due yet"
    setattr(hasty.line, lost, set())
    await hasty.age(60)
    await timers.execute_refunds()
    assert await hasty.at_provider(payment.key) == ("captured", 300)
    assert await hasty.balances() == {"customer_funds": -1000, "captured": 700, "refunded": 300}
    done = await repository.refund_by_id(hasty.db, refund.id)
    assert done is not None
    assert (done.state, done.attempts) == ("done", 1)


async def test_a_refund_that_the_provider_refuses_may_be_asked_for_again(house: House):
    payment = await house.captured()
    await house.db.execute("UPDATE simulator.payments SET currency = 'EUR'")
    refund = await ask(house, payment, "one", 1000)
    assert (await execute_refund(house.payments, refund.id)).state == "failed"
    await house.db.execute("UPDATE simulator.payments SET currency = 'GBP'")
    other = await ask(house, payment, "two", 1000)
    assert (await execute_refund(house.payments, other.id)).state == "done"
    assert await house.balances() == {"customer_funds": -1000, "refunded": 1000}


async def test_a_refund_that_failed_is_told_with_what_has_really_gone_back(house: House):
    """The event of the first said that both were given by hand."""
    payment = await house.captured()
    first, second = await ask(house, payment, "operator:ada:1", 300), await ask(house, payment, "operator:ada:2", 200)
    await execute_refund(house.payments, first.id)
    await house.db.execute("UPDATE simulator.payments SET currency = 'EUR'")
    for _ in range(2):
        assert (await execute_refund(house.payments, second.id)).state == "failed"
    told = [
        (kind, data["amount"]["amount"], data["refunded_total"]["amount"], data["by_hand"]["amount"])
        for kind, data in await house.announced()
        if "by_hand" in data
    ]
    assert told == [("payment.refunded", 300, 300, 500), ("payment.refund_failed", 200, 300, 300)]
    versions = await house.db.fetch("SELECT aggregate_version AS v FROM event_log ORDER BY id")
    row = await house.row(payment.key) or {}
    assert [one["v"] for one in versions][-1] == row["version"]


async def test_an_operators_refund_that_is_repeated_is_one_act(house: House):
    """As where the answer to the first was lost."""
    payment, admin = await house.captured(), Principal(uuid7(), "admin@example.com", frozenset({"admin"}), uuid7(), ALL)
    with context.using(context.fresh(principal=admin)):
        for _ in range(2):
            await refund_by_hand(house.payments, payment.id, "operator:ada:1", "goodwill", gbp(300))
    assert [act.after for act in await list_acts(house.db, limit=9)] == [{"refund_asked_minor": 300}]
    assert await house.at_provider(payment.key) == ("captured", 300)


async def test_a_canceled_order_is_refunded_at_once_and_once(house: House):
    payment = await house.captured()
    timers = Timers(house.payments)
    canceled = event("order.canceled", payment_id=payment.id, reason="changed my mind", order_id=payment.order_id)
    for _ in range(2):
        async with house.db.transaction() as tx:
            await handlers(house.payments.outbox, timers)["order.canceled"](tx, canceled)
        while (await repository.refunds_of_payment(house.db, payment.id))[0].state == "pending":
            await asyncio.sleep(0.005)
    assert await house.at_provider(payment.key) == ("captured", 1000)
    assert await house.balances() == {"customer_funds": -1000, "refunded": 1000}


async def test_a_refund_is_not_begun_before_its_reason_commits(house: House):
    payment = await house.captured()
    timers = Timers(house.payments)
    canceled = event("order.canceled", payment_id=payment.id, reason="")
    with pytest.raises(RuntimeError, match="rolled back"):
        async with house.db.transaction() as tx:
            await handlers(house.payments.outbox, timers)["order.canceled"](tx, canceled)
            raise RuntimeError("rolled back")
    await timers.refunds.stop()
    assert await repository.refunds_of_payment(house.db, payment.id) == []
    assert "refund" not in house.line.asked


async def test_a_canceled_order_that_was_only_authorized_is_voided(house: House):
    payment = await house.authorized()
    timers = Timers(house.payments)
    async with house.db.transaction() as tx:
        await handlers(house.payments.outbox, timers)["order.canceled"](
            tx, event("order.canceled", payment_id=payment.id, reason="no")
        )
    await house.age(60)
    await timers.settle_payments()
    assert await house.at_provider(payment.key) == ("voided", 0)
    assert await house.balances() == {}


async def test_what_comes_back_is_refunded_by_return(house: House):
    payment = await house.captured()
    timers = Timers(house.payments)
    for return_id, amount in ((uuid7(), 300), (uuid7(), 200)):
        returned = event(
            "order.returned",
            payment_id=payment.id,
            return_id=return_id,
            refund={"amount": amount, "currency": "GBP"},
        )
        for _ in range(2):
            async with house.db.transaction() as tx:
                await handlers(house.payments.outbox, timers)["order.returned"](tx, returned)
    await timers.execute_refunds()
    assert await house.at_provider(payment.key) == ("captured", 500)
    assert [one.amount.amount for one in await repository.refunds_of_payment(house.db, payment.id)] == [300, 200]


async def test_what_is_called_off_is_refunded_by_cancellation(house: House):
    """Two of an order, and then the rest of it, of which the last gets what is left."""
    payment = await house.captured()
    timers = Timers(house.payments)
    sources = [uuid7() for _ in range(3)]
    for source, amount in zip(sources, (300, 200, 600), strict=True):
        refund = {"amount": amount, "currency": "GBP"}
        heard = event("order.items_canceled", payment_id=payment.id, source=source, reason="no", refund=refund)
        for _ in range(2):
            async with house.db.transaction() as tx:
                await handlers(house.payments.outbox, timers)["order.items_canceled"](tx, heard)
    await timers.refunds.stop()
    await timers.execute_refunds()
    assert await house.at_provider(payment.key) == ("captured", 1000)
    assert [
        (one.source, one.reason, one.amount) for one in await repository.refunds_of_payment(house.db, payment.id)
    ] == [
        (sources[0], "cancellation", gbp(300)),
        (sources[1], "cancellation", gbp(200)),
        (sources[2], "cancellation", gbp(500)),
    ]
    assert set(await changes(house)) == {(sources[2], 500)}


async def returned(house: House, payment: Payment, amount: int, currency: str = "GBP") -> str:
    """Hear, twice, that goods worth so much came back; the return's id."""
    return_id = uuid7()
    refund = {"amount": amount, "currency": currency}
    heard = event("order.returned", payment_id=payment.id, return_id=return_id, refund=refund)
    timers = Timers(house.payments)
    for _ in range(2):
        async with house.db.transaction() as tx:
            await handlers(house.payments.outbox, timers)["order.returned"](tx, heard)
    await timers.refunds.stop()
    await timers.execute_refunds()
    return return_id


async def test_a_return_gives_back_what_an_operator_has_left(house: House):
    payment = await house.captured(amount=gbp(24000))
    by_hand = await ask(house, payment, "operator:ada:1", 5000)
    await execute_refund(house.payments, by_hand.id)
    return_id = await returned(house, payment, 24000)
    assert [
        (one.source, one.amount, one.state) for one in await repository.refunds_of_payment(house.db, payment.id)
    ] == [
        ("operator:ada:1", gbp(5000), "done"),
        (return_id, gbp(19000), "done"),
    ]
    assert await house.at_provider(payment.key) == ("captured", 24000)
    assert await house.balances() == {"customer_funds": -24000, "refunded": 24000}
    told = [data for kind, data in await house.announced() if kind == "payment.refunded"]
    assert [(one["refunded_total"]["amount"], one["by_hand"]["amount"]) for one in told] == [
        (5000, 5000),
        (24000, 5000),
    ]
    # Nothing is left: another return gives nothing back, and is done.
    await returned(house, payment, 1)
    assert await house.at_provider(payment.key) == ("captured", 24000)
    assert len(await repository.refunds_of_payment(house.db, payment.id)) == 2


async def changes(house: House) -> list[tuple[str, int]]:
    """Of which reason another sum than that asked for goes back, and how much."""
    told = [data for kind, data in await house.announced() if kind == "payment.refund_changed"]
    return [(one["source"], one["amount"]["amount"]) for one in told]


async def test_the_order_is_told_where_another_sum_goes_back(house: House):
    payment = await house.captured(amount=gbp(24000))
    whole = await returned(house, payment, 4000)
    assert await changes(house) == []
    await ask(house, payment, "operator:ada:1", 5000)
    less = await returned(house, payment, 20000)
    nothing = await returned(house, payment, 1)
    # Each was heard twice.
    assert await changes(house) == [(less, 15000)] * 2 + [(nothing, 0)] * 2
    [first, *_] = [data for kind, data in await house.announced() if kind == "payment.refund_changed"]
    assert (first["payment_id"], first["order_id"]) == (payment.id, payment.order_id)
    given = {one.source: one.amount for one in await repository.refunds_of_payment(house.db, payment.id)}
    assert given == {whole: gbp(4000), "operator:ada:1": gbp(5000), less: gbp(15000)}


@pytest.mark.parametrize(("asked", "told"), [(24000, [("cancel", 19000)]), (19000, []), (None, [])])
async def test_a_canceled_order_is_told_where_another_sum_goes_back(house: House, asked, told):
    """`None` is of an older version, which did not say."""
    payment = await house.captured(amount=gbp(24000))
    await ask(house, payment, "operator:ada:1", 5000)
    refund = {"refund": {"amount": asked, "currency": "GBP"}} if asked is not None else {}
    canceled = event("order.canceled", payment_id=payment.id, reason="no", **refund)
    timers = Timers(house.payments)
    async with house.db.transaction() as tx:
        await handlers(house.payments.outbox, timers)["order.canceled"](tx, canceled)
    await timers.refunds.stop()
    assert await changes(house) == told


async def test_a_return_after_a_void_gives_nothing_back(house: House):
    payment = await house.captured()
    await void(house.payments, payment.key, "operator")
    await returned(house, payment, 1000)
    assert [one.source for one in await repository.refunds_of_payment(house.db, payment.id)] == ["void"]
    held = await house.authorized()
    await void(house.payments, held.key, "operator")
    await returned(house, held, 1000)
    assert await repository.refunds_of_payment(house.db, held.id) == []


async def test_a_return_and_an_operator_at_once_share_what_there_is(house: House):
    """Whoever is second gets what is left: an operator is refused more than that, goods that came back are not."""
    for number in range(8):
        payment = await house.captured(amount=gbp(24000))
        _, by_hand = await asyncio.gather(
            returned(house, payment, 20000), ask(house, payment, f"operator:ada:{number}", 9000), return_exceptions=True
        )
        if not isinstance(by_hand, errors.RefundTooLarge):
            await execute_refund(house.payments, by_hand.id)
        given = 20000 if isinstance(by_hand, errors.RefundTooLarge) else 24000
        assert await house.at_provider(payment.key) == ("captured", given)


@pytest.mark.parametrize("currency", ["EUR", "GBP"])
async def test_a_return_that_cannot_be_of_this_payment_is_refused(house: House, currency):
    """Of another currency; or of a payment that is only held."""
    payment = await house.captured() if currency == "EUR" else await house.authorized()
    with pytest.raises(errors.RefundTooLarge if currency == "EUR" else errors.WrongState):
        await returned(house, payment, 1000, currency)
    assert await house.db.fetchval("SELECT count(*) FROM refunds") == 0


async def test_a_canceled_order_gives_back_what_an_operator_has_left(house: House):
    payment = await house.captured()
    await ask(house, payment, "operator:ada:1", 400)
    timers = Timers(house.payments)
    async with house.db.transaction() as tx:
        await handlers(house.payments.outbox, timers)["order.canceled"](
            tx, event("order.canceled", payment_id=payment.id, reason="no")
        )
    await timers.refunds.stop()
    await timers.execute_refunds()
    assert [one.amount.amount for one in await repository.refunds_of_payment(house.db, payment.id)] == [400, 600]
    assert await house.balances() == {"customer_funds": -1000, "refunded": 1000}


async def test_an_event_about_an_order_without_a_payment_changes_nothing(house: House):
    timers = Timers(house.payments)
    async with house.db.transaction() as tx:
        await handlers(house.payments.outbox, timers)["order.canceled"](
            tx, event("order.canceled", payment_id=None, reason="")
        )
    async with house.db.transaction() as tx:
        with pytest.raises(errors.NoSuchPayment):
            await handlers(house.payments.outbox, timers)["order.canceled"](
                tx, event("order.canceled", payment_id=uuid7(), reason="")
            )


async def test_events_of_a_batch_lock_in_the_order_of_every_other_act(house: House):
    """Several events share a transaction while answers of several payments are booked: neither waits for ever."""
    payments = [await house.captured() for _ in range(12)]
    timers = Timers(house.payments)

    async def hear(order: list[Payment]) -> None:
        events = [event("order.canceled", payment_id=payment.id, reason="") for payment in order]
        async with house.db.transaction() as tx:
            for each in await handle_batch(tx, events):
                await handlers(house.payments.outbox, timers)[each.type](tx, each)

    async def book() -> None:
        said = [ProviderAnswer(payment, Said(Status.CAPTURED)) for payment in payments]
        await asyncio.gather(*(house.payments.answers.submit(each) for each in said))

    for _ in range(5):
        await asyncio.gather(hear(payments), hear(payments[::-1]), book(), book())
    await timers.execute_refunds()
    assert await house.balances() == {"customer_funds": -12_000, "refunded": 12_000}
    async with house.db.transaction() as tx:
        nothing = event("order.canceled", payment_id=None, reason="")
        assert await handle_batch(tx, [nothing]) == [nothing]
