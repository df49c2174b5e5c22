"""Open an account."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from stoa.kit import clock
from stoa.kit.emails import normalised
from stoa.kit.idempotency import KeyReused
from stoa.kit.ids import uuid7
from stoa.services.auth import guessing, passwords, repository
from stoa.services.auth.errors import EmailTaken, TooManyRegistrations, WrongCredentials
from stoa.services.auth.events import UserRegistered
from stoa.services.auth.login import login
from stoa.services.auth.repository import NewUser, User
from stoa.services.auth.service import Auth
from stoa.services.auth.sessions import open_session, signed_in
from stoa.services.auth.views import SignedIn


@dataclass(frozen=True, kw_only=True)
class Registration:
    email: str
    password: str
    first_name: str
    last_name: str
    phone: str = ""


async def register(auth: Auth, wanted: Registration, *, client: str, key: str | None) -> SignedIn:
    """A new customer, signed in and announced. `key` is the Idempotency-Key, `client` the caller's address.

    The answer holds tokens and the request a password, so neither is kept for a repeat. Instead the account
    remembers a hash of its key for a day: the same request under the same key is a sign-in to the account
    that it made, in a session of its own. A key counts for one e-mail address: a network address is shared by
    many, and changes under a telephone that tries again. Raises `EmailTaken`, `UnusableEmail`, `UnusablePassword`,
    `TooBusy`, `KeyReused` for another request under the same key, and `TooManyRegistrations`, whatever the address,
    where the caller's network has been told too often that an address has an account.
    """
    email = normalised(wanted.email)
    passwords.accept(wanted.password, email)
    await auth.keyring.ready()
    registration_key = None if key is None else hashlib.sha256(f"{email}\n{key}".encode()).digest()
    if registration_key is not None:
        made = await repository.find_user_by_registration(auth.db, registration_key)
        if made is not None:
            return await _again(auth, wanted, email, made, client)
    network = guessing.network_of(client)
    await _refuse_who_asks_around(auth, network)
    with auth.hashing.place():
        password_hash = await auth.hashing.hash(wanted.password)
    new = NewUser(
        id=uuid7(),
        email=email,
        password_hash=password_hash,
        first_name=wanted.first_name,
        last_name=wanted.last_name,
        phone=wanted.phone,
        roles=["customer"],
        registration_key=registration_key,
    )
    # One after the other from a network, so that a thousand at the same moment learn no more than one by one.
    async with auth.turns.of(f"{guessing.REGISTRATIONS!r} {network}".encode()):
        await _refuse_who_asks_around(auth, network)
        async with auth.db.transaction() as tx:
            user = await repository.add_user(tx, new)
            if user is not None:
                opened = await open_session(auth, tx, user.id, client)
                await auth.outbox.announce(tx, subject=user.id, version=1, fact=registered(new))
        if user is not None:
            return signed_in(auth, user, opened)
        made = None
        if registration_key is not None:
            made = await repository.find_user_by_registration(auth.db, registration_key)
        if made is None:
            await _count_an_answer(auth, network)
            raise EmailTaken
    return await _again(auth, wanted, email, made, client)


async def _refuse_who_asks_around(auth: Auth, network: str) -> None:
    tally = await repository.find_tally(auth.db, guessing.REGISTRATIONS, network)
    wait = guessing.seconds_to_wait_alone(tally, clock.now())
    if wait > 0:
        raise TooManyRegistrations(wait)


async def _count_an_answer(auth: Auth, network: str) -> None:
    async with auth.db.transaction() as tx:
        tally = await repository.hold_tally(tx, guessing.REGISTRATIONS, network)
        await repository.write_tallies(tx, guessing.REGISTRATIONS, [guessing.counted(tally, clock.now())])


def registered(new: NewUser) -> UserRegistered:
    return UserRegistered(
        user_id=new.id, email=new.email, first_name=new.first_name, last_name=new.last_name, phone=new.phone
    )


async def _again(auth: Auth, wanted: Registration, email: str, made: User, client: str) -> SignedIn:
    """The answer to a repeat: `made` is the account that the key stands for."""
    reused = KeyReused("This key came with another request before: use a new one.", field="Idempotency-Key")
    asked_for = (email, wanted.first_name, wanted.last_name, wanted.phone)
    if asked_for != (made.email, made.first_name, made.last_name, made.phone):
        raise reused
    try:
        return await login(auth, email=email, password=wanted.password, client=client)
    except WrongCredentials:
        raise reused from None
