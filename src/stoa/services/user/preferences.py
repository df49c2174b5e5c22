"""How a user wants to be served and written to."""

from __future__ import annotations

from dataclasses import replace

from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.user import repository
from stoa.services.user.profiles import lock, profile_of
from stoa.services.user.repository import Preferences
from stoa.services.user.service import Users


async def set_preferences(users: Users, user_id: str, wanted: Preferences, if_match: IfMatch = ANYTHING) -> Preferences:
    """These and no others. A repeat changes nothing. Before anything was said their version is 0."""
    await profile_of(users, user_id)
    async with users.db.transaction() as tx:
        await lock(tx, user_id)
        before = await repository.find_preferences(tx, user_id)
        if_match.check(before.version)
        if before.version and before == replace(wanted, version=before.version):
            return before
        return await repository.set_preferences(tx, user_id, wanted)
