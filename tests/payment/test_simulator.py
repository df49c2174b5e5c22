"""The simulator remembers, does everything once per key, and refuses what comes after a void."""

from __future__ import annotations

import asyncio

from payment.conftest import House, gbp, new_payment

from stoa.ports.payment import Status
from stoa.services.payment.simulator import Simulator, moved


async def test_it_does_everything_once_per_key_and_says_again_what_happened(house: House):
    provider, new = house.line.provider, new_payment()

    async def authorize(token: str):
        return await provider.authorize(new.key, order_id=new.order_id, amount=new.amount, token=token)

    first = await authorize("tok_ok")
    assert first.status is Status.AUTHORIZED
    assert await authorize("tok_declined") == first
    assert await provider.query(new.key) == first
    captured = await provider.capture(new.key)
    assert (captured.status, captured.reference) == (Status.CAPTURED, first.reference)
    assert await provider.capture(new.key) == captured
    assert await provider.void(new.key) == captured
    one = await provider.refund(new.key, refund_key="r1", amount=gbp(400))
    again = await provider.refund(new.key, refund_key="r1", amount=gbp(400))
    assert one == again
    assert one.done
    assert not (await provider.refund(new.key, refund_key="r2", amount=gbp(601))).done
    assert (await provider.refund(new.key, refund_key="r3", amount=gbp(600))).done
    assert await house.at_provider(new.key) == ("captured", 1000)


async def test_its_memory_outlives_it(house: House):
    new = new_payment()
    await house.line.provider.authorize(new.key, order_id=new.order_id, amount=new.amount, token="tok_ok")
    assert (await Simulator(house.db, 3.0, 300).query(new.key)).status is Status.AUTHORIZED


async def test_a_void_that_comes_first_refuses_a_late_authorization(house: House):
    provider, new = house.line.provider, new_payment()
    assert (await provider.query(new.key)).status is Status.ABSENT
    assert (await provider.void(new.key)).status is Status.VOIDED
    late = await provider.authorize(new.key, order_id=new.order_id, amount=new.amount, token="tok_ok")
    assert late.status is Status.VOIDED
    assert (await provider.capture(new.key)).status is Status.VOIDED
    assert not (await provider.refund(new.key, refund_key="r", amount=gbp(1))).done


async def test_silence_moves_money_one_time_in_two(house: House):
    keys = [new_payment().key for _ in range(200)]
    assert 60 < sum(moved(key) for key in keys) < 140
    assert [moved(key) for key in keys] == [moved(key) for key in keys]


async def test_refunds_at_once_never_exceed_what_was_captured(house: House):
    payment = await house.captured()
    said = await asyncio.gather(
        *(house.line.provider.refund(payment.key, refund_key=f"r{number}", amount=gbp(300)) for number in range(8))
    )
    assert sum(one.done for one in said) == 3
    assert await house.at_provider(payment.key) == ("captured", 900)
