"""The shop goes back to a backup, and its provider does not: what was under way then has gone on there since."""

from __future__ import annotations

import pytest
from payment.conftest import House, new_payment

from stoa.services.payment.authorize_payment import authorize
from stoa.services.payment.capture_payment import capture
from stoa.services.payment.repository import NewPayment
from stoa.services.payment.resolve_payment import resolve
from stoa.services.payment.states import State
from stoa.services.payment.void_payment import void


async def taken_since(house: House, *, recorded: bool) -> NewPayment:
    """Captured by the shop before; here it was `recorded` that the provider would be asked, or not even that."""
    new = new_payment()
    if recorded:
        await house.payments.additions.submit(new)
    await house.line.provider.authorize(new.key, order_id=new.order_id, amount=new.amount, token="tok_ok")
    await house.line.provider.capture(new.key)
    return new


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("silent", [False, True])
async def test_who_asks_again_has_it_once(hasty: House, recorded: bool, silent: bool):
    new = await taken_since(hasty, recorded=recorded)
    if silent:
        hasty.line.mute = {"authorize"}
        assert (await authorize(hasty.payments, new, "tok_ok")).state is State.UNKNOWN
        assert (await resolve(hasty.payments, new.key)).state is State.AUTHORIZED
    assert (await authorize(hasty.payments, new, "tok_ok")).state is State.AUTHORIZED
    assert (await capture(hasty.payments, new.key)).state is State.CAPTURED
    assert await hasty.balances() == {"customer_funds": -1000, "captured": 1000}
    assert await hasty.at_provider(new.key) == ("captured", 0)
    assert [kind for kind, _ in await hasty.announced()] == ["payment.succeeded"]
    await hasty.must_be_sound()


async def test_who_turns_around_gives_it_back(house: House):
    new = await taken_since(house, recorded=True)
    for _ in range(2):
        assert (await void(house.payments, new.key, "checkout failed")).state is State.REFUNDED
    assert await house.balances() == {"customer_funds": -1000, "refunded": 1000}
    assert await house.at_provider(new.key) == ("captured", 1000)
    await house.must_be_sound()
