"""Give an account another password."""

from __future__ import annotations

from stoa.kit import clock
from stoa.kit.context import Principal
from stoa.services.auth import passwords, repository
from stoa.services.auth.errors import NoSuchUser, WrongPassword
from stoa.services.auth.proof import proof, proven
from stoa.services.auth.service import Auth


async def change_password(auth: Auth, principal: Principal, *, current: str, new: str, client: str) -> None:
    """The caller's password becomes `new`, and every session but this one ends.

    Wrong ones count as guesses. A repeat is refused with `WrongPassword`, because `current` is so no more.
    Raises `UnusablePassword`, `TooManyGuesses`, `TooBusy`.
    """
    user = await repository.find_user(auth.db, principal.user_id)
    if user is None:
        raise NoSuchUser
    passwords.accept(new, user.email, field="new_password")
    async with proof(
        auth, email=user.email, client=client, password=current, password_hash=user.password_hash
    ) as verdict:
        if not verdict.right:
            raise WrongPassword
        with auth.hashing.place():
            new_hash = await auth.hashing.hash(new)
        async with auth.db.transaction() as tx:
            await proven(tx, user.email, client)
            locked = await repository.lock_user(tx, user.id)
            if locked is None or locked.password_changed_at != user.password_changed_at:
                raise WrongPassword
            await repository.change_password(tx, user.id, new_hash)
            await repository.end_sessions(tx, user.id, principal.session_id, clock.now(), "password_changed")
