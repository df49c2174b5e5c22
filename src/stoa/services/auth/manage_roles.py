"""What an admin does with roles: a set of permissions under a name, made, changed and removed.

Nobody gives or takes what they do not hold themselves, so nobody becomes more by it. The role admin stays as it is:
it allows everything, and an enabled account has it (`manage_users`), so somebody can always do this.

A change is in force at the gateway within a second: tokens made before it are refused, and the refresh token of their
session gets one that says what is (`check_session`). No session ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stoa.kit import staff_acts
from stoa.kit.context import Principal
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.kit.permissions import ADMIN, covers
from stoa.services.auth import powers, roles_repository
from stoa.services.auth.errors import BeyondOneself, BuiltInRole, NoSuchRole, RoleInUse, RoleTaken, UnknownPermission
from stoa.services.auth.powers import EDIT_ROLES
from stoa.services.auth.roles_repository import Role
from stoa.services.auth.service import Auth


async def add_role(auth: Auth, by: Principal, name: str, description: str, permissions: Sequence[str]) -> Role:
    """The new role. Raises `UnknownPermission`, `BeyondOneself`, `RoleTaken`."""
    wanted = _known(auth, permissions, there=())
    async with auth.db.transaction() as tx:
        held = await powers.of_caller(tx, by, EDIT_ROLES)
        if not covers(held, wanted):
            raise BeyondOneself
        if not await roles_repository.add_role(tx, name, description):
            raise RoleTaken
        await roles_repository.set_permissions(tx, name, wanted)
        await staff_acts.record(tx, act="role.added", subject=name, after={"permissions": wanted})
    return Role(name=name, description=description, built_in=False, permissions=tuple(wanted), version=1)


async def replace_role(
    auth: Auth,
    by: Principal,
    name: str,
    description: str,
    permissions: Sequence[str],
    *,
    if_match: IfMatch = ANYTHING,
) -> Role:
    """The role with these permissions and no others. A repeat changes nothing, and no token.

    Raises `NoSuchRole`, `BuiltInRole` for admin, `UnknownPermission`, `BeyondOneself`.
    """
    async with auth.db.transaction() as tx:
        held = await powers.of_caller(tx, by, EDIT_ROLES)
        before = await _locked(tx, name, held)
        if_match.check(before.version)
        wanted = _known(auth, permissions, there=before.permissions)
        if not covers(held, wanted):
            raise BeyondOneself
        after = replace(before, description=description, permissions=tuple(wanted))
        if after != before:
            after = replace(after, version=before.version + 1)
            await roles_repository.change_role(tx, name, description)
            await roles_repository.set_permissions(tx, name, wanted)
            await staff_acts.record(
                tx,
                act="role.changed",
                subject=name,
                before={"permissions": before.permissions},
                after={"permissions": wanted},
            )
    return after


async def remove_role(auth: Auth, by: Principal, name: str, if_match: IfMatch = ANYTHING) -> None:
    """Raises `NoSuchRole`, `BuiltInRole`, `BeyondOneself`, `RoleInUse` while somebody has it."""
    async with auth.db.transaction() as tx:
        held = await powers.of_caller(tx, by, EDIT_ROLES)
        before = await _locked(tx, name, held)
        if_match.check(before.version)
        if before.built_in:
            raise BuiltInRole
        if await roles_repository.is_held(tx, name):
            raise RoleInUse
        await roles_repository.remove_role(tx, name)
        await staff_acts.record(tx, act="role.removed", subject=name, before={"permissions": before.permissions})


async def _locked(tx: Transaction, name: str, held: frozenset[str]) -> Role:
    role = await roles_repository.lock_role(tx, name)
    if role is None:
        raise NoSuchRole
    if name == ADMIN:
        raise BuiltInRole
    if not covers(held, role.permissions):
        raise BeyondOneself
    return role


def _known(auth: Auth, permissions: Sequence[str], there: Sequence[str]) -> list[str]:
    """Each once, in order. What the role has already may be of a package that is not installed any more."""
    for at, name in enumerate(permissions):
        if name not in auth.permissions.by_name and name not in there:
            raise UnknownPermission(f"permissions[{at}]")
    return sorted(set(permissions))
