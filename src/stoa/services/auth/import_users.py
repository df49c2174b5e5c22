"""Take users over from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stoa.kit import staff_acts
from stoa.kit.emails import normalized
from stoa.kit.ids import uuid7
from stoa.kit.outbox import Announcement
from stoa.services.auth import powers, repository, roles_repository, sellers
from stoa.services.auth.errors import UnusableHash
from stoa.services.auth.hashing import is_known
from stoa.services.auth.register import registered
from stoa.services.auth.repository import NewUser
from stoa.services.auth.roles import CUSTOMER
from stoa.services.auth.service import Auth


@dataclass(frozen=True, kw_only=True)
class Imported:
    """Without a `password_hash` nobody can sign in with a password; without `roles` it is a customer."""

    email: str
    first_name: str
    last_name: str
    password_hash: str
    roles: Sequence[str]


async def import_users(auth: Auth, users: Sequence[Imported], reason: str = "") -> int:
    """How many were added, each announced; those whose address is there stay as they are, so a repeat adds none.

    `reason` is kept with each who may do more than a customer. All or nothing: raises `UnusableEmail`, `UnusableHash`
    or `UnknownRole` with the place in `users`.
    """
    new = [_new(at, user) for at, user in enumerate(users)]
    async with auth.db.transaction() as tx:
        known = await roles_repository.hold_roles(tx, {role for user in new for role in user.roles})
        for at, user in enumerate(new):
            for role in user.roles:
                if role not in known:
                    raise await powers.unknown_role(tx, f"users[{at}].roles", role)
        added = await repository.import_users(tx, new)
        await auth.outbox.announce_all(
            tx, [Announcement(user.id, 1, registered(user)) for user in new if user.id in added]
        )
        for user in new:
            # A customer more is nobody's privilege; the others are a handful.
            if user.id in added and user.roles != [CUSTOMER]:
                await staff_acts.record_operator(
                    tx, act="user.imported", subject=user.id, after={"roles": user.roles}, reason=reason
                )
                imported = await repository.find_user(tx, user.id)
                assert imported is not None  # just added
                await sellers.follow_user(auth, tx, imported)
    return len(added)


def _new(at: int, user: Imported) -> NewUser:
    if user.password_hash and not is_known(user.password_hash):
        raise UnusableHash(f"users[{at}].password_hash")
    return NewUser(
        id=uuid7(),
        email=normalized(user.email, field=f"users[{at}].email"),
        password_hash=user.password_hash or None,
        first_name=user.first_name,
        last_name=user.last_name,
        phone="",
        roles=sorted(set(user.roles)) or [CUSTOMER],
    )
