"""What every payment provider of ours keeps, as `stoa.ports.payment` says it: the simulator, and Stripe by its library
against a server that speaks as Stripe does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from msgspec.structs import replace
from payment.conftest import gbp, new_payment
from payment.stripe_server import API_KEY, WEBHOOK_SECRET, StripeServer, running

from stoa.kit.money import Money
from stoa.ports.payment import CardRefused, KeepsCards, PaymentProvider, Said, Status
from stoa.services.payment.repository import NewPayment
from stoa.services.payment.simulator import Simulator
from stoa.services.payment.stripe_provider import Stripe


@dataclass
class Behind:
    """A provider, and its names for cards that are as good as their name here."""

    provider: PaymentProvider
    good: str
    declined: str
    insufficient: str
    unknown: str

    async def authorize(self, new: NewPayment, token: str | None = None) -> Said:
        return await self.provider.authorize(
            new.key, order_id=new.order_id, amount=new.amount, token=token or self.good
        )

    async def captured(self) -> NewPayment:
        new = new_payment()
        await self.authorize(new)
        await self.provider.capture(new.key)
        return new


@pytest.fixture(params=["simulator", "stripe"])
async def behind(request: pytest.FixtureRequest, database) -> AsyncIterator[Behind]:
    db = await database("payment")
    if request.param == "simulator":
        simulator = Simulator(db, 3.0, 300)
        yield Behind(simulator, "tok_ok", "tok_declined", "tok_insufficient_funds", "tok_nobody")
        return
    async with running(StripeServer()) as endpoint:
        provider = Stripe(db, api_key=API_KEY, webhook_secret=WEBHOOK_SECRET, endpoint=endpoint, tolerance_seconds=300)
        yield Behind(
            provider,
            "pm_card_visa",
            "pm_card_visa_chargeDeclined",
            "pm_card_visa_chargeDeclinedInsufficientFunds",
            "pm_nobody",
        )
        await provider.close()


def known(said: Said) -> Said:
    """Without what only `query` says."""
    return replace(said, refunded_minor=None)


async def test_it_does_everything_once_per_key_and_says_again_what_happened(behind: Behind) -> None:
    new, provider = new_payment(), behind.provider
    first = await behind.authorize(new)
    assert first.status is Status.AUTHORIZED
    assert first.reference
    for again in (behind.authorize(new), behind.authorize(new, behind.declined), provider.query(new.key)):
        assert known(await again) == known(first)
    captured = await provider.capture(new.key)
    assert (captured.status, captured.reference) == (Status.CAPTURED, first.reference)
    for again in (provider.capture(new.key), provider.void(new.key), provider.query(new.key)):
        assert known(await again) == known(captured)
    assert (await behind.authorize(new)).status in {Status.AUTHORIZED, Status.CAPTURED}


async def test_a_refusal_says_why_and_stays(behind: Behind) -> None:
    for token, reason in (
        (behind.declined, "payment-declined"),
        (behind.insufficient, "insufficient-funds"),
        (behind.unknown, "unknown-token"),
    ):
        new = new_payment()
        said = await behind.authorize(new, token)
        assert (said.status, said.reason) == (Status.DECLINED, reason)
        assert known(await behind.authorize(new, token)) == known(said)
        assert (await behind.provider.capture(new.key)).status is not Status.CAPTURED
        assert (await behind.provider.void(new.key)).status in {Status.DECLINED, Status.VOIDED}


async def test_what_is_held_is_let_go_once(behind: Behind) -> None:
    new = new_payment()
    await behind.authorize(new)
    voided = await behind.provider.void(new.key)
    assert voided.status is Status.VOIDED
    for again in (behind.provider.void(new.key), behind.provider.query(new.key), behind.provider.capture(new.key)):
        assert (await again).status is Status.VOIDED
    assert not (await behind.provider.refund(new.key, refund_key="r", amount=gbp(1))).done


async def test_a_void_that_comes_first_refuses_a_late_authorization(behind: Behind) -> None:
    new, provider = new_payment(), behind.provider
    assert (await provider.query(new.key)).status is Status.ABSENT
    assert (await provider.void(new.key)).status is Status.VOIDED
    assert (await behind.authorize(new)).status is Status.VOIDED
    assert (await provider.query(new.key)).status is Status.VOIDED
    assert (await provider.capture(new.key)).status is Status.VOIDED


async def test_an_authorization_and_a_void_at_once_hold_nothing_in_the_end(behind: Behind) -> None:
    for _ in range(10):
        new = new_payment()
        await asyncio.gather(behind.authorize(new), behind.provider.void(new.key))
        assert (await behind.provider.void(new.key)).status is Status.VOIDED
        assert (await behind.authorize(new)).status is not Status.CAPTURED
        assert (await behind.provider.capture(new.key)).status is Status.VOIDED


async def test_one_key_at_once_holds_once(behind: Behind) -> None:
    new = new_payment()
    said = await asyncio.gather(*(behind.authorize(new) for _ in range(8)))
    assert {one.status for one in said} == {Status.AUTHORIZED}
    assert len({one.reference for one in said}) == 1


async def test_refunds_are_given_once_per_key_and_never_exceed_what_was_captured(behind: Behind) -> None:
    new, provider = await behind.captured(), behind.provider
    one = await provider.refund(new.key, refund_key=f"{new.key} 1", amount=gbp(400))
    assert one == await provider.refund(new.key, refund_key=f"{new.key} 1", amount=gbp(400))
    assert one.done
    assert not (await provider.refund(new.key, refund_key=f"{new.key} 2", amount=gbp(601))).done
    assert (await provider.refund(new.key, refund_key=f"{new.key} 3", amount=gbp(600))).done
    assert not (await provider.refund(new.key, refund_key=f"{new.key} 4", amount=gbp(1))).done
    assert not (await provider.refund("nobody", refund_key="r", amount=gbp(1))).done
    assert (await provider.query(new.key)).refunded_minor == 1000


async def test_refunds_at_once_never_exceed_what_was_captured(behind: Behind) -> None:
    new = await behind.captured()
    said = await asyncio.gather(
        *(behind.provider.refund(new.key, refund_key=f"{new.key} {n}", amount=gbp(300)) for n in range(8))
    )
    assert sum(one.done for one in said) == 3


@pytest.mark.parametrize("amount", [Money(1000, "JPY"), Money(1000, "ISK"), Money(1230, "KWD"), Money(1, "USD")])
async def test_every_currency_is_held_taken_and_given_back_in_full(behind: Behind, amount: Money) -> None:
    new = new_payment(amount=amount)
    assert (await behind.authorize(new)).status is Status.AUTHORIZED
    assert (await behind.provider.capture(new.key)).status is Status.CAPTURED
    assert (await behind.provider.refund(new.key, refund_key=new.key, amount=amount)).done
    assert (await behind.provider.query(new.key)).refunded_minor == amount.amount


async def test_a_card_that_is_kept_pays_again_until_it_is_forgotten(behind: Behind) -> None:
    assert isinstance(behind.provider, KeepsCards)
    ada = new_payment().user_id
    card = await behind.provider.keep(behind.good, customer=ada)
    assert await behind.provider.keep(behind.good, customer=ada) == card
    assert card.reference != behind.good
    assert re.fullmatch("[0-9]{4}", card.last4)
    for _ in range(2):
        new = new_payment(user_id=ada)
        assert (await behind.authorize(new, card.reference)).status is Status.AUTHORIZED
    with pytest.raises(CardRefused):
        await behind.provider.keep(behind.unknown, customer=ada)
    for _ in range(2):
        await behind.provider.forget(card.reference)
