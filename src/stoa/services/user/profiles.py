"""A user's profile: there from the first moment, its owner's from then on.

Registering announces the user; a request may come before that announcement. Whoever needs the profile
first asks auth and adds it; the announcement then finds it there and leaves it alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from stoa.contracts.auth.v1.auth_pb2 import GetUserRequest
from stoa.kit import staff_acts
from stoa.kit.custom_fields import values
from stoa.kit.custom_fields.definition import Entity
from stoa.kit.custom_fields.repository import definitions
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.user import repository
from stoa.services.user.errors import NoSuchUser
from stoa.services.user.events import UserUpdated
from stoa.services.user.repository import Profile
from stoa.services.user.service import Users

CUSTOMER = Entity("customer")


async def profile_of(users: Users, user_id: str) -> Profile:
    """The profile, added if the user has just registered. Raises `NotFound` for a user whom auth does not know."""
    found = await repository.find_profile(users.db, user_id)
    if found is not None:
        return found
    user = (await users.auth.GetUser(GetUserRequest(user_id=user_id))).user
    new = Profile(
        user_id=user.id, email=user.email, first_name=user.first_name, last_name=user.last_name, phone=user.phone
    )
    await repository.add_profile(users.db, new)
    added = await repository.find_profile(users.db, user_id)
    if added is None:
        raise NoSuchUser
    return added


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What is None or empty stays as it is. `by_staff`: they see and set what is not public, too."""

    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    custom_fields: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str | None] = field(default_factory=dict)
    by_staff: bool = False


async def edit_profile(users: Users, user_id: str, changes: Changes, if_match: IfMatch = ANYTHING) -> Profile:
    """The profile with what is given changed. A repeat changes nothing."""
    await profile_of(users, user_id)
    async with users.db.transaction() as tx:
        if_match.check(await lock(tx, user_id))
        before = await repository.find_profile(tx, user_id)
        assert before is not None
        known = await definitions(tx, CUSTOMER) if changes.custom_fields else {}
        after = _changed(before, changes, known)
        if after == before:
            return before
        kept = values.stored(known, after.custom_fields) if changes.custom_fields else None
        edited = await repository.edit_profile(tx, after, kept)
        changed = [one.name for one in fields(Profile) if getattr(before, one.name) != getattr(after, one.name)]
        fact = UserUpdated(user_id=user_id, changed=changed)
        await users.outbox.announce(tx, subject=user_id, version=edited.version, fact=fact)
        if changes.by_staff:
            was, now = _named(before), _named(edited)
            await staff_acts.record(tx, act="customer.edited", subject=user_id, before=was, after=now)
        return edited


def _changed(before: Profile, changes: Changes, known: values.Known) -> Profile:
    after = replace(
        before,
        first_name=changes.first_name if changes.first_name is not None else before.first_name,
        last_name=changes.last_name if changes.last_name is not None else before.last_name,
        phone=changes.phone if changes.phone is not None else before.phone,
        metadata=values.with_metadata(before.metadata, changes.metadata),
    )
    if changes.custom_fields:
        fields = values.merged(known, before.custom_fields, changes.custom_fields, private=changes.by_staff)
        after = replace(after, custom_fields=fields)
    return after


def _named(profile: Profile) -> dict[str, list[str]]:
    """Which there are: what they say is about a person, and what staff did is kept for good."""
    return {"custom_fields": sorted(profile.custom_fields.shown(private=True)), "metadata": sorted(profile.metadata)}


async def lock(tx: Transaction, user_id: str) -> int:
    """The version of a profile that nobody else changes now. Raises `NoSuchUser` where it was deleted meanwhile."""
    version = await repository.lock_profile(tx, user_id)
    if version is None:
        raise NoSuchUser
    return version
