"""How a user wants to be served and written to."""

from __future__ import annotations

from stoa.services.user import repository
from stoa.services.user.profiles import profile_of
from stoa.services.user.repository import Preferences
from stoa.services.user.service import Users


async def set_preferences(users: Users, user_id: str, wanted: Preferences) -> None:
    """These and no others. A repeat changes nothing."""
    await profile_of(users, user_id)
    async with users.db.transaction() as tx:
        await repository.set_preferences(tx, user_id, wanted)
