"""Open an account."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from stoa.kit.emails import normalised
from stoa.kit.idempotency import KeyReused
from stoa.kit.ids import uuid7
from stoa.services.auth import passwords, repository
from stoa.services.auth.errors import EmailTaken, WrongCredentials
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
    `TooBusy`, and `KeyReused` for another request under the same key.
    """
    email = normalised(wanted.email)
    passwords.accept(wanted.password, email)
    await auth.keyring.ready()
    registration_key = None if key is None else hashlib.sha256(f"{email}\n{key}".encode()).digest()
    if registration_key is not None:
        made = await repository.find_user_by_registration(auth.db, registration_key)
        if made is not None:
            return await _again(auth, wanted, email, made, client)
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
    async with auth.db.transaction() as tx:
        user = await repository.add_user(tx, new)
        if user is not None:
            opened = await open_session(auth, tx, user.id, client)
            await auth.outbox.announce(tx, subject=user.id, version=1, fact=registered(new))
    if user is not None:
        return signed_in(auth, user, opened)
    if registration_key is not None:
        made = await repository.find_user_by_registration(auth.db, registration_key)
        if made is not None:
            return await _again(auth, wanted, email, made, client)
    raise EmailTaken


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
