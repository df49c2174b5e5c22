"""Void: whatever happened under a key, or may still happen, is undone."""

from __future__ import annotations

import asyncio

import pytest
from payment.conftest import House, new_payment

from stoa.services.payment import errors
from stoa.services.payment.authorize_payment import authorize
from stoa.services.payment.capture_payment import capture
from stoa.services.payment.jobs import Timers
from stoa.services.payment.states import State
from stoa.services.payment.void_payment import void


async def test_an_authorization_is_let_go_of(house: House):
    payment = await house.authorized()
    for _ in range(2):
        assert (await void(house.payments, payment.key, "changed my mind")).state is State.VOIDED
    assert await house.at_provider(payment.key) == ("voided", 0)
    assert await house.balances() == {}
    with pytest.raises(errors.PaymentVoided):
        await capture(house.payments, payment.key)


async def test_a_capture_is_given_back_in_full(house: House):
    payment = await house.captured()
    for _ in range(2):
        voided = await void(house.payments, payment.key, "checkout failed")
        assert (voided.state, voided.refunded_minor) == (State.REFUNDED, 1000)
    assert await house.at_provider(payment.key) == ("captured", 1000)
    assert await house.balances() == {"customer_funds": -1000, "refunded": 1000}
    assert [kind for kind, _ in await house.announced()] == ["payment.succeeded", "payment.refunded"]


async def test_an_unknown_key_becomes_a_tombstone(house: House):
    new = new_payment()
    for _ in range(2):
        assert (await void(house.payments, new.key, "checkout failed")).state is State.VOIDED
    with pytest.raises(errors.PaymentVoided):
        await authorize(house.payments, new, "tok_ok")
    assert await house.at_provider(new.key) is None
    assert await house.balances() == {}


async def test_a_decline_stays_a_decline(house: House):
    new = new_payment()
    with pytest.raises(errors.PaymentDeclined):
        await authorize(house.payments, new, "tok_declined")
    assert (await void(house.payments, new.key, "checkout failed")).state is State.DECLINED


@pytest.mark.parametrize("lost", ["deaf", "mute"])
async def test_an_authorization_without_an_answer(hasty: House, lost):
    setattr(hasty.line, lost, {"authorize"})
    new = new_payment()
    await authorize(hasty.payments, new, "tok_ok")
    assert (await void(hasty.payments, new.key, "checkout failed")).state is State.VOIDED
    assert await hasty.at_provider(new.key) == ("voided", 0)
    assert await hasty.balances() == {}


@pytest.mark.parametrize(("lost", "ends"), [("deaf", State.VOIDED), ("mute", State.REFUNDED)])
async def test_a_capture_without_an_answer(hasty: House, lost, ends):
    payment = await hasty.authorized()
    setattr(hasty.line, lost, {"capture"})
    await capture(hasty.payments, payment.key)
    assert (await void(hasty.payments, payment.key, "checkout failed")).state is ends
    balances = await hasty.balances()
    assert balances == ({} if ends is State.VOIDED else {"customer_funds": -1000, "refunded": 1000})


@pytest.mark.parametrize("act", ["void", "refund"])
async def test_a_provider_that_is_silent_now_is_asked_again(hasty: House, act):
    payment = await (hasty.authorized() if act == "void" else hasty.captured())
    hasty.line.deaf = {act}
    with pytest.raises(errors.ProviderSilent):
        await void(hasty.payments, payment.key, "checkout failed")
    hasty.line.deaf = set()
    ends = State.VOIDED if act == "void" else State.REFUNDED
    assert (await void(hasty.payments, payment.key, "checkout failed")).state is ends


async def test_a_void_that_nobody_repeats_is_finished_by_the_timer(hasty: House):
    payment = await hasty.authorized()
    hasty.line.deaf = {"void"}
    with pytest.raises(errors.ProviderSilent):
        await void(hasty.payments, payment.key, "checkout failed")
    hasty.line.deaf = set()
    with pytest.raises(errors.PaymentVoided):
        await capture(hasty.payments, payment.key)
    await hasty.age(60)
    await Timers(hasty.payments).settle_payments()
    assert await hasty.at_provider(payment.key) == ("voided", 0)
    assert await hasty.balances() == {}


@pytest.mark.parametrize("seed", range(5))
async def test_void_races_with_authorize_and_capture(house: House, seed):
    new = new_payment()

    async def buy() -> None:
        await authorize(house.payments, new, "tok_ok")
        await capture(house.payments, new.key)

    async def give_up() -> None:
        await asyncio.sleep(seed * 0.003)
        await void(house.payments, new.key, "checkout failed")

    await asyncio.gather(buy(), give_up(), return_exceptions=True)
    await void(house.payments, new.key, "checkout failed")
    at_provider = await house.at_provider(new.key)
    assert at_provider in {None, ("voided", 0), ("captured", 1000)}
    balances = await house.balances()
    assert balances == ({"customer_funds": -1000, "refunded": 1000} if at_provider == ("captured", 1000) else {})
