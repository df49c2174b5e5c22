"""What an operator's commands do with accounts when no admin can: never offered over REST."""

from __future__ import annotations

from stoa.kit import clock, staff_acts
from stoa.kit.db import Transaction
from stoa.services.auth import powers, repository, roles_repository, sellers
from stoa.services.auth.errors import AccountDisabled, UnusableHash
from stoa.services.auth.hashing import is_known
from stoa.services.auth.manage_users import announce_change
from stoa.services.auth.repository import User
from stoa.services.auth.service import Auth


async def grant_role(auth: Auth, user: User, role: str, reason: str) -> bool:
    """Whether that changed anything: then sessions end, because their tokens say what was.

    Raises `UnknownRole`, `AccountDisabled`.
    """
    async with auth.db.transaction() as tx:
        current = await _enabled(tx, user)
        if role not in await roles_repository.hold_roles(tx, [role]):
            raise await powers.unknown_role(tx, "role", role)
        if role in current.roles:
            return False
        changed = await repository.set_roles(tx, current.id, sorted({*current.roles, role}))
        await repository.end_sessions(tx, current.id, None, clock.now(), "roles_changed")
        await staff_acts.record_operator(
            tx,
            act="user.roles_changed",
            subject=current.id,
            before={"roles": current.roles},
            after={"roles": changed.roles},
            reason=reason,
        )
        await announce_change(auth, tx, changed)
        await sellers.follow_user(auth, tx, changed)
    return True


async def reset_password(auth: Auth, user: User, password_hash: str, reason: str) -> None:
    """Another password, and every session ends. Raises `UnusableHash`, `AccountDisabled`."""
    if not is_known(password_hash):
        raise UnusableHash("password_hash")
    async with auth.db.transaction() as tx:
        current = await _enabled(tx, user)
        await repository.change_password(tx, current.id, password_hash)
        await repository.end_sessions(tx, current.id, None, clock.now(), "password_changed")
        await staff_acts.record_operator(tx, act="user.password_reset", subject=current.id, reason=reason)


async def _enabled(tx: Transaction, user: User) -> User:
    current = await repository.lock_user(tx, user.id)
    if current is None or current.disabled_at is not None:
        raise AccountDisabled
    return current
