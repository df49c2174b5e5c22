"""What an admin does with accounts. None of it can be done to one's own.

The caller's account is locked with the other and must still be one that may: of two who disable each other at once
the second comes too late. And nobody changes an account that may what they may not, so an admin's only an admin: an
enabled one remains after each of these. What changes is kept with who did it, and announced.
"""

from __future__ import annotations

from collections.abc import Sequence

from stoa.kit import clock, staff_acts
from stoa.kit.context import Principal
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.kit.permissions import covers
from stoa.services.auth import powers, repository, roles_repository, sellers
from stoa.services.auth.errors import BeyondOneself
from stoa.services.auth.events import UserChanged, UserDisabled
from stoa.services.auth.repository import User
from stoa.services.auth.service import Auth


async def set_roles(
    auth: Auth, admin: Principal, user_id: str, roles: Sequence[str], if_match: IfMatch = ANYTHING
) -> User:
    """The user has these roles and no others. Sessions end, because their tokens say what was.

    A repeat, or the same roles again, changes nothing. Raises `UnknownRole`, and `BeyondOneself` where the roles allow
    what the caller may not.
    """
    async with auth.db.transaction() as tx:
        held, user = await powers.over_another(tx, admin, user_id, powers.ASSIGN, if_match)
        if set(user.roles) == set(roles):
            return user
        await powers.check_roles(tx, roles)
        if not covers(held, (await roles_repository.powers_of(tx, roles)).permissions):
            raise BeyondOneself
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
        await sellers.follow_user(auth, tx, changed)
    return changed


async def disable(auth: Auth, admin: Principal, user_id: str, if_match: IfMatch = ANYTHING) -> User:
    """The user cannot sign in, and every session ends. A repeat changes nothing."""
    async with auth.db.transaction() as tx:
        _, user = await powers.over_another(tx, admin, user_id, powers.DISABLE, if_match)
        if user.disabled_at is not None:
            return user
        changed = await repository.set_disabled(tx, user.id, clock.now())
        await repository.end_sessions(tx, user.id, None, clock.now(), "disabled")
        await staff_acts.record(
            tx, act="user.disabled", subject=user.id, before={"enabled": True}, after={"enabled": False}
        )
        disabled = UserDisabled(user_id=user.id)
        await auth.outbox.announce(tx, subject=user.id, version=changed.version, fact=disabled)
        await announce_change(auth, tx, changed)
        await sellers.follow_user(auth, tx, changed)
    return changed


async def enable(auth: Auth, admin: Principal, user_id: str, if_match: IfMatch = ANYTHING) -> User:
    """The user can sign in again. A repeat changes nothing."""
    async with auth.db.transaction() as tx:
        _, user = await powers.over_another(tx, admin, user_id, powers.DISABLE, if_match)
        if user.disabled_at is None:
            return user
        changed = await repository.set_disabled(tx, user.id, None)
        await staff_acts.record(
            tx, act="user.enabled", subject=user.id, before={"enabled": False}, after={"enabled": True}
        )
        await announce_change(auth, tx, changed)
        await sellers.follow_user(auth, tx, changed)
    return changed


async def announce_change(auth: Auth, tx: Transaction, user: User) -> None:
    fact = UserChanged(user_id=user.id, roles=user.roles, enabled=user.disabled_at is None)
    await auth.outbox.announce(tx, subject=user.id, version=user.version, fact=fact)
