"""Webhooks: a genuine one makes us ask the provider; one that is not changes nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

import msgspec
import pytest
from payment.conftest import House, new_payment

from stoa.kit.problems import Unprocessable
from stoa.kit.settings import BadSetting
from stoa.ports.payment import PaymentProvider
from stoa.services.payment import errors
from stoa.services.payment.authorize_payment import authorize
from stoa.services.payment.providers import Providers
from stoa.services.payment.receive_webhook import receive
from stoa.services.payment.repository import NewPayment, webhook_secret
from stoa.services.payment.signature import is_genuine, sign
from stoa.services.payment.simulator import SIGNATURE

BODY = b'{"id": "evt_1"}'


def message(new: NewPayment, **changes) -> bytes:
    event = {
        "id": "evt_1",
        "type": "payment.authorized",
        "key": new.key,
        "order_id": new.order_id,
        "amount": {"amount": 1000, "currency": "GBP"},
        "something_new": True,
    }
    return msgspec.json.encode(event | changes)


async def signed(house: House, body: bytes, *, age_seconds: int = 0) -> dict[str, str]:
    secret = await webhook_secret(house.db, "simulator")
    return {SIGNATURE: sign(secret, int(time.time()) - age_seconds, body)}


async def unknown(house: House) -> NewPayment:
    """A payment that the provider has authorized without our hearing of it."""
    house.line.mute = {"authorize"}
    new = new_payment()
    await authorize(house.payments, new, "tok_ok")
    house.line.asked.clear()
    return new


async def state(house: House, new: NewPayment) -> str:
    row = await house.row(new.key)
    assert row is not None
    return str(row["state"])


@pytest.mark.parametrize(
    "header",
    [
        "",
        "v1=abc",
        "t=1000,v1=" + "0" * 64,
        sign("another secret", 1000, BODY),
        sign("secret", 1000, BODY + b" "),
        sign("secret", 1000, BODY).upper(),
        sign("secret", 1000, BODY).replace("t=1000", "t=1001"),
        sign("secret", 699, BODY),
        sign("secret", 1301, BODY),
        sign("secret", 1000, BODY) + "\n",
    ],
)
def test_a_signature_that_is_not_genuine(header):
    assert not is_genuine(header, "secret", BODY, now=1000, tolerance_seconds=300)


@pytest.mark.parametrize("timestamp", [700, 1000, 1300])
def test_a_signature_that_is(timestamp):
    assert is_genuine(sign("secret", timestamp, BODY), "secret", BODY, now=1000, tolerance_seconds=300)


async def test_a_genuine_webhook_resolves_what_is_unknown(hasty: House):
    new = await unknown(hasty)
    body = message(new)
    await receive(hasty.payments, "simulator", await signed(hasty, body), body)
    assert await state(hasty, new) == "authorized"


async def test_a_webhook_that_lies_is_not_believed(hasty: House):
    """Genuine, but the provider itself says otherwise when it is asked."""
    new = await unknown(hasty)
    body = message(new, type="payment.captured")
    await receive(hasty.payments, "simulator", await signed(hasty, body), body)
    assert await state(hasty, new) == "authorized"


async def test_a_second_delivery_changes_nothing_and_asks_nobody(hasty: House):
    new = await unknown(hasty)
    hasty.line.deaf = {"query"}
    body = message(new)
    for _ in range(3):
        await receive(hasty.payments, "simulator", await signed(hasty, body), body)
    assert hasty.line.asked == ["query"]
    assert await hasty.db.fetchval("SELECT count(*) FROM webhook_events") == 1


async def test_a_forged_or_old_one_is_refused(hasty: House):
    new = await unknown(hasty)
    body = message(new)
    for headers in ({}, await signed(hasty, body + b" "), await signed(hasty, body, age_seconds=301)):
        with pytest.raises(errors.BadSignature):
            await receive(hasty.payments, "simulator", headers, body)
    assert await state(hasty, new) == "unknown"
    assert await hasty.db.fetchval("SELECT count(*) FROM webhook_events") == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"key": "another"}, "key"),
        ({"order_id": "another"}, "order_id"),
        ({"amount": {"amount": 999, "currency": "GBP"}}, "amount"),
        ({"amount": {"amount": 1000, "currency": "EUR"}}, "amount"),
    ],
)
async def test_one_that_does_not_match_the_payment_is_refused(hasty: House, changes, field):
    new = await unknown(hasty)
    body = message(new, **changes)
    with pytest.raises(errors.WebhookMismatch) as refusal:
        await receive(hasty.payments, "simulator", await signed(hasty, body), body)
    assert (refusal.value.status, refusal.value.field) == (422, field)
    assert await state(hasty, new) == "unknown"
    assert await hasty.db.fetchval("SELECT count(*) FROM webhook_events") == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"id": 1}', b"\xff", b"[" * 100_000])
async def test_one_that_cannot_be_read_is_refused(hasty: House, body):
    with pytest.raises(Unprocessable):
        await receive(hasty.payments, "simulator", await signed(hasty, body), body)


async def test_the_simulator_sends_its_webhook_twice(house: House):
    new = new_payment()
    await authorize(house.payments, new, "tok_duplicate_webhook")
    sent: list[tuple[Mapping[str, str], bytes]] = []

    async def take(headers: Mapping[str, str], body: bytes) -> None:
        sent.append((headers, body))
        await receive(house.payments, "simulator", headers, body)

    await house.line.provider.send_webhooks(take)
    await house.line.provider.send_webhooks(take)
    assert len(sent) == 2
    assert sent[0][1] == sent[1][1]
    assert await state(house, new) == "authorized"
    assert await house.balances() == {"customer_funds": -1000, "authorized": 1000}
    assert await house.db.fetchval("SELECT count(*) FROM webhook_events") == 1


async def test_a_webhook_that_is_refused_is_sent_again(house: House):
    await authorize(house.payments, new_payment(), "tok_duplicate_webhook")

    async def refuse(headers: Mapping[str, str], body: bytes) -> None:
        raise errors.BadSignature

    await house.line.provider.send_webhooks(refuse)
    taken: list[bytes] = []

    async def take(headers: Mapping[str, str], body: bytes) -> None:
        taken.append(body)

    await house.line.provider.send_webhooks(take)
    assert len(taken) == 2


async def test_a_webhook_of_a_provider_that_nobody_has_is_no_alarm(house: House, said):
    """Anybody may name one; what is logged as an error is that money waits for one."""

    def build(name: str) -> PaymentProvider:
        if name != "simulator":
            raise BadSetting(f"there is no {name}")
        return house.line

    payments = replace(house.payments, providers=Providers("simulator", build))
    with pytest.raises(errors.NoSuchProvider):
        await receive(payments, "x" * 99, {}, BODY)
    assert said == []
    with pytest.raises(errors.ProviderGone):
        payments.providers.of("gone")
    assert [message for _, message in said] == ["payments are with a provider that cannot be had: there is no gone"]
