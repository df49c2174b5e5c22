"""Customers let the shop keep their cards, pay by them, and take them away.

The provider keeps the card; here is its name for it, and what the shopper knows it by. What is taken away is nobody's
at once, and the provider is told until it has heard.
"""

from __future__ import annotations

from msgspec.structs import replace

from stoa.kit.problems import Problem
from stoa.ports.payment import CardRefused, KeepsCards
from stoa.services.payment import methods_repository
from stoa.services.payment.errors import CardsNotKept, NoSuchPaymentMethod, TooManyPaymentMethods, UnknownToken
from stoa.services.payment.methods_repository import PaymentMethod
from stoa.services.payment.service import Payments

MOST_OF_A_USER = 20
ONE_ROUND = 100
AGAIN_SECONDS = 600.0
"""After which a provider that did not answer is told again that a card is to be forgotten."""


async def keep_card(payments: Payments, user_id: str, token: str, *, is_default: bool) -> PaymentMethod:
    """The card, kept; a repeat keeps it once. The first of a user is the default.

    Raises `CardsNotKept` where the provider keeps none, `UnknownToken`, `TooManyPaymentMethods`, `ProviderSilent`.
    """
    name = payments.providers.current
    provider = payments.providers.of(name)
    if not isinstance(provider, KeepsCards):
        raise CardsNotKept
    if len(await methods_repository.of_user(payments.db, user_id)) >= MOST_OF_A_USER:
        raise TooManyPaymentMethods(MOST_OF_A_USER)
    try:
        card = await payments.ask(provider.keep(token, customer=user_id))
    except CardRefused:
        raise UnknownToken("token") from None
    async with payments.db.transaction() as tx:
        await methods_repository.lock_user(tx, user_id)
        kept = await methods_repository.add(tx, user_id, name, card)
        if is_default and not kept.is_default:
            await methods_repository.make_default(tx, user_id, kept.id)
            return replace(kept, is_default=True)
        return kept


async def make_default(payments: Payments, user_id: str, method_id: str) -> PaymentMethod:
    """The one that is suggested first. Raises `NoSuchPaymentMethod`. A repeat changes nothing."""
    async with payments.db.transaction() as tx:
        await methods_repository.lock_user(tx, user_id)
        chosen = await methods_repository.method(tx, user_id, method_id)
        if chosen is None:
            raise NoSuchPaymentMethod
        await methods_repository.make_default(tx, user_id, method_id)
        return replace(chosen, is_default=True)


async def forget_card(payments: Payments, user_id: str, method_id: str) -> None:
    """Nobody pays by it from now on. One that is not there is forgotten already."""
    async with payments.db.transaction() as tx:
        await methods_repository.lock_user(tx, user_id)
        await methods_repository.forget(tx, user_id, method_id)


async def forget_at_providers(payments: Payments) -> float | None:
    """A round of the cards that were taken away; in how many seconds the next is due."""
    for one in await methods_repository.to_forget(payments.db, ONE_ROUND):
        try:
            provider = payments.providers.of(one.provider)
            if isinstance(provider, KeepsCards):
                await payments.ask(provider.forget(one.reference))
        except Problem:
            await methods_repository.postpone(payments.db, one.id, AGAIN_SECONDS)
        else:
            await methods_repository.remove(payments.db, one.id)
    return await methods_repository.next_to_forget(payments.db)


async def token_of(payments: Payments, user_id: str | None, provider: str, method_id: str) -> str:
    """What a payment by a kept card is authorized with; empty where the user has none such with this provider."""
    found = await methods_repository.method(payments.db, user_id, method_id) if user_id else None
    return found.reference if found is not None and found.provider == provider else ""
