"""Authorize, capture and resolve: what is recorded when, and what silence leaves."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from msgspec.structs import replace
from payment.conftest import House, NewHouse, gbp, new_payment

from stoa.kit.db import CallInsideTransaction, DatabaseUnavailable
from stoa.kit.ids import uuid7
from stoa.kit.problems import Unavailable
from stoa.services.payment import errors
from stoa.services.payment.authorize_payment import authorize
from stoa.services.payment.capture_payment import capture
from stoa.services.payment.jobs import Timers
from stoa.services.payment.repository import NewPayment
from stoa.services.payment.resolve_payment import resolve
from stoa.services.payment.simulator import moved
from stoa.services.payment.states import Payment, State


def key_that(moves: bool) -> str:
    return next(key for key in iter(uuid7, None) if moved(key) is moves)


async def test_a_card_that_is_good(house: House):
    new = new_payment(user_id=None)
    payment = await authorize(house.payments, new, "tok_ok")
    assert (payment.state, payment.amount, payment.order_id, payment.user_id) == (
        State.AUTHORIZED,
        gbp(1000),
        new.order_id,
        None,
    )
    assert payment.provider_reference.startswith("sim_")
    assert await house.at_provider(new.key) == ("authorized", 0)
    assert await house.balances() == {"customer_funds": -1000, "authorized": 1000}
    assert await house.announced() == []


@pytest.mark.parametrize(
    ("token", "refusal", "status"),
    [
        ("tok_declined", errors.PaymentDeclined, 402),
        ("tok_insufficient_funds", errors.InsufficientFunds, 402),
        ("tok_of_somebody_else", errors.UnknownToken, 422),
    ],
)
async def test_a_card_that_is_not(house: House, token, refusal, status):
    new = new_payment()
    for _ in range(2):
        with pytest.raises(refusal) as refused:
            await authorize(house.payments, new, token)
        assert refused.value.status == status
    assert house.line.asked == ["authorize"]
    row = await house.row(new.key)
    assert row is not None
    assert (row["state"], row["decline_reason"]) == ("declined", refusal.slug)
    assert await house.balances() == {}
    assert await house.announced() == [
        ("payment.failed", {"payment_id": row["id"], "order_id": new.order_id, "reason": refusal.slug})
    ]


async def test_an_unknown_token_names_its_field(house: House):
    with pytest.raises(errors.UnknownToken) as refused:
        await authorize(house.payments, new_payment(), "4242424242424242")
    assert refused.value.field == "payment.token"


async def test_a_repeat_answers_with_the_same_payment_and_asks_nobody(house: House):
    new = new_payment()
    first = await authorize(house.payments, new, "tok_ok")
    again = await authorize(house.payments, new, "tok_declined")
    assert (again.id, again.state) == (first.id, State.AUTHORIZED)
    assert house.line.asked == ["authorize"]
    for other in (new_payment(key=new.key), new_payment(key=new.key, order_id=new.order_id, amount=gbp(999))):
        with pytest.raises(errors.KeyReused):
            await authorize(house.payments, other, "tok_ok")
    assert await house.balances() == {"customer_funds": -1000, "authorized": 1000}


async def test_many_at_once_with_one_key_are_one_payment(house: House):
    new = new_payment()
    all_of_them = await asyncio.gather(*(authorize(house.payments, new, "tok_ok") for _ in range(20)))
    assert {payment.state for payment in all_of_them} == {State.AUTHORIZED}
    assert len({payment.id for payment in all_of_them}) == 1
    assert await house.db.fetchval("SELECT count(*) FROM payments") == 1


async def test_many_at_once_share_commits_and_one_refused_fails_alone(house: House):
    tokens = ["tok_declined" if number % 5 == 0 else "tok_ok" for number in range(50)]
    answers = await asyncio.gather(
        *(authorize(house.payments, new_payment(), token) for token in tokens), return_exceptions=True
    )
    assert sum(isinstance(answer, errors.PaymentDeclined) for answer in answers) == 10
    assert await house.balances() == {"customer_funds": -40_000, "authorized": 40_000}


async def test_attempts_to_pay_an_order_are_numbered_and_only_one_stands(house: House):
    order_id = uuid7()
    with pytest.raises(errors.PaymentDeclined):
        await authorize(house.payments, new_payment(order_id=order_id), "tok_declined")
    more = await asyncio.gather(
        *(authorize(house.payments, new_payment(order_id=order_id), "tok_ok") for _ in range(3)),
        return_exceptions=True,
    )
    assert [one.attempt for one in more if isinstance(one, Payment)] == [2]
    assert [type(one) for one in more if not isinstance(one, Payment)] == [errors.OrderHasPayment] * 2
    assert house.line.asked.count("authorize") == 2


async def test_it_is_recorded_before_the_provider_is_asked(hasty: House):
    hasty.line.deaf = {"authorize"}
    new = new_payment()
    payment = await authorize(hasty.payments, new, "tok_ok")
    assert payment.state is State.UNKNOWN
    row = await hasty.row(new.key)
    assert row is not None
    assert row["state"] == "unknown"
    assert await hasty.at_provider(new.key) is None
    again = await authorize(hasty.payments, new, "tok_ok")
    assert (again.id, again.state) == (payment.id, State.UNKNOWN)


async def test_the_provider_is_not_asked_inside_a_transaction(house: House):
    async with house.db.transaction():
        with pytest.raises(CallInsideTransaction):
            await house.payments.ask(house.line.query("key"))


async def test_a_caller_who_goes_away_does_not_leave_it_unknown(house: House):
    new = new_payment()
    caller = asyncio.create_task(authorize(house.payments, new, "tok_ok"))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await house.payments.single_flight.stop()
    row = await house.row(new.key)
    assert row is not None
    assert row["state"] == "authorized"


@pytest.mark.parametrize("moves", [True, False])
async def test_silence_is_resolved_by_asking(hasty: House, moves):
    new = new_payment(key=key_that(moves))
    payment = await authorize(hasty.payments, new, "tok_timeout")
    assert payment.state is State.UNKNOWN
    assert (await hasty.at_provider(new.key) is not None) is moves
    # It had its time: a repeat waits for no second silence.
    assert (await authorize(hasty.payments, new, "tok_timeout")).state is State.UNKNOWN
    assert hasty.line.asked == ["authorize"]
    resolved = await resolve(hasty.payments, new.key)
    if moves:
        assert resolved.state is State.AUTHORIZED
        assert await hasty.balances() == {"customer_funds": -1000, "authorized": 1000}
    else:
        assert (resolved.state, resolved.decline_reason) == (State.DECLINED, "payment-timed-out")
        assert await hasty.balances() == {}
        assert await hasty.at_provider(new.key) == ("voided", 0)
        with pytest.raises(errors.PaymentTimedOut):
            await authorize(hasty.payments, new, "tok_ok")
    assert (await resolve(hasty.payments, new.key)).state is resolved.state


async def test_what_another_process_may_still_be_asking_for_is_not_cut_off(new_house: NewHouse):
    house = await new_house(provider_timeout_seconds=0.5)
    house.line.deaf = {"authorize"}
    new = new_payment()
    asking = asyncio.create_task(authorize(house.payments, new, "tok_ok"))
    other = await new_house(db=house.db, provider_timeout_seconds=60.0)
    while await house.row(new.key) is None:
        await asyncio.sleep(0.01)
    assert (await resolve(other.payments, new.key)).state is State.UNKNOWN
    assert await house.at_provider(new.key) is None
    await asking
    await house.age(60)
    assert (await resolve(other.payments, new.key)).state is State.DECLINED


async def test_a_late_authorization_after_the_tombstone_takes_nothing(hasty: House):
    hasty.line.deaf = {"authorize"}
    new = new_payment()
    await authorize(hasty.payments, new, "tok_ok")
    assert (await resolve(hasty.payments, new.key)).state is State.DECLINED
    late = await hasty.line.provider.authorize(new.key, order_id=new.order_id, amount=new.amount, token="tok_ok")
    assert late.status == "voided"
    assert await hasty.at_provider(new.key) == ("voided", 0)


async def test_a_provider_that_stays_silent_leaves_it_unknown(hasty: House):
    hasty.line.deaf = {"authorize", "query"}
    new = new_payment()
    await authorize(hasty.payments, new, "tok_ok")
    assert (await resolve(hasty.payments, new.key)).state is State.UNKNOWN


async def test_capture_takes_the_money_once(house: House):
    payment = await house.authorized()
    captured = await capture(house.payments, payment.key)
    again = await capture(house.payments, payment.key)
    assert (captured.state, again.state) == (State.CAPTURED, State.CAPTURED)
    assert house.line.asked == ["authorize", "capture"]
    assert await house.at_provider(payment.key) == ("captured", 0)
    assert await house.balances() == {"customer_funds": -1000, "captured": 1000}
    assert await house.announced() == [
        (
            "payment.succeeded",
            {"payment_id": payment.id, "order_id": payment.order_id, "amount": {"amount": 1000, "currency": "GBP"}},
        )
    ]


@pytest.mark.parametrize("lost", ["deaf", "mute"])
async def test_a_capture_without_an_answer_is_resolved_by_asking(hasty: House, lost):
    payment = await hasty.authorized()
    setattr(hasty.line, lost, {"capture"})
    assert (await capture(hasty.payments, payment.key)).state is State.CAPTURE_UNKNOWN
    resolved = await resolve(hasty.payments, payment.key)
    if lost == "mute":
        assert resolved.state is State.CAPTURED
    else:
        assert resolved.state is State.AUTHORIZED
        setattr(hasty.line, lost, set())
        assert (await capture(hasty.payments, payment.key)).state is State.CAPTURED
    assert await hasty.balances() == {"customer_funds": -1000, "captured": 1000}
    assert [kind for kind, _ in await hasty.announced()] == ["payment.succeeded"]


async def test_a_capture_of_nothing(house: House):
    with pytest.raises(errors.NoSuchPayment):
        await capture(house.payments, "no such key")
    new = new_payment()
    with pytest.raises(errors.PaymentDeclined):
        await authorize(house.payments, new, "tok_declined")
    with pytest.raises(errors.PaymentDeclined):
        await capture(house.payments, new.key)


async def test_a_bank_that_lets_go_before_the_capture(house: House):
    new = new_payment()
    await authorize(house.payments, new, "tok_capture_refused")
    with pytest.raises(errors.PaymentVoided):
        await capture(house.payments, new.key)
    assert await house.balances() == {}
    assert await house.at_provider(new.key) == ("voided", 0)


async def test_an_unknown_payment_is_not_captured(hasty: House):
    hasty.line.deaf = {"authorize"}
    new = new_payment()
    await authorize(hasty.payments, new, "tok_ok")
    with pytest.raises(errors.WrongState):
        await capture(hasty.payments, new.key)


async def test_the_timer_settles_what_nobody_looks_after(new_house: NewHouse):
    house = await new_house(provider_timeout_seconds=0.5, settle_after_seconds=30.0)
    house.line.mute = {"authorize"}
    moved_one, lost_one = new_payment(), new_payment()
    await authorize(house.payments, moved_one, "tok_ok")
    house.line.deaf = {"authorize"}
    await authorize(house.payments, lost_one, "tok_ok")
    house.line.deaf, house.line.mute = set(), set()
    timers = Timers(house.payments)
    await timers.settle_payments()
    for new in (moved_one, lost_one):
        row = await house.row(new.key)
        assert row is not None
        assert row["state"] == "unknown"
    await house.age(31)
    await timers.settle_payments()
    states = {new.key: (await house.row(new.key) or {})["state"] for new in (moved_one, lost_one)}
    assert states == {moved_one.key: "authorized", lost_one.key: "declined"}


async def test_a_good_card_stays_good_when_our_database_goes_away_while_the_provider_is_asked(house: House):
    new = new_payment()
    other = await asyncpg.connect(house.db.dsn)
    async with other.transaction():
        await other.execute("LOCK TABLE simulator.payments IN ACCESS EXCLUSIVE MODE")
        asking = asyncio.create_task(authorize(house.payments, new, "tok_ok"))
        cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"
        async with asyncio.timeout(5):
            while not await other.fetchval(cut):
                await asyncio.sleep(0.01)
        with pytest.raises(DatabaseUnavailable) as cut_off:
            await asking
    assert (cut_off.value.status, cut_off.value.type) == (503, "/problems/database-unavailable")
    await other.close()
    assert await house.at_provider(new.key) is None
    assert (await authorize(house.payments, new, "tok_ok")).state is State.AUTHORIZED
    assert await house.at_provider(new.key) == ("authorized", 0)
    assert await house.balances() == {"customer_funds": -1000, "authorized": 1000}


async def test_what_our_own_database_keeps_from_the_provider_is_no_silence_of_the_provider(hasty: House):
    """The simulator remembers in our database: a lock there is ours, and no answer of a bank."""
    new = new_payment()
    other = await asyncpg.connect(hasty.db.dsn)
    async with other.transaction():
        await other.execute("LOCK TABLE simulator.payments IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Unavailable) as cut_off:
            await authorize(hasty.payments, new, "tok_ok")
    await other.close()
    assert (cut_off.value.status, cut_off.value.type) == (503, "/problems/database-unavailable")
    assert (await authorize(hasty.payments, new, "tok_ok")).state is State.AUTHORIZED


async def interrupted(house: House) -> NewPayment:
    """What is left where this process died, or lost its database, after recording that it additions."""
    new = new_payment()
    await house.payments.additions.submit(new)
    return new


async def test_who_was_interrupted_comes_back_to_a_good_card(house: House):
    """Neither the timer nor a query takes what the provider was never asked for as a refusal."""
    new = await interrupted(house)
    await house.age(house.payments.settings.interrupted_after_seconds - 5)
    timers = Timers(house.payments)
    due = await timers.settle_payments()
    assert due is not None
    assert 0 < due < 6
    assert (await resolve(house.payments, new.key)).state is State.UNKNOWN
    assert (await authorize(house.payments, new, "tok_ok")).state is State.AUTHORIZED
    assert await timers.settle_payments() is None
    assert await house.balances() == {"customer_funds": -1000, "authorized": 1000}


async def test_an_interrupted_payment_that_the_provider_has_answered_is_found_out(house: House):
    """The money was held, and we went away before we had written that down."""
    new = await interrupted(house)
    await house.line.provider.authorize(new.key, order_id=new.order_id, amount=new.amount, token="tok_ok")
    await house.age(60)
    assert (await resolve(house.payments, new.key)).state is State.AUTHORIZED


async def test_an_interrupted_payment_that_nobody_comes_back_to_ends_as_our_fault(house: House):
    new = await interrupted(house)
    await house.age(house.payments.settings.interrupted_after_seconds + 1)
    await Timers(house.payments).settle_payments()
    row = await house.row(new.key)
    assert row is not None
    assert (row["state"], row["decline_reason"]) == ("declined", "payment-interrupted")
    assert await house.at_provider(new.key) == ("voided", 0)
    with pytest.raises(errors.PaymentInterrupted) as refused:
        await authorize(house.payments, new, "tok_ok")
    assert refused.value.status == 503
    assert await house.balances() == {}
    # Another attempt at the same order may begin.
    assert (await house.authorized(order_id=new.order_id)).attempt == 2


async def test_under_a_key_without_an_answer_nothing_else_can_be_asked_for(house: House):
    new = new_payment()
    await house.payments.additions.submit(new)
    with pytest.raises(errors.KeyReused):
        await authorize(house.payments, replace(new, amount=gbp(2000)), "tok_ok")
    await house.payments.db.execute("UPDATE payments SET void_reason = 'changed our mind' WHERE key = $1", new.key)
    with pytest.raises(errors.PaymentVoided):
        await authorize(house.payments, new, "tok_ok")
    assert house.line.asked == []
    assert await house.at_provider(new.key) is None
