"""At the start: accounts that were disabled before that was announced are announced now, once."""

from __future__ import annotations

from stoa.kit.outbox import Announcement
from stoa.kit.rounds import in_rounds
from stoa.services.auth import repository
from stoa.services.auth.events import UserChanged
from stoa.services.auth.service import Auth


async def tell_of_disabled(auth: Auth) -> None:
    """Several processes may do it at once: each account is told of by one. A repeat finds nobody."""

    async def one_round(most: int) -> int:
        async with auth.db.transaction() as tx:
            users = await repository.take_disabled_untold(tx, most)
            facts = [UserChanged(user_id=user.id, roles=user.roles, enabled=False) for user in users]
            told = [Announcement(user.id, user.version, fact) for user, fact in zip(users, facts, strict=True)]
            await auth.outbox.announce_all(tx, told)
            return len(users)

    await in_rounds(one_round)
