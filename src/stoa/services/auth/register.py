"""Open an account."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from stoa.kit import clock
from stoa.kit.db import Transaction
from stoa.kit.emails import normalized
from stoa.kit.idempotency import KeyReused
from stoa.kit.ids import uuid7
from stoa.kit.problems import Problem
from stoa.services.auth import guessing, passwords, prove_address, repository
from stoa.services.auth.errors import EmailTaken, WrongCode, WrongCredentials
from stoa.services.auth.events import UserRegistered
from stoa.services.auth.login import login
from stoa.services.auth.repository import NewUser, User
from stoa.services.auth.roles import CUSTOMER
from stoa.services.auth.service import Auth
from stoa.services.auth.sessions import Opened, open_session, signed_in
from stoa.services.auth.views import SignedIn


@dataclass(frozen=True, kw_only=True)
class Registration:
    email: str
    password: str
    first_name: str
    last_name: str
    phone: str = ""
    code: str = ""
    """What a mail to the address says, where one was sent."""


async def register(auth: Auth, wanted: Registration, *, client: str, key: str | None) -> SignedIn:
    """A new customer, signed in and announced. `key` is the Idempotency-Key, `client` the caller's address.

    The answer holds tokens and the request a password, so neither is kept for a repeat. Instead the account
    remembers a hash of its key for a day: the same request under the same key is a sign-in to the account
    that it made, in a session of its own. A key counts for one e-mail address: a network address is shared by
    many, and changes under a telephone that tries again. Raises `EmailTaken`, `UnusableEmail`, `UnusablePassword`,
    `TooBusy`, `KeyReused` for another request under the same key. Where the caller's network was told too often that
    an address has an account it raises `ProveAddress`, or `TooManyMails`, whatever the address; and `WrongCode` for a
    `code` that is not the one in the mail that is sent then.
    """
    email = normalized(wanted.email)
    passwords.accept(wanted.password, email)
    await auth.keyring.ready()
    registration_key = None if key is None else hashlib.sha256(f"{email}\n{key}".encode()).digest()
    # Before the account that the key stands for is looked for: the first of two makes it when it uses the code up.
    has_good_code = bool(wanted.code) and await prove_address.is_good(auth, email, wanted.code)
    if registration_key is not None:
        made = await repository.find_user_by_registration(auth.db, registration_key)
        if made is not None:
            return await _again(auth, wanted, made, client)
    if wanted.code:
        if not has_good_code:
            raise WrongCode
    elif await _is_told_no_more(auth, client):
        raise await prove_address.ask(auth, email, client)
    with auth.hashing.place():
        password_hash = await auth.hashing.hash(wanted.password)
    new = NewUser(
        id=uuid7(),
        email=email,
        password_hash=password_hash,
        first_name=wanted.first_name,
        last_name=wanted.last_name,
        phone=wanted.phone,
        roles=[CUSTOMER],
        registration_key=registration_key,
    )
    # One after the other from a network, and here: nobody waits in a transaction for those before him.
    async with (
        auth.locks.holding(f"registering from {guessing.network_of(client)}".encode()),
        auth.db.transaction() as tx,
    ):
        outcome = await _enter(auth, tx, new, code=wanted.code, client=client)
    if outcome is None:
        raise await prove_address.ask(auth, email, client)
    if isinstance(outcome, Problem):
        raise outcome
    user, opened = outcome
    return await _again(auth, wanted, user, client) if opened is None else await signed_in(auth, user, opened)


async def _enter(
    auth: Auth, tx: Transaction, new: NewUser, *, code: str, client: str
) -> tuple[User, Opened | None] | Problem | None:
    """The new user with a session; the user that the key stands for, without; why not; or None for a proof first.

    What tells that an address has an account is counted here, under a lock for each network, so that a thousand at the
    same moment learn no more than one by one. Who has proven the address learns of their own.
    """
    network, now, full_at = guessing.network_of(client), clock.now(), None
    if code:
        proven = await prove_address.use(tx, new.email, code)
    else:
        proven, full_at = False, await repository.hold_allowance(tx, network, guessing.TOLD.name, now)
        if guessing.TOLD.seconds_to_wait(full_at, now):
            return None
    if proven or not code:
        user = await repository.add_user(tx, new)
        if user is not None:
            opened = await open_session(auth, tx, user.id, client)
            await auth.outbox.announce(tx, subject=user.id, version=1, fact=registered(new))
            return user, opened
    if new.registration_key is not None:
        made = await repository.find_user_by_registration(tx, new.registration_key)
        if made is not None:
            return made, None
    if full_at is not None:
        await repository.set_allowance(tx, network, guessing.TOLD.name, guessing.TOLD.used(full_at, now))
    return EmailTaken() if proven or not code else WrongCode()


async def _is_told_no_more(auth: Auth, client: str) -> bool:
    full_at = await repository.find_allowance(auth.db, guessing.network_of(client), guessing.TOLD.name)
    return guessing.TOLD.seconds_to_wait(full_at, clock.now()) > 0


def registered(new: NewUser) -> UserRegistered:
    return UserRegistered(
        user_id=new.id, email=new.email, first_name=new.first_name, last_name=new.last_name, phone=new.phone
    )


async def _again(auth: Auth, wanted: Registration, made: User, client: str) -> SignedIn:
    """The answer to a repeat: `made` is the account that the key stands for."""
    reused = KeyReused("This key came with another request before: use a new one.", field="Idempotency-Key")
    email = normalized(wanted.email)
    asked_for = (email, wanted.first_name, wanted.last_name, wanted.phone)
    if asked_for != (made.email, made.first_name, made.last_name, made.phone):
        raise reused
    try:
        return await login(auth, email=email, password=wanted.password, client=client)
    except WrongCredentials:
        raise reused from None
