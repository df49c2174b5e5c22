"""What an admin does with accounts. None of it can be done to one's own.

The caller's account is locked with the other and must still be an admin's: of two who disable each other
at once the second comes too late. So an enabled admin remains after each of these. What changes is kept with
who did it, and announced.
"""

from __future__ import annotations

from collections.abc import Sequence

from stoa.kit import clock, staff_acts
from stoa.kit.context import Principal
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.auth import repository
from stoa.services.auth.errors import NoLongerAdmin, NoSuchUser, NotOneself
from stoa.services.auth.events import UserChanged
from stoa.services.auth.repository import User
from stoa.services.auth.service import Auth


async def set_roles(
    auth: Auth, admin: Principal, user_id: str, roles: Sequence[str], if_match: IfMatch = ANYTHING
) -> User:
    """The user has these roles and no others. Sessions end, because their tokens say what was.

    A repeat, or the same roles again, changes nothing.
    """
    async with auth.db.transaction() as tx:
        user = await _another(tx, admin, user_id, if_match)
        if set(user.roles) == set(roles):
            return user
        changed = await repository.set_roles(tx, user.id, sorted(set(roles)))
        await repository.end_sessions(tx, user.id, None, clock.now(), "roles_changed")
        await staff_acts.record(
            tx,
            act="user.roles_changed",
            subject=user.id,
            before={"roles": user.roles},
            after={"roles": changed.roles},
        )
        await announce_change(auth, tx, changed)
    return changed


async def disable(auth: Auth, admin: Principal, user_id: str, if_match: IfMatch = ANYTHING) -> User:
    """The user cannot sign in, and every session ends. A repeat changes nothing."""
    async with auth.db.transaction() as tx:
        user = await _another(tx, admin, user_id, if_match)
        if user.disabled_at is not None:
            return user
        changed = await repository.set_disabled(tx, user.id, clock.now())
        await repository.end_sessions(tx, user.id, None, clock.now(), "disabled")
        await staff_acts.record(
            tx, act="user.disabled", subject=user.id, before={"enabled": True}, after={"enabled": False}
        )
        await announce_change(auth, tx, changed)
    return changed


async def enable(auth: Auth, admin: Principal, user_id: str, if_match: IfMatch = ANYTHING) -> User:
    """The user can sign in again. A repeat changes nothing."""
    async with auth.db.transaction() as tx:
        user = await _another(tx, admin, user_id, if_match)
        if user.disabled_at is None:
            return user
        changed = await repository.set_disabled(tx, user.id, None)
        await staff_acts.record(
            tx, act="user.enabled", subject=user.id, before={"enabled": False}, after={"enabled": True}
        )
        await announce_change(auth, tx, changed)
    return changed


async def _another(tx: Transaction, admin: Principal, user_id: str, if_match: IfMatch) -> User:
    locked = await repository.lock_users(tx, [admin.user_id, user_id])
    caller = locked.get(admin.user_id)
    if caller is None or caller.disabled_at is not None or "admin" not in caller.roles:
        raise NoLongerAdmin
    if user_id == admin.user_id:
        raise NotOneself
    if user_id not in locked:
        raise NoSuchUser
    if_match.check(locked[user_id].version)
    return locked[user_id]


async def announce_change(auth: Auth, tx: Transaction, user: User) -> None:
    fact = UserChanged(user_id=user.id, roles=user.roles, enabled=user.disabled_at is None)
    await auth.outbox.announce(tx, subject=user.id, version=user.version, fact=fact)
