"""A user's profile: there from the first moment, its owner's from then on.

Registering announces the user; a request may come before that announcement. Whoever needs the profile
first asks auth and adds it; the announcement then finds it there and leaves it alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from stoa.contracts.auth.v1.auth_pb2 import GetUserRequest
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.user import repository
from stoa.services.user.errors import NoSuchUser
from stoa.services.user.repository import Profile
from stoa.services.user.service import Users


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


async def edit_profile(
    users: Users,
    user_id: str,
    *,
    first_name: str | None = None,
    last_name: str | None = None,
    phone: str | None = None,
    if_match: IfMatch = ANYTHING,
) -> Profile:
    """The profile with what is given changed. A repeat changes nothing."""
    await profile_of(users, user_id)
    async with users.db.transaction() as tx:
        if_match.check(await repository.lock_profile(tx, user_id))
        before = await repository.find_profile(tx, user_id)
        assert before is not None
        wanted: dict[str, Any] = {"first_name": first_name, "last_name": last_name, "phone": phone}
        if before == replace(before, **{name: value for name, value in wanted.items() if value is not None}):
            return before
        return await repository.edit_profile(tx, user_id, first_name, last_name, phone)
