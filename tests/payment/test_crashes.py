"""A process is killed between asking, the bank's doing it and our writing it down: whoever comes back finds out."""

from __future__ import annotations

import asyncio

import pytest
from payment.conftest import House, NewHouse, new_payment
from payment.test_receive_webhook import message, signed
from payment.test_waves import asking, authorize_all, capture_all, said, void_all

from stoa.contracts.payment.v1.payment_pb2 import AuthorizeRequest
from stoa.services.payment import errors
from stoa.services.payment.authorize_payment import authorize
from stoa.services.payment.capture_payment import capture, capture_by_hand
from stoa.services.payment.jobs import Timers
from stoa.services.payment.keep_payment import keep
from stoa.services.payment.receive_webhook import receive
from stoa.services.payment.refund_payment import refund_by_hand
from stoa.services.payment.resolve_payment import resolve
from stoa.services.payment.states import State
from stoa.services.payment.void_payment import void_by_hand

BOUNDARIES = ["dies_before", "dies_after", "recorded"]
"""Asked for and recorded, done by the bank, written down: each time nobody was told."""


async def killed(house: House, act: str, boundary: str, wave: list[AuthorizeRequest]) -> None:
    """Everything of the act ends at the boundary, as with the process."""
    if boundary != "recorded":
        setattr(house.line, boundary, act)
    keys = [one.key for one in wave]
    await {
        "authorize": lambda: authorize_all(house, wave),
        "capture": lambda: capture_all(house, keys),
        "void": lambda: void_all(house, keys),
    }[act]()


@pytest.mark.parametrize("then", ["repeat", "void"])
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("act", ["authorize", "capture", "void"])
async def test_who_asked_comes_back(new_house: NewHouse, act: str, boundary: str, then: str):
    """The checkout does the same again, or turns around: in another process, with all or with some of them."""
    house = await new_house()
    wave = [asking() for _ in range(6)]
    if act != "authorize":
        await authorize_all(house, wave)
    await killed(house, act, boundary, wave)
    there = "none" if act == "authorize" else "authorized"
    by_bank = {"authorize": "authorized", "capture": "captured", "void": "voided"}[act]
    rows = [await house.at_provider(one.key) for one in wave]
    assert [row[0] if row else "none" for row in rows] == [there if boundary == "dies_before" else by_bank] * 6

    other = await new_house(db=house.db)
    keys = [one.key for one in wave]
    if act == "void" or then == "void":
        # What was captured is given back one by one.
        ends = [said(await void_all(other, [key])) for key in keys]
        given_back = act == "capture" and boundary != "dies_before"
        assert ends == [["refunded" if given_back else "voided"]] * 6
        assert await other.balances() == ({"customer_funds": -6000, "refunded": 6000} if given_back else {})
    else:
        assert said(await authorize_all(other, wave)) == ["captured" if _done(act, boundary) else "authorized"] * 6
        assert said(await capture_all(other, keys)) == ["captured"] * 6
        assert await other.balances() == {"customer_funds": -6000, "captured": 6000}
        assert [kind for kind, _ in await other.announced()] == ["payment.succeeded"] * 6
    await other.must_be_sound()


def _done(act: str, boundary: str) -> bool:
    return act == "capture" and boundary == "recorded"


async def taken_and_not_written_down(house: House) -> str:
    """The key of a payment that is AUTHORIZED here and captured at the bank."""
    payment = await house.authorized()
    house.line.dies_after = "capture"
    with pytest.raises(asyncio.CancelledError):
        await capture(house.payments, payment.key)
    house.line.dies_after = ""
    row = await house.row(payment.key)
    assert row is not None
    assert (row["state"], row["version"]) == ("authorized", payment.version)
    assert await house.at_provider(payment.key) == ("captured", 0)
    return payment.key


async def test_a_capture_that_was_not_written_down_is_seen_by_the_audit_until_it_is(house: House):
    key = await taken_and_not_written_down(house)
    with pytest.raises(AssertionError, match=key):
        await house.must_be_sound()
    assert (await capture(house.payments, key)).state is State.CAPTURED
    await house.must_be_sound()


