"""Sign in with e-mail and password."""

from __future__ import annotations

from stoa.kit.emails import normalized
from stoa.services.auth import repository
from stoa.services.auth.errors import AccountDisabled, WrongCredentials
from stoa.services.auth.proof import proof, proven
from stoa.services.auth.service import Auth
from stoa.services.auth.sessions import open_session, signed_in
from stoa.services.auth.views import SignedIn


async def login(auth: Auth, *, email: str, password: str, client: str) -> SignedIn:
    """A new session. `client` is the caller's network address. A repeat opens another one.

    Raises `WrongCredentials`, the same and after the same work whether or not the account exists,
    `AccountDisabled` only for the right password, `TooManyGuesses`, `TooBusy`.
    """
    email = normalized(email)
    await auth.keyring.ready()
    user = await repository.find_user_by_email(auth.db, email)
    password_hash = user.password_hash if user else None
    async with proof(auth, email=email, client=client, password=password, password_hash=password_hash) as verdict:
        if user is None or not verdict.right:
            raise WrongCredentials
        async with auth.db.transaction() as tx:
            await proven(tx, email, client)
            current = await repository.lock_user(tx, user.id)
            # The password may have been changed, or the account disabled, while we were hashing.
            if current is None or current.password_changed_at != user.password_changed_at:
                raise WrongCredentials
            if current.disabled_at is not None:
                raise AccountDisabled
            if verdict.renewed is not None:
                await repository.renew_hash(tx, user.id, verdict.renewed)
            opened = await open_session(auth, tx, user.id, client)
    return await signed_in(auth, current, opened)
