"""What somebody may do by now, whatever their token says: asked before they change what others may."""

from __future__ import annotations

from collections.abc import Sequence

from stoa.kit.context import Principal
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import IfMatch
from stoa.kit.permissions import covers
from stoa.services.auth import repository, roles_repository
from stoa.services.auth.errors import BeyondOneself, NoLongerAllowed, NoSuchUser, NotOneself, UnknownRole
from stoa.services.auth.repository import User

READ_USERS = "auth.users.read"
DISABLE = "auth.users.disable"
DELETE = "auth.users.delete"
ASSIGN = "auth.users.assign"
EDIT_ROLES = "auth.roles.edit"
READ_SELLERS = "auth.sellers.read"
EDIT_SELLERS = "auth.sellers.edit"
BLOCK_SELLERS = "auth.sellers.block"


async def of_caller(tx: Transaction, caller: Principal, permission: str) -> frozenset[str]:
    """All that the caller may, whose account stays locked. Raises `NoLongerAllowed` without the `permission`."""
    return await held_by(tx, await repository.lock_user(tx, caller.user_id), permission)


async def over_another(
    tx: Transaction, caller: Principal, user_id: str, permission: str, if_match: IfMatch
) -> tuple[frozenset[str], User]:
    """The same, and another account, locked too: one that may nothing that the caller may not.

    Raises `NoLongerAllowed`, `NotOneself`, `NoSuchUser`, `BeyondOneself`, `VersionMismatch`.
    """
    locked = await repository.lock_users(tx, [caller.user_id, user_id])
    held = await held_by(tx, locked.get(caller.user_id), permission)
    if user_id == caller.user_id:
        raise NotOneself
    user = locked.get(user_id)
    if user is None:
        raise NoSuchUser
    if not covers(held, (await roles_repository.powers_of(tx, user.roles)).permissions):
        raise BeyondOneself
    if_match.check(user.version)
    return held, user


async def check_roles(tx: Transaction, roles: Sequence[str]) -> None:
    """Raises `UnknownRole` for one that there is not; the others stay while this transaction lasts."""
    known = await roles_repository.hold_roles(tx, roles)
    for at, role in enumerate(roles):
        if role not in known:
            raise await unknown_role(tx, f"roles[{at}]", role)


async def unknown_role(tx: Transaction, field: str, role: str) -> UnknownRole:
    """What refuses `role`, with the nearest and those that there are, as many as somebody would read."""
    return UnknownRole(field, role, [each.name for each in await roles_repository.list_roles(tx, None, 50)])


async def held_by(tx: Transaction, caller: User | None, permission: str) -> frozenset[str]:
    """All that the locked account may. Raises `NoLongerAllowed` without the `permission`."""
    if caller is None or caller.disabled_at is not None:
        raise NoLongerAllowed
    held = (await roles_repository.powers_of(tx, caller.roles)).permissions
    if not covers(held, [permission]):
        raise NoLongerAllowed
    return held
