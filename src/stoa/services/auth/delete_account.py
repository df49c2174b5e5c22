"""End an account for good: what is personal goes, here and wherever the event is heard, and the id stays nobody's.

What auth holds of somebody goes in one transaction: the account, its sessions and tokens, for whom they acted. The
staff's acts keep the id. What others do is theirs: `docs/events.md`.
"""

from __future__ import annotations

from stoa.kit import staff_acts
from stoa.kit.context import Principal
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.kit.permissions import ADMIN
from stoa.services.auth import powers, repository, sellers, sellers_repository
from stoa.services.auth.errors import LastAdmin, NoSuchUser, WrongPassword
from stoa.services.auth.events import UserDeleted
from stoa.services.auth.proof import proof, proven
from stoa.services.auth.repository import User
from stoa.services.auth.service import Auth


async def delete_own(auth: Auth, principal: Principal, *, password: str, client: str) -> None:
    """The caller's own. Raises `WrongPassword`, `TooManyGuesses`, `TooBusy`, `LastAdmin`, `NoSuchUser`."""
    user = await repository.find_user(auth.db, principal.user_id)
    if user is None:
        raise NoSuchUser
    async with proof(
        auth, email=user.email, client=client, password=password, password_hash=user.password_hash
    ) as verdict:
        if not verdict.right:
            raise WrongPassword
        async with auth.db.transaction() as tx:
            await proven(tx, user.email, client)
            # Two admins who leave at once lock each other's accounts, in one order: the second is the last.
            admins = await repository.enabled_admins(tx) if ADMIN in user.roles else []
            locked = await repository.lock_users(tx, [user.id, *admins])
            current = locked.get(user.id)
            if current is None or current.password_changed_at != user.password_changed_at:
                raise WrongPassword
            if ADMIN in current.roles and not any(
                ADMIN in each.roles and each.disabled_at is None for each in locked.values() if each is not current
            ):
                raise LastAdmin
            await _delete(auth, tx, current, "by its owner")


async def delete_other(
    auth: Auth, admin: Principal, user_id: str, reason: str, *, if_match: IfMatch = ANYTHING
) -> None:
    """Somebody else's, for who may. Raises what `powers.over_another` does; a repeat `NoSuchUser`."""
    async with auth.db.transaction() as tx:
        _, user = await powers.over_another(tx, admin, user_id, powers.DELETE, if_match)
        await _delete(auth, tx, user, reason)


async def _delete(auth: Auth, tx: Transaction, user: User, reason: str) -> None:
    acted_for = await sellers_repository.sellers_of(tx, user.id)
    await repository.remove_user(tx, user.id)
    await sellers_repository.forget_name(tx, user.id)
    await sellers.tell(auth, tx, acted_for)
    await staff_acts.record(tx, act="user.deleted", subject=user.id, before={"roles": user.roles}, reason=reason)
    fact = UserDeleted(user_id=user.id, email=user.email)
    await auth.outbox.announce(tx, subject=user.id, version=user.version + 1, fact=fact)
