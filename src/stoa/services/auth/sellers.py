"""Whether a seller sells follows from who acts for it: not blocked, and an enabled member who may sell.

So a shop goes on when one of its people is disabled, and stops with the last. Whatever may have changed that is
announced in the transaction that changed it, whole, and once more even where nothing did: a catalog of a release that
heard of users only may have taken the one for the other.
"""

from __future__ import annotations

from collections.abc import Sequence

from stoa.kit.db import Transaction
from stoa.kit.outbox import Announcement
from stoa.kit.rounds import in_rounds
from stoa.services.auth import repository, sellers_repository
from stoa.services.auth.events import SellerChanged
from stoa.services.auth.repository import User
from stoa.services.auth.roles import SELLER
from stoa.services.auth.sellers_repository import AHEAD
from stoa.services.auth.service import Auth


async def follow_user(auth: Auth, tx: Transaction, user: User) -> None:
    """After a change of the locked `user`: all their sellers are told, and who has none gets the one of their id."""
    of_user = await sellers_repository.sellers_of(tx, user.id)
    if not of_user and SELLER in user.roles:
        name = f"{user.first_name} {user.last_name}".strip()
        await sellers_repository.add_seller(tx, user.id, name, user.version + AHEAD)
        await sellers_repository.set_member(tx, user.id, user.id, "manager")
        of_user = [user.id]
    await tell(auth, tx, of_user)


async def tell(auth: Auth, tx: Transaction, seller_ids: Sequence[str]) -> None:
    """Announce the sellers as they stand now."""
    if not seller_ids:
        return
    await sellers_repository.lock_sellers(tx, seller_ids)
    sellers = await sellers_repository.next_version(tx, seller_ids)
    facts = [
        SellerChanged(seller_id=one.id, selling=one.selling, blocked=one.blocked_at is not None) for one in sellers
    ]
    told = [Announcement(one.id, one.version, fact) for one, fact in zip(sellers, facts, strict=True)]
    await auth.outbox.announce_all(tx, told)


async def catch_up(auth: Auth) -> None:
    """At a start: what a process of a release that knew no sellers has done to users since. A repeat finds nothing."""

    async def one_round(most: int) -> int:
        async with auth.db.transaction() as tx:
            lost = await sellers_repository.sells_for_nobody(tx, most)
            users = await repository.lock_users(tx, lost)
            for user_id in sorted(users):
                await follow_user(auth, tx, users[user_id])
            differing = await sellers_repository.otherwise_than_told(tx, most)
            await tell(auth, tx, differing)
            return max(len(lost), len(differing))

    await in_rounds(one_round)
