"""The SQL of roles and what they allow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import asyncpg

from stoa.kit.db import Db, Transaction, affected


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    name: str
    description: str
    built_in: bool
    permissions: tuple[str, ...]
    version: int


@dataclass(frozen=True, slots=True)
class Powers:
    """What some roles allow together; `version` goes up with each change of one of them."""

    permissions: frozenset[str]
    version: int


POWERS_OF = """
    SELECT ARRAY(SELECT permission FROM role_permissions WHERE role = ANY ($1::text[])) AS permissions,
        (SELECT coalesce(sum(version), 0) FROM roles WHERE name = ANY ($1::text[]))::bigint AS version
"""


async def powers_of(db: Db, roles: Sequence[str]) -> Powers:
    row = await db.fetchrow(POWERS_OF, roles)
    assert row is not None
    return Powers(frozenset(row["permissions"]), row["version"])


LIST_ROLES = """
    SELECT name, description, built_in, version,
        ARRAY(SELECT permission FROM role_permissions WHERE role = name ORDER BY permission) AS permissions
    FROM roles WHERE name > coalesce($1::text, '')
    ORDER BY name LIMIT $2
"""


async def list_roles(db: Db, after: str | None, limit: int) -> list[Role]:
    """In the order of their names."""
    return [_role(row) for row in await db.fetch(LIST_ROLES, after, limit)]


FIND_ROLE = """
    SELECT name, description, built_in, version,
        ARRAY(SELECT permission FROM role_permissions WHERE role = name ORDER BY permission) AS permissions
    FROM roles WHERE name = $1
"""


async def find_role(db: Db, name: str) -> Role | None:
    row = await db.fetchrow(FIND_ROLE, name)
    return None if row is None else _role(row)


# Whoever removes a role waits for those who give it to somebody, and they for him.
HOLD_ROLES = "SELECT name FROM roles WHERE name = ANY ($1::text[]) ORDER BY name FOR KEY SHARE"


async def hold_roles(tx: Transaction, names: Iterable[str]) -> set[str]:
    """Those that there are: they cannot be removed before this transaction ends."""
    return {row["name"] for row in await tx.fetch(HOLD_ROLES, list(names))}


LOCK_ROLE = "SELECT FROM roles WHERE name = $1 FOR UPDATE"


async def lock_role(tx: Transaction, name: str) -> Role | None:
    """The role as it is once nobody else holds it."""
    return await find_role(tx, name) if await tx.fetchrow(LOCK_ROLE, name) is not None else None


ADD_ROLE = "INSERT INTO roles (name, description, built_in) VALUES ($1, $2, false) ON CONFLICT DO NOTHING"


async def add_role(tx: Transaction, name: str, description: str) -> bool:
    """Whether the name was free."""
    return affected(await tx.execute(ADD_ROLE, name, description)) == 1


CHANGE_ROLE = "UPDATE roles SET description = $2, version = version + 1 WHERE name = $1"


async def change_role(tx: Transaction, name: str, description: str) -> None:
    await tx.execute(CHANGE_ROLE, name, description)


SET_PERMISSIONS = """
    WITH gone AS (
        DELETE FROM role_permissions WHERE role = $1 AND permission <> ALL ($2::text[])
    )
    INSERT INTO role_permissions (role, permission) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING
"""


async def set_permissions(tx: Transaction, name: str, permissions: Sequence[str]) -> None:
    """These and no others; the role must be locked."""
    await tx.execute(SET_PERMISSIONS, name, permissions)


# Every account is a customer; the others are few, and in an index of their own.
IS_HELD = "SELECT EXISTS (SELECT FROM users WHERE roles <> '{customer}' AND $1 = ANY (roles))"


async def is_held(tx: Transaction, name: str) -> bool:
    """Whether anybody has the role, which is not customer."""
    return bool(await tx.fetchval(IS_HELD, name))


REMOVE_ROLE = "DELETE FROM roles WHERE name = $1"


async def remove_role(tx: Transaction, name: str) -> None:
    await tx.execute(REMOVE_ROLE, name)


ADD_KNOWN = "INSERT INTO known_permissions (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING RETURNING name"


async def add_known(tx: Transaction, names: Iterable[str]) -> set[str]:
    """Those that were not known yet."""
    return {row["name"] for row in await tx.fetch(ADD_KNOWN, sorted(names))}


GIVE = """
    WITH given AS (
        INSERT INTO role_permissions (role, permission)
        SELECT role, permission FROM unnest($1::text[], $2::text[]) AS new (role, permission)
        ON CONFLICT DO NOTHING RETURNING role
    )
    UPDATE roles SET version = version + 1 WHERE name IN (SELECT role FROM given)
"""


async def give(tx: Transaction, pairs: Sequence[tuple[str, str]]) -> None:
    """Each a role and a permission that it has from now on."""
    await tx.execute(GIVE, [role for role, _ in pairs], [permission for _, permission in pairs])


def _role(row: asyncpg.Record) -> Role:
    return Role(**dict(row) | {"permissions": tuple(row["permissions"])})
