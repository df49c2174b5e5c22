"""What staff do with customer groups: make and remove one, put customers in and take them out.

A group allows nothing: it says for whom a price list of the catalog is. It stands in the tokens of its members, so who
was put in or taken out is so with the next token; no session ends for it.
"""

from __future__ import annotations

from stoa.kit import staff_acts
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.auth import groups_repository, repository
from stoa.services.auth.errors import GroupInUse, GroupTaken, NoSuchGroup, NoSuchUser, NotInGroup, TooManyGroups
from stoa.services.auth.groups_repository import Group, GroupMember
from stoa.services.auth.service import Auth

MOST_GROUPS = 10
"""That one user is in: a token lists them."""


async def add_group(auth: Auth, name: str, description: str) -> Group:
    """One that nobody is in. Raises `GroupTaken`."""
    async with auth.db.transaction() as tx:
        added = await groups_repository.add_group(tx, name, description)
        if added is None:
            raise GroupTaken
        await staff_acts.record(tx, act="group.added", subject=name, after={"description": description})
    return added


async def describe_group(auth: Auth, name: str, description: str, if_match: IfMatch = ANYTHING) -> Group:
    """A repeat changes nothing. Raises `NoSuchGroup`."""
    async with auth.db.transaction() as tx:
        before = await _locked(tx, name)
        if_match.check(before.version)
        if before.description == description:
            return before
        await staff_acts.record(
            tx,
            act="group.changed",
            subject=name,
            before={"description": before.description},
            after={"description": description},
        )
        return await groups_repository.describe_group(tx, name, description)


async def remove_group(auth: Auth, name: str, if_match: IfMatch = ANYTHING) -> None:
    """Raises `NoSuchGroup`, `GroupInUse` while somebody is in it."""
    async with auth.db.transaction() as tx:
        before = await _locked(tx, name)
        if_match.check(before.version)
        if not await groups_repository.remove_group(tx, name):
            raise GroupInUse
        await staff_acts.record(tx, act="group.removed", subject=name, before={"description": before.description})


async def add_member(auth: Auth, name: str, user_id: str) -> GroupMember:
    """A repeat changes nothing. Raises `NoSuchUser`, `NoSuchGroup`, `TooManyGroups`."""
    async with auth.db.transaction() as tx:
        if await repository.lock_user(tx, user_id) is None:
            raise NoSuchUser
        if await groups_repository.hold_group(tx, name) is None:
            raise NoSuchGroup
        groups = await groups_repository.groups_of(tx, user_id)
        if name not in groups:
            if len(groups) >= MOST_GROUPS:
                raise TooManyGroups(MOST_GROUPS)
            await groups_repository.add_member(tx, user_id, name)
            await staff_acts.record(tx, act="user.put_in_group", subject=user_id, after={"group": name})
        member = await groups_repository.find_member(tx, user_id, name)
        assert member is not None  # in it, and locked
        return member


async def remove_member(auth: Auth, name: str, user_id: str) -> None:
    """Raises `NotInGroup`."""
    async with auth.db.transaction() as tx:
        await repository.lock_user(tx, user_id)
        if not await groups_repository.remove_member(tx, user_id, name):
            raise NotInGroup
        await staff_acts.record(tx, act="user.taken_out_of_group", subject=user_id, before={"group": name})


async def _locked(tx: Transaction, name: str) -> Group:
    found = await groups_repository.lock_group(tx, name)
    if found is None:
        raise NoSuchGroup
    return found
