"""The SQL of sellers and who acts for them."""

# ruff: noqa: S608 - what is put into the statements are the columns below, never a value

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from stoa.kit.db import Db, Transaction, affected

MemberRole = Literal["manager", "member"]

_SELLER = "id, name, blocked_at, selling, version, created_at"

AHEAD = 1_000
"""So much further than its user's begins a seller's version: what was announced of the user before is older."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """`selling`: not blocked, and somebody who may sell acts for it."""

    id: str
    name: str
    blocked_at: datetime | None
    selling: bool
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    user_id: str
    email: str
    role: MemberRole
    version: int
    joined_at: datetime


ADD_SELLER = f"""
    INSERT INTO sellers (id, name, selling, version) VALUES ($1, $2, false, $3) ON CONFLICT DO NOTHING
    RETURNING {_SELLER}
"""


async def add_seller(tx: Transaction, seller_id: str, name: str, version: int) -> Seller | None:
    """One for whom nobody acts yet; None where the id is taken."""
    row = await tx.fetchrow(ADD_SELLER, seller_id, name, version)
    return None if row is None else Seller(**row)


FIND_SELLER = f"SELECT {_SELLER} FROM sellers WHERE id = $1"


async def find_seller(db: Db, seller_id: str) -> Seller | None:
    row = await db.fetchrow(FIND_SELLER, seller_id)
    return None if row is None else Seller(**row)


FIND_SELLERS = f"SELECT {_SELLER} FROM sellers WHERE id = ANY ($1::uuid[]) ORDER BY id"


async def find_sellers(db: Db, seller_ids: Sequence[str]) -> list[Seller]:
    return [Seller(**row) for row in await db.fetch(FIND_SELLERS, seller_ids)]


LIST_SELLERS = f"""
    SELECT {_SELLER} FROM sellers WHERE id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    ORDER BY id DESC LIMIT $2
"""


async def list_sellers(db: Db, before_id: str | None, limit: int) -> list[Seller]:
    """The newest first."""
    return [Seller(**row) for row in await db.fetch(LIST_SELLERS, before_id, limit)]


# In one order everywhere, and after the users whose rows are locked.
LOCK_SELLERS = f"SELECT {_SELLER} FROM sellers WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE"


async def lock_sellers(tx: Transaction, seller_ids: Sequence[str]) -> list[Seller]:
    return [Seller(**row) for row in await tx.fetch(LOCK_SELLERS, seller_ids)]


FORGET_NAME = """
    UPDATE sellers SET name = ''
    WHERE id = $1 AND NOT EXISTS (SELECT FROM seller_members WHERE seller_id = $1)
"""


async def forget_name(tx: Transaction, seller_id: str) -> None:
    """Of a seller that was one person, who is gone: it had theirs."""
    await tx.execute(FORGET_NAME, seller_id)


SET_BLOCKED = "UPDATE sellers SET blocked_at = $2 WHERE id = $1"


async def set_blocked(tx: Transaction, seller_id: str, at: datetime | None) -> None:
    await tx.execute(SET_BLOCKED, seller_id, at)


_SELLS = """
    blocked_at IS NULL AND EXISTS (
        SELECT FROM seller_members AS member JOIN users ON users.id = member.user_id
        WHERE member.seller_id = sellers.id AND users.disabled_at IS NULL AND users.roles && '{seller,admin}'
    )
"""

NEXT_VERSION = f"""
    UPDATE sellers SET selling = {_SELLS}, version = version + 1 WHERE id = ANY ($1::uuid[])
    RETURNING {_SELLER}
"""


async def next_version(tx: Transaction, seller_ids: Sequence[str]) -> list[Seller]:
    """As they stand now, which is about to be announced; they must be locked."""
    return [Seller(**row) for row in await tx.fetch(NEXT_VERSION, seller_ids)]


OTHERWISE_THAN_TOLD = f"SELECT id FROM sellers WHERE selling <> ({_SELLS}) ORDER BY id LIMIT $1"


async def otherwise_than_told(tx: Transaction, most: int) -> list[str]:
    """Sellers of whom something else was announced than what is."""
    return [row["id"] for row in await tx.fetch(OTHERWISE_THAN_TOLD, most)]


SELLS_FOR_NOBODY = """
    SELECT id FROM users
    WHERE roles <> '{customer}' AND 'seller' = ANY (roles)
        AND NOT EXISTS (SELECT FROM seller_members WHERE user_id = users.id)
    ORDER BY id LIMIT $1
"""


async def sells_for_nobody(tx: Transaction, most: int) -> list[str]:
    """Users who have the role seller and act for no seller."""
    return [row["id"] for row in await tx.fetch(SELLS_FOR_NOBODY, most)]


SELLERS_OF = "SELECT seller_id FROM seller_members WHERE user_id = $1 ORDER BY seller_id"


async def sellers_of(db: Db, user_id: str) -> list[str]:
    """Whom a user acts for."""
    return [row["seller_id"] for row in await db.fetch(SELLERS_OF, user_id)]


# The version as which the seller is about to be announced: so who left and came back is not as before.
SET_MEMBER = """
    INSERT INTO seller_members (user_id, seller_id, role, version)
    SELECT $1, id, $3, version + 1 FROM sellers WHERE id = $2
    ON CONFLICT (user_id, seller_id) DO UPDATE SET role = excluded.role, version = excluded.version
"""


async def set_member(tx: Transaction, user_id: str, seller_id: str, role: MemberRole) -> None:
    """The seller must be locked."""
    await tx.execute(SET_MEMBER, user_id, seller_id, role)


REMOVE_MEMBER = "DELETE FROM seller_members WHERE user_id = $1 AND seller_id = $2"


async def remove_member(tx: Transaction, user_id: str, seller_id: str) -> bool:
    return affected(await tx.execute(REMOVE_MEMBER, user_id, seller_id)) == 1


FIND_MEMBER = """
    SELECT user_id, email, role, seller_members.version, joined_at
    FROM seller_members JOIN users ON users.id = user_id
    WHERE user_id = $1 AND seller_id = $2
"""


async def find_member(db: Db, user_id: str, seller_id: str) -> Member | None:
    row = await db.fetchrow(FIND_MEMBER, user_id, seller_id)
    return None if row is None else Member(**row)


LIST_MEMBERS = """
    SELECT user_id, email, role, seller_members.version, joined_at
    FROM seller_members JOIN users ON users.id = user_id
    WHERE seller_id = $1 AND user_id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
    ORDER BY user_id LIMIT $3
"""


async def list_members(db: Db, seller_id: str, after_id: str | None, limit: int) -> list[Member]:
    return [Member(**row) for row in await db.fetch(LIST_MEMBERS, seller_id, after_id, limit)]
