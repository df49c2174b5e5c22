"""What is done with sellers: made, blocked, unblocked, and given people who act for them.

Who acts for a seller has the role seller, and loses it with the last one they act for. Their sessions end, because
their tokens say for whom they acted. The accounts are locked before the sellers.

Whoever may say who acts for a seller gives by that what the role seller allows with one's own, and no more: what else
the shop has put into the role, or the account holds already, they must hold themselves.
"""

from __future__ import annotations

from stoa.kit import clock, staff_acts
from stoa.kit.context import Principal
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.kit.ids import uuid7
from stoa.kit.permissions import OF_OWN, covers
from stoa.services.auth import powers, repository, roles_repository, sellers_repository
from stoa.services.auth.errors import (
    AccountDisabled,
    BeyondOneself,
    NoSuchMember,
    NoSuchSeller,
    NoSuchUser,
    NotTheirManager,
    TooManySellers,
)
from stoa.services.auth.manage_users import announce_change
from stoa.services.auth.repository import User
from stoa.services.auth.roles import CUSTOMER, MOST_ROLES, SELLER
from stoa.services.auth.sellers import tell
from stoa.services.auth.sellers_repository import Member, MemberRole, Seller
from stoa.services.auth.service import Auth

MOST_SELLERS = 20
"""That one user acts for: a token lists them."""


async def add_seller(auth: Auth, name: str) -> Seller:
    """A seller for whom nobody acts yet, and who so sells nothing."""
    async with auth.db.transaction() as tx:
        seller = await sellers_repository.add_seller(tx, uuid7(), name, 1)
        assert seller is not None  # a new id
        await staff_acts.record(tx, act="seller.added", subject=seller.id, after={"blocked": False})
    return seller


async def set_blocked(
    auth: Auth, seller_id: str, reason: str, if_match: IfMatch = ANYTHING, *, blocked: bool
) -> Seller:
    """A blocked one sells nothing, whoever acts for it; they may go on changing what is theirs. A repeat changes
    nothing. Raises `NoSuchSeller`, `VersionMismatch`."""
    async with auth.db.transaction() as tx:
        before = await _locked(tx, seller_id)
        if_match.check(before.version)
        if (before.blocked_at is not None) == blocked:
            return before
        await sellers_repository.set_blocked(tx, seller_id, clock.now() if blocked else None)
        await staff_acts.record(
            tx,
            act="seller.blocked" if blocked else "seller.unblocked",
            subject=seller_id,
            before={"blocked": not blocked},
            after={"blocked": blocked},
            reason=reason,
        )
        await tell(auth, tx, [seller_id])
        return await _found(tx, seller_id)


async def set_member(
    auth: Auth, by: Principal, seller_id: str, user_id: str, role: MemberRole, *, if_match: IfMatch = ANYTHING
) -> Member:
    """The user acts for the seller. A repeat changes nothing. Raises `NoLongerAllowed`, `NoSuchSeller`, `NoSuchUser`,
    `BeyondOneself`, `AccountDisabled`, `TooManySellers`."""
    async with auth.db.transaction() as tx:
        users = await repository.lock_users(tx, [by.user_id, user_id])
        held = await powers.held_by(tx, users.get(by.user_id), powers.EDIT_SELLERS)
        user = users.get(user_id)
        if user is None:
            raise NoSuchUser
        await _check_covered(tx, held, {*user.roles, SELLER})
        if user.disabled_at is not None:
            raise AccountDisabled
        await _locked(tx, seller_id)
        member = await sellers_repository.find_member(tx, user_id, seller_id)
        if_match.check(None if member is None else member.version)
        if member is None or member.role != role:
            acts_for = await sellers_repository.sellers_of(tx, user_id)
            if member is None and (len(acts_for) >= MOST_SELLERS or len(user.roles) >= MOST_ROLES):
                raise TooManySellers
            await sellers_repository.set_member(tx, user_id, seller_id, role)
            await staff_acts.record(
                tx,
                act="seller.member_set",
                subject=seller_id,
                before={"user_id": user_id, "role": None if member is None else member.role},
                after={"user_id": user_id, "role": role},
            )
            await _end_sessions(auth, tx, user, {*user.roles, SELLER})
            await tell(auth, tx, [seller_id])
            member = await sellers_repository.find_member(tx, user_id, seller_id)
            assert member is not None  # just set
        return member


async def remove_member(auth: Auth, by: Principal, seller_id: str, user_id: str, if_match: IfMatch = ANYTHING) -> None:
    """The user acts for the seller no more. Raises `NoSuchSeller`, `NotTheirManager` unless a manager or one who may
    edit sellers asks, `BeyondOneself` where that one may less than the user, `NoSuchMember`."""
    async with auth.db.transaction() as tx:
        users = await repository.lock_users(tx, [by.user_id, user_id])
        await _locked(tx, seller_id)
        staff, asked_by = by.may(powers.EDIT_SELLERS), await sellers_repository.find_member(tx, by.user_id, seller_id)
        if asked_by is None and not staff:
            raise NoSuchSeller
        manages = asked_by is not None and asked_by.role == "manager"
        if not manages and by.user_id != user_id:
            if not staff:
                raise NotTheirManager
            held = await powers.held_by(tx, users.get(by.user_id), powers.EDIT_SELLERS)
            await _check_covered(tx, held, {*users[user_id].roles} if user_id in users else set())
        before = await sellers_repository.find_member(tx, user_id, seller_id)
        if before is None:
            raise NoSuchMember
        if_match.check(before.version)
        await sellers_repository.remove_member(tx, user_id, seller_id)
        await staff_acts.record(
            tx, act="seller.member_removed", subject=seller_id, before={"user_id": user_id, "role": before.role}
        )
        user = users[user_id]
        left = set(user.roles)
        if not await sellers_repository.sellers_of(tx, user_id):
            left = (left - {SELLER}) or {CUSTOMER}
        await _end_sessions(auth, tx, user, left)
        await tell(auth, tx, [seller_id])


async def _check_covered(tx: Transaction, held: frozenset[str], roles: set[str]) -> None:
    """Raises `BeyondOneself` where the roles allow something that is not only of one's own and is not held."""
    allowed = (await roles_repository.powers_of(tx, sorted(roles))).permissions
    if not covers(held, (each for each in allowed if not each.endswith(OF_OWN))):
        raise BeyondOneself


async def _end_sessions(auth: Auth, tx: Transaction, user: User, roles: set[str]) -> None:
    await repository.end_sessions(tx, user.id, None, clock.now(), "roles_changed")
    if roles != set(user.roles):
        await announce_change(auth, tx, await repository.set_roles(tx, user.id, sorted(roles)))


async def _locked(tx: Transaction, seller_id: str) -> Seller:
    locked = await sellers_repository.lock_sellers(tx, [seller_id])
    if not locked:
        raise NoSuchSeller
    return locked[0]


async def _found(tx: Transaction, seller_id: str) -> Seller:
    found = await sellers_repository.find_seller(tx, seller_id)
    assert found is not None  # locked
    return found
