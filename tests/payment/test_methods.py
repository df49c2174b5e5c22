"""Cards that customers let the shop keep: theirs alone, paid by as long as they are kept."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest
from payment.conftest import House, new_payment

from stoa.kit.events import Event
from stoa.kit.ids import uuid7
from stoa.services.payment.authorize_payment import authorize
from stoa.services.payment.errors import CardsNotKept, InsufficientFunds, UnknownPaymentMethod
from stoa.services.payment.handlers import handlers
from stoa.services.payment.jobs import Timers
from stoa.services.payment.keep_card import MOST_OF_A_USER, forget_at_providers, keep_card
from stoa.services.payment.providers import Providers
from stoa.services.payment.states import State
from stoa.testing import new_user

PATH = "/payments/methods"


@pytest.fixture
def ada():
    return new_user()


async def keep(rest, user, token="tok_ok", **more):
    return await rest.ok("POST", PATH, {"token": token, **more}, user=user, status=201)


async def test_cards_are_kept_listed_chosen_and_forgotten(rest, ada):
    first = await keep(rest, ada)
    assert (first["provider"], first["brand"], first["expires"], first["is_default"]) == (
        "simulator",
        "simulated",
        "",
        True,
    )
    assert re.fullmatch("[0-9]{4}", first["last4"])
    assert "tok_ok" not in str(first)
    second = await keep(rest, ada, "tok_declined")
    assert second["is_default"] is False
    assert await keep(rest, ada) == first
    assert (await rest.ok("GET", PATH, user=ada))["items"] == [first, second]
    chosen = await rest.ok("PUT", f"{PATH}/{second['id']}/default", user=ada)
    assert chosen == second | {"is_default": True}
    assert [one["is_default"] for one in (await rest.ok("GET", PATH, user=ada))["items"]] == [False, True]
    third = await keep(rest, ada, "tok_timeout", is_default=True)
    assert [one["is_default"] for one in (await rest.ok("GET", PATH, user=ada))["items"]] == [False, False, True]
    for _ in range(2):
        assert (await rest.send("DELETE", f"{PATH}/{third['id']}", user=ada)).status == 204
    assert [one["id"] for one in (await rest.ok("GET", PATH, user=ada))["items"]] == [first["id"], second["id"]]


async def test_nobody_sees_or_changes_anothers(rest, ada):
    card, eve = await keep(rest, ada), new_user()
    assert (await rest.ok("GET", PATH, user=eve))["items"] == []
    refused = await rest.send("PUT", f"{PATH}/{card['id']}/default", user=eve)
    assert (refused.status, refused.body["type"]) == (404, "/problems/payment-method-not-found")
    assert (await rest.send("DELETE", f"{PATH}/{card['id']}", user=eve)).status == 204
    assert (await rest.ok("GET", PATH, user=ada))["items"] == [card]


async def test_what_is_refused_keeps_nothing(rest, house, ada):
    refused = await rest.send("POST", PATH, {"token": "4242424242424242"}, user=ada)
    assert (refused.status, refused.body["type"], refused.body["field"]) == (422, "/problems/unknown-token", "token")
    for _ in range(MOST_OF_A_USER):
        await house.db.execute(
            "INSERT INTO payment_methods (id, user_id, provider, reference, brand, last4, expires)"
            " VALUES ($1::uuid, $2, 'simulator', $1::text, '', '', '')",
            uuid7(),
            ada.id,
        )
    full = await rest.send("POST", PATH, {"token": "tok_ok"}, user=ada)
    assert (full.status, full.body["type"], full.body["limit"]) == (409, "/problems/too-many-payment-methods", 20)
    assert len(await keep_of(house, ada)) == MOST_OF_A_USER


async def keep_of(house: House, user) -> list[str]:
    return [row["id"] for row in await house.db.fetch("SELECT id FROM payment_methods WHERE user_id = $1", user.id)]


class TakesPaymentsOnly:
    """A provider as those of before: it keeps no cards, and nothing else is asked of it here."""


async def test_where_the_provider_keeps_no_cards_the_shop_does_not(house: House, ada):
    providers = Providers("plain", {"plain": TakesPaymentsOnly()}.__getitem__)
    with pytest.raises(CardsNotKept):
        await keep_card(replace(house.payments, providers=providers), ada.id, "tok_ok", is_default=False)
    assert await keep_of(house, ada) == []


async def test_a_kept_card_pays_and_declines_as_the_card_does(rest, house: House, ada):
    good, poor = await keep(rest, ada), await keep(rest, ada, "tok_insufficient_funds")
    new = new_payment(user_id=ada.id)
    paid = await authorize(house.payments, new, "", good["id"])
    assert paid.state is State.AUTHORIZED
    assert (await rest.send("DELETE", f"{PATH}/{good['id']}", user=ada)).status == 204
    again = await authorize(house.payments, new, "", good["id"])
    assert (again.id, again.state, again.version) == (paid.id, paid.state, paid.version)
    with pytest.raises(InsufficientFunds):
        await authorize(house.payments, new_payment(user_id=ada.id), "", poor["id"])


async def test_a_card_that_is_not_the_buyers_takes_nothing(rest, house: House, ada):
    card = await keep(rest, ada)
    gone = await keep(rest, ada, "tok_declined")
    await rest.send("DELETE", f"{PATH}/{gone['id']}", user=ada)
    for user_id, method_id in ((uuid7(), card["id"]), (None, card["id"]), (ada.id, gone["id"]), (ada.id, uuid7())):
        new = new_payment(user_id=user_id)
        for _ in range(2):
            with pytest.raises(UnknownPaymentMethod):
                await authorize(house.payments, new, "", method_id)
        assert (await house.row(new.key))["decline_reason"] == "unknown-payment-method"
    await house.db.execute("UPDATE payment_methods SET provider = 'another'")
    with pytest.raises(UnknownPaymentMethod):
        await authorize(house.payments, new_payment(user_id=ada.id), "", card["id"])
    assert "authorize" not in house.line.asked
    await house.must_be_sound()


async def test_two_at_once_are_one_default(rest, house: House, ada):
    tokens = ("tok_ok", "tok_declined", "tok_timeout", "tok_duplicate_webhook")
    await asyncio.gather(*(keep(rest, ada, token, is_default=True) for token in tokens for _ in range(2)))
    items = (await rest.ok("GET", PATH, user=ada))["items"]
    assert (len(items), sum(one["is_default"] for one in items)) == (4, 1)


async def test_the_provider_is_told_until_it_has_heard(rest, hasty: House, ada):
    provider = hasty.line.provider
    card = await provider.keep("tok_ok", customer=ada.id)
    await hasty.db.execute(
        "INSERT INTO payment_methods (id, user_id, provider, reference, brand, last4, expires, forgotten_at)"
        " VALUES ($1, $2, 'simulator', $3, '', '', '', now())",
        uuid7(),
        ada.id,
        card.reference,
    )
    hasty.line.deaf.add("forget")
    assert 590 < await forget_at_providers(hasty.payments) <= 600
    assert await hasty.db.fetchval("SELECT count(*) FROM simulator.cards") == 1
    hasty.line.deaf.clear()
    await hasty.db.execute("UPDATE payment_methods SET forgotten_at = now()")
    assert await forget_at_providers(hasty.payments) is None
    assert await hasty.db.fetchval("SELECT count(*) FROM simulator.cards") == 0
    assert await hasty.db.fetchval("SELECT count(*) FROM payment_methods") == 0


async def test_with_the_account_its_cards_go(rest, house: House, ada):
    await keep(rest, ada)
    other = new_user()
    await keep(rest, other)
    event = Event(
        id=uuid7(),
        type="user.deleted",
        source="auth",
        subject=ada.id,
        time="2026-01-01T00:00:00Z",
        aggregateversion=9,
        traceparent="",
        data={"user_id": ada.id},
    )
    for _ in range(2):
        async with house.db.transaction() as tx:
            await handlers(house.payments.outbox, Timers(house.payments))["user.deleted"](tx, event)
    assert (await rest.ok("GET", PATH, user=ada))["items"] == []
    assert await forget_at_providers(house.payments) is None
    assert await house.db.fetchval("SELECT count(*) FROM simulator.cards") == 1
    assert len((await rest.ok("GET", PATH, user=other))["items"]) == 1