async def test_staff_void_what_was_captured_and_not_written_down(house: House):
    key = await taken_and_not_written_down(house)
    row = await house.row(key)
    assert row is not None
    # Nothing of it can be kept or given back yet: what it took is not known here.
    with pytest.raises(errors.NothingToKeep):
        await keep(house.payments, row["id"])
    with pytest.raises(errors.WrongState):
        await refund_by_hand(house.payments, row["id"], "operator:1", "by hand", None)
    voided = await void_by_hand(house.payments, row["id"], "by hand")
    assert (voided.state, await house.at_provider(key)) == (State.REFUNDED, ("captured", 1000))
    assert [kind for kind, _ in await house.announced()] == ["payment.succeeded", "payment.refunded"]
    await house.must_be_sound()


async def test_staff_capture_what_was_captured_and_not_written_down(house: House):
    key = await taken_and_not_written_down(house)
    row = await house.row(key)
    assert row is not None
    assert (await capture_by_hand(house.payments, row["id"])).state is State.CAPTURED
    kept = await keep(house.payments, row["id"])
    assert kept.kept_at is not None
    await house.must_be_sound()


@pytest.mark.parametrize("by", ["webhook", "resolve"])
async def test_asking_finds_out_what_was_captured_and_not_written_down(house: House, by: str):
    key = await taken_and_not_written_down(house)
    row = await house.row(key)
    assert row is not None
    if by == "webhook":
        body = message(new_payment(key=key, order_id=row["order_id"]), type="payment.captured")
        await receive(house.payments, "simulator", await signed(house, body), body)
    else:
        await resolve(house.payments, key)
    assert (await capture(house.payments, key)).state is State.CAPTURED
    assert house.line.asked.count("capture") == 1
    await house.must_be_sound()


async def test_asking_about_what_is_only_held_changes_nothing(house: House):
    payment = await house.authorized()
    await house.age(3600)
    assert (await resolve(house.payments, payment.key)).state is State.AUTHORIZED
    assert house.line.asked == ["authorize", "query"]
    row = await house.row(payment.key)
    assert row is not None
    assert (row["state"], row["version"]) == ("authorized", payment.version)


@pytest.mark.parametrize("boundary", ["dies_before", "dies_after"])
async def test_a_capture_by_hand_is_settled_by_the_timer(house: House, boundary: str):
    """Staff press once. That they did is recorded before the provider is asked, so that it is looked after."""
    payment = await house.authorized()
    setattr(house.line, boundary, "capture")
    with pytest.raises(asyncio.CancelledError):
        await capture_by_hand(house.payments, payment.id)
    setattr(house.line, boundary, "")
    row = await house.row(payment.key)
    assert row is not None
    assert row["state"] == "capture_unknown"
    await house.age(60)
    await Timers(house.payments).settle_payments()
    row = await house.row(payment.key)
    assert row is not None
    assert row["state"] == ("captured" if boundary == "dies_after" else "authorized")
    await house.must_be_sound()


async def test_a_silence_does_not_undo_what_was_heard_meanwhile(hasty: House):
    """A webhook tells of it before the call's time is up."""
    new = new_payment()
    hasty.line.mute = {"authorize"}
    asking_once = asyncio.create_task(authorize(hasty.payments, new, "tok_ok"))
    async with asyncio.timeout(5):
        while await hasty.at_provider(new.key) is None:
            await asyncio.sleep(0.01)
    other = hasty.line.provider
    said_there = await other.query(new.key)
    row = await hasty.row(new.key)
    assert row is not None
    await hasty.db.execute(
        "UPDATE payments SET state = 'authorized', provider_reference = $2, version = version + 1 WHERE key = $1",
        new.key,
        said_there.reference,
    )
    assert (await asking_once).state is State.AUTHORIZED
    row = await hasty.row(new.key)
    assert row is not None
    assert (row["state"], row["silent"], row["version"]) == ("authorized", False, 2)
