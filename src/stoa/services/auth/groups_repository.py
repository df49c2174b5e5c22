"""The SQL of customer groups and who is in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from stoa.kit.db import Db, Transaction, affected


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    name: str
    description: str
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMember:
    user_id: str
    email: str
    joined_at: datetime


ADD_GROUP = """
    INSERT INTO customer_groups (name, description) VALUES ($1, $2) ON CONFLICT DO NOTHING
    RETURNING name, description, version, created_at
"""


async def add_group(tx: Transaction, name: str, description: str) -> Group | None:
    """None where the name is taken."""
    row = await tx.fetchrow(ADD_GROUP, name, description)
    return None if row is None else Group(**row)


FIND_GROUP = "SELECT name, description, version, created_at FROM customer_groups WHERE name = $1"


async def find_group(db: Db, name: str) -> Group | None:
    row = await db.fetchrow(FIND_GROUP, name)
    return None if row is None else Group(**row)


# Whoever removes a group waits for those who put somebody in, and they for him.
LOCK_GROUP = FIND_GROUP + " FOR UPDATE"
HOLD_GROUP = FIND_GROUP + " FOR KEY SHARE"


async def lock_group(tx: Transaction, name: str) -> Group | None:
    row = await tx.fetchrow(LOCK_GROUP, name)
    return None if row is None else Group(**row)


async def hold_group(tx: Transaction, name: str) -> Group | None:
    """It cannot be removed before this transaction ends."""
    row = await tx.fetchrow(HOLD_GROUP, name)
    return None if row is None else Group(**row)


LIST_GROUPS = """
    SELECT name, description, version, created_at FROM customer_groups WHERE name > coalesce($1::text, '')
    ORDER BY name LIMIT $2
"""


async def list_groups(db: Db, after: str | None, limit: int) -> list[Group]:
    """In the order of their names."""
    return [Group(**row) for row in await db.fetch(LIST_GROUPS, after, limit)]


DESCRIBE_GROUP = """
    UPDATE customer_groups SET description = $2, version = version + 1 WHERE name = $1
    RETURNING name, description, version, created_at
"""


async def describe_group(tx: Transaction, name: str, description: str) -> Group:
    """A locked one."""
    row = await tx.fetchrow(DESCRIBE_GROUP, name, description)
    assert row is not None
    return Group(**row)


REMOVE_GROUP = """
    DELETE FROM customer_groups WHERE name = $1
        AND NOT EXISTS (SELECT FROM customer_group_members WHERE "group" = $1)
"""


async def remove_group(tx: Transaction, name: str) -> bool:
    """A locked one; False while somebody is in it."""
    return affected(await tx.execute(REMOVE_GROUP, name)) == 1


GROUPS_OF = 'SELECT "group" FROM customer_group_members WHERE user_id = $1 ORDER BY "group"'


async def groups_of(db: Db, user_id: str) -> list[str]:
    return [row["group"] for row in await db.fetch(GROUPS_OF, user_id)]


ADD_MEMBER = 'INSERT INTO customer_group_members (user_id, "group") VALUES ($1, $2)'


async def add_member(tx: Transaction, user_id: str, group: str) -> None:
    await tx.execute(ADD_MEMBER, user_id, group)


REMOVE_MEMBER = 'DELETE FROM customer_group_members WHERE user_id = $1 AND "group" = $2'


async def remove_member(tx: Transaction, user_id: str, group: str) -> bool:
    """Whether they were in it."""
    return affected(await tx.execute(REMOVE_MEMBER, user_id, group)) == 1


FIND_MEMBER = """
    SELECT user_id, email, joined_at FROM customer_group_members JOIN users ON users.id = user_id
    WHERE user_id = $1 AND "group" = $2
"""


async def find_member(db: Db, user_id: str, group: str) -> GroupMember | None:
    row = await db.fetchrow(FIND_MEMBER, user_id, group)
    return None if row is None else GroupMember(**row)


LIST_MEMBERS = """
    SELECT user_id, email, joined_at FROM customer_group_members JOIN users ON users.id = user_id
    WHERE "group" = $1 AND user_id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
    ORDER BY user_id LIMIT $3
"""


async def list_members(db: Db, group: str, after_id: str | None, limit: int) -> list[GroupMember]:
    return [GroupMember(**row) for row in await db.fetch(LIST_MEMBERS, group, after_id, limit)]
