"""All SQL of auth."""

# ruff: noqa: S608 - what is put into the statements are the columns below, and a name of ours, never a value

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import asyncpg

from stoa.kit import ids
from stoa.kit.db import Db, Transaction, affected
from stoa.services.auth import guessing
from stoa.services.auth.guessing import Tally
from stoa.services.auth.keys import KeyRow

_USER = """id, email, password_hash, password_changed_at, first_name, last_name, phone, roles, version, disabled_at,
    created_at"""

EndedBy = Literal["logout", "reuse", "password_changed", "roles_changed", "disabled"]

# ------------------------------------------------------------------------------------------------ users


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    id: str
    email: str
    password_hash: str | None
    password_changed_at: datetime
    first_name: str
    last_name: str
    phone: str
    roles: tuple[str, ...]
    version: int
    disabled_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    id: str
    email: str
    password_hash: str | None
    first_name: str
    last_name: str
    phone: str
    roles: Sequence[str]
    registration_key: bytes | None = None


ADD_USER = f"""
    INSERT INTO users (id, email, password_hash, first_name, last_name, phone, roles, registration_key)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT DO NOTHING
    RETURNING {_USER}
"""


async def add_user(tx: Transaction, new: NewUser) -> User | None:
    """The new user; None where the e-mail address or the registration key is there already."""
    return _user(
        await tx.fetchrow(
            ADD_USER,
            new.id,
            new.email,
            new.password_hash,
            new.first_name,
            new.last_name,
            new.phone,
            new.roles,
            new.registration_key,
        )
    )


# Roles come as one text each, `customer seller`, because an array of arrays must be rectangular.
IMPORT_USERS = """
    INSERT INTO users (id, email, password_hash, first_name, last_name, phone, roles)
    SELECT id, email, password_hash, first_name, last_name, '', string_to_array(roles, ' ')
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
        AS new (id, email, password_hash, first_name, last_name, roles)
    ON CONFLICT (email) DO NOTHING
    RETURNING id
"""


async def import_users(tx: Transaction, new: Sequence[NewUser]) -> set[str]:
    """The ids of those that were added: an address that was there, or twice in `new`, is left as it is."""
    rows = await tx.fetch(
        IMPORT_USERS,
        [user.id for user in new],
        [user.email for user in new],
        [user.password_hash for user in new],
        [user.first_name for user in new],
        [user.last_name for user in new],
        [" ".join(user.roles) for user in new],
    )
    return {row["id"] for row in rows}


FIND_USER = f"""
    SELECT {_USER}
    FROM users WHERE id = $1
"""


async def find_user(db: Db, user_id: str) -> User | None:
    return _user(await db.fetchrow(FIND_USER, user_id))


FIND_USER_BY_EMAIL = f"""
    SELECT {_USER}
    FROM users WHERE email = $1
"""


async def find_user_by_email(db: Db, email: str) -> User | None:
    return _user(await db.fetchrow(FIND_USER_BY_EMAIL, email))


FIND_USER_BY_REGISTRATION = f"""
    SELECT {_USER}
    FROM users WHERE registration_key = $1
"""


async def find_user_by_registration(db: Db, registration_key: bytes) -> User | None:
    return _user(await db.fetchrow(FIND_USER_BY_REGISTRATION, registration_key))


# NO KEY: a session that is being opened refers to the row and need not wait.
LOCK_USER = f"""
    SELECT {_USER}
    FROM users WHERE id = $1 FOR NO KEY UPDATE
"""


async def lock_user(tx: Transaction, user_id: str) -> User | None:
    return _user(await tx.fetchrow(LOCK_USER, user_id))


# In one order everywhere, so that two who lock the same accounts never wait for each other.
LOCK_USERS = f"""
    SELECT {_USER}
    FROM users WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""


async def lock_users(tx: Transaction, user_ids: Sequence[str]) -> dict[str, User]:
    """Those that there are, by id."""
    users = [_there(row) for row in await tx.fetch(LOCK_USERS, user_ids)]
    return {user.id: user for user in users}


LIST_USERS = f"SELECT {_USER} FROM users WHERE id < $1 ORDER BY id DESC LIMIT $2"
LIST_USERS_WITH_EMAIL = f"SELECT {_USER} FROM users WHERE email = $1 AND id < $2 ORDER BY id DESC LIMIT $3"


async def list_users(db: Db, before_id: str | None, email: str | None, limit: int) -> list[User]:
    """The newest first."""
    before = before_id or ids.LAST
    if email is None:
        return [_there(row) for row in await db.fetch(LIST_USERS, before, limit)]
    return [_there(row) for row in await db.fetch(LIST_USERS_WITH_EMAIL, email, before, limit)]


RENEW_HASH = "UPDATE users SET password_hash = $2 WHERE id = $1"


async def renew_hash(tx: Transaction, user_id: str, password_hash: str) -> None:
    """Another hash of the same password."""
    await tx.execute(RENEW_HASH, user_id, password_hash)


CHANGE_PASSWORD = "UPDATE users SET password_hash = $2, password_changed_at = clock_timestamp() WHERE id = $1"  # noqa: S105


async def change_password(tx: Transaction, user_id: str, password_hash: str) -> None:
    await tx.execute(CHANGE_PASSWORD, user_id, password_hash)


SET_ROLES = f"""
    UPDATE users SET roles = $2, version = version + 1 WHERE id = $1
    RETURNING {_USER}
"""


async def set_roles(tx: Transaction, user_id: str, roles: Sequence[str]) -> User:
    """The user as changed; their row must be locked."""
    return _there(await tx.fetchrow(SET_ROLES, user_id, roles))


SET_DISABLED = f"""
    UPDATE users SET disabled_at = $2, version = version + 1 WHERE id = $1
    RETURNING {_USER}
"""


async def set_disabled(tx: Transaction, user_id: str, at: datetime | None) -> User:
    """The user as changed; their row must be locked."""
    return _there(await tx.fetchrow(SET_DISABLED, user_id, at))


ENABLED_ADMINS = """
    SELECT id FROM users WHERE roles <> '{customer}' AND 'admin' = ANY (roles) AND disabled_at IS NULL
"""


async def enabled_admins(tx: Transaction) -> list[str]:
    return [row["id"] for row in await tx.fetch(ENABLED_ADMINS)]


REMOVE_USER = "DELETE FROM users WHERE id = $1"


async def remove_user(tx: Transaction, user_id: str) -> None:
    """With the sessions, tokens and memberships; the row must be locked."""
    await tx.execute(REMOVE_USER, user_id)


TAKE_DISABLED_UNTOLD = f"""
    UPDATE users SET version = version + 1 WHERE id = ANY (ARRAY(
        SELECT id FROM users WHERE disabled_at IS NOT NULL AND version = 1
        ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
    ))
    RETURNING {_USER}
"""


async def take_disabled_untold(tx: Transaction, most: int) -> list[User]:
    """Disabled accounts of which nothing was announced since they registered, as they are with their next version."""
    return [_there(row) for row in await tx.fetch(TAKE_DISABLED_UNTOLD, most)]


FORGET_REGISTRATIONS = """
    UPDATE users SET registration_key = NULL WHERE id = ANY (ARRAY(
        SELECT id FROM users WHERE registration_key IS NOT NULL AND created_at < $1
        ORDER BY created_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
    ))
"""


async def forget_registrations(db: Db, before: datetime, most: int) -> int:
    return affected(await db.execute(FORGET_REGISTRATIONS, before, most))


# --------------------------------------------------------------------------------------------- sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    id: str
    user_id: str
    client: str
    reason: str | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """`alive`: not ended, and its user enabled. Whether it has expired the caller's clock says."""

    id: str
    user_id: str
    email: str
    roles: tuple[str, ...]
    expires_at: datetime
    alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Whether a session is active, and the version of its user's roles by now."""

    active: bool
    roles_version: int


@dataclass(frozen=True, slots=True)
class RefreshToken:
    session_id: str
    expires_at: datetime
    used_at: datetime | None


ADD_SESSION = """
    INSERT INTO sessions (id, user_id, client, reason, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
"""


async def add_session(tx: Transaction, new: NewSession) -> None:
    await tx.execute(ADD_SESSION, new.id, new.user_id, new.client, new.reason, new.created_at, new.expires_at)


LOCK_SESSION = """
    SELECT sessions.id, user_id, email, roles, expires_at, ended_at IS NULL AND disabled_at IS NULL AS alive
    FROM sessions JOIN users ON users.id = sessions.user_id
    WHERE sessions.id = $1 FOR UPDATE OF sessions
"""


async def lock_session(tx: Transaction, session_id: str) -> Session | None:
    row = await tx.fetchrow(LOCK_SESSION, session_id)
    return None if row is None else Session(**dict(row) | {"roles": tuple(row["roles"])})


# Whoever asks compares the version of the roles with that in a token; see `roles_repository.powers_of`.
SESSION_STANDS = """
    SELECT ended_at IS NULL AND disabled_at IS NULL AND expires_at > $2 AS active,
        (SELECT coalesce(sum(roles.version), 0) FROM roles WHERE name = ANY (users.roles))::bigint AS roles_version
    FROM sessions JOIN users ON users.id = sessions.user_id
    WHERE sessions.id = $1
"""


async def session_stands(db: Db, session_id: str, now: datetime) -> Standing:
    row = await db.fetchrow(SESSION_STANDS, session_id, now)
    return Standing(active=False, roles_version=0) if row is None else Standing(**row)


END_SESSION = "UPDATE sessions SET ended_at = $2, ended_by = $3 WHERE id = $1 AND ended_at IS NULL"


async def end_session(db: Db, session_id: str, now: datetime, ended_by: EndedBy) -> None:
    await db.execute(END_SESSION, session_id, now, ended_by)


END_SESSIONS = """
    UPDATE sessions SET ended_at = $3, ended_by = $4
    WHERE user_id = $1 AND ended_at IS NULL AND id IS DISTINCT FROM $2
"""


async def end_sessions(tx: Transaction, user_id: str, spared: str | None, now: datetime, ended_by: EndedBy) -> None:
    """End a user's sessions but the one that is spared; the user's row must be locked."""
    await tx.execute(END_SESSIONS, user_id, spared, now, ended_by)


# An array and no join: how many are old is not known when this is planned.
REMOVE_SESSIONS = """
    DELETE FROM sessions
    WHERE id = ANY (ARRAY(SELECT id FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2))
"""


async def remove_sessions(db: Db, expired_before: datetime, most: int) -> int:
    return affected(await db.execute(REMOVE_SESSIONS, expired_before, most))


ADD_TOKEN = "INSERT INTO refresh_tokens (token_hash, session_id, expires_at) VALUES ($1, $2, $3)"  # noqa: S105


async def add_token(tx: Transaction, token_hash: bytes, session_id: str, expires_at: datetime) -> None:
    await tx.execute(ADD_TOKEN, token_hash, session_id, expires_at)


FIND_TOKEN = "SELECT session_id, expires_at, used_at FROM refresh_tokens WHERE token_hash = $1"  # noqa: S105


async def find_token(db: Db, token_hash: bytes) -> RefreshToken | None:
    row = await db.fetchrow(FIND_TOKEN, token_hash)
    return None if row is None else RefreshToken(**row)


USE_TOKEN = "UPDATE refresh_tokens SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL"  # noqa: S105


async def use_token(tx: Transaction, token_hash: bytes, now: datetime) -> bool:
    """Whether it was unused until now; its session must be locked."""
    return affected(await tx.execute(USE_TOKEN, token_hash, now)) == 1


REMOVE_TOKENS = """
    DELETE FROM refresh_tokens
    WHERE token_hash = ANY (ARRAY(
        SELECT token_hash FROM refresh_tokens WHERE expires_at < $1 AND used_at IS NOT NULL ORDER BY expires_at LIMIT $2
    ))
"""


async def remove_tokens(db: Db, expired_before: datetime, most: int) -> int:
    """An expired token is refused whether or not we remember it. The last of a session goes with the session."""
    return affected(await db.execute(REMOVE_TOKENS, expired_before, most))


# ---------------------------------------------------------------------------------------------- guesses

# The empty update locks what is there and shows it; everywhere comes first, so two never wait for each other.
HOLD_TALLIES = f"""
    INSERT INTO guesses (account, client) VALUES ($1, '{guessing.EVERYWHERE}'), ($1, $2)
    ON CONFLICT (account, client) DO UPDATE SET account = excluded.account
    RETURNING client, failures, failed_at, blocked_until, succeeded_at
"""


async def hold_tallies(tx: Transaction, account: bytes, network: str) -> tuple[Tally, Tally]:
    """The tally from the network and the one from everywhere, locked."""
    tallies = {row["client"]: Tally(**row) for row in await tx.fetch(HOLD_TALLIES, account, network)}
    return tallies[network], tallies[guessing.EVERYWHERE]


WRITE_TALLIES = """
    UPDATE guesses
    SET failures = new.failures, failed_at = new.failed_at,
        blocked_until = new.blocked_until, succeeded_at = new.succeeded_at
    FROM unnest($2::text[], $3::integer[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[])
        AS new (client, failures, failed_at, blocked_until, succeeded_at)
    WHERE guesses.account = $1 AND guesses.client = new.client
"""


async def write_tallies(tx: Transaction, account: bytes, tallies: Sequence[Tally]) -> None:
    await tx.execute(
        WRITE_TALLIES,
        account,
        [tally.client for tally in tallies],
        [tally.failures for tally in tallies],
        [tally.failed_at for tally in tallies],
        [tally.blocked_until for tally in tallies],
        [tally.succeeded_at for tally in tallies],
    )


FORGET_GUESSES = """
    WITH in_vain AS MATERIALIZED (
        SELECT account, client FROM guesses
        WHERE succeeded_at IS NULL AND coalesce(failed_at, '-infinity') < $1
        ORDER BY coalesce(failed_at, '-infinity') LIMIT $3 FOR UPDATE SKIP LOCKED
    ), known AS MATERIALIZED (
        SELECT account, client FROM guesses
        WHERE succeeded_at < $2 AND coalesce(failed_at < $1, true)
        ORDER BY succeeded_at LIMIT $3 FOR UPDATE SKIP LOCKED
    )
    DELETE FROM guesses WHERE (account, client) IN (
        SELECT account, client FROM (SELECT * FROM in_vain UNION ALL SELECT * FROM known) AS forgotten LIMIT $3
    )
"""


async def forget_guesses(db: Db, failed_before: datetime, succeeded_before: datetime, most: int) -> int:
    return affected(await db.execute(FORGET_GUESSES, failed_before, succeeded_before, most))


# --------------------------------------------------------------------------------------------- registering

# The empty update locks what is there and shows it.
HOLD_ALLOWANCE = """
    INSERT INTO network_allowances (network, name, full_at) VALUES ($1, $2, $3)
    ON CONFLICT (network, name) DO UPDATE SET name = excluded.name
    RETURNING full_at
"""


async def hold_allowance(tx: Transaction, network: str, name: str, now: datetime) -> datetime:
    """When the network may do it as often as at first, locked: who registers there takes turns."""
    full_at: datetime = await tx.fetchval(HOLD_ALLOWANCE, network, name, now)
    return full_at


FIND_ALLOWANCE = "SELECT full_at FROM network_allowances WHERE network = $1 AND name = $2"


async def find_allowance(db: Db, network: str, name: str) -> datetime | None:
    """The same; None where nothing of it was used lately."""
    full_at: datetime | None = await db.fetchval(FIND_ALLOWANCE, network, name)
    return full_at


SET_ALLOWANCE = "UPDATE network_allowances SET full_at = $3 WHERE network = $1 AND name = $2"


async def set_allowance(tx: Transaction, network: str, name: str, full_at: datetime) -> None:
    await tx.execute(SET_ALLOWANCE, network, name, full_at)


FORGET_ALLOWANCES = """
    DELETE FROM network_allowances WHERE (network, name) IN (
        SELECT network, name FROM network_allowances
        WHERE full_at < $1 ORDER BY full_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
"""


async def forget_allowances(db: Db, full_before: datetime, most: int) -> int:
    return affected(await db.execute(FORGET_ALLOWANCES, full_before, most))


ADD_PROOF = """
    INSERT INTO address_proofs (account, code_hash, ends_at) VALUES ($1, $2, $4)
    ON CONFLICT (account) DO UPDATE SET code_hash = excluded.code_hash, ends_at = excluded.ends_at
    WHERE address_proofs.ends_at <= $3
"""


async def add_proof(tx: Transaction, account: bytes, code_hash: bytes, now: datetime, ends_at: datetime) -> bool:
    """A code for an address; False where one is still good."""
    return affected(await tx.execute(ADD_PROOF, account, code_hash, now, ends_at)) == 1


HAS_PROOF = "SELECT EXISTS (SELECT FROM address_proofs WHERE account = $1 AND code_hash = $2 AND ends_at > $3)"


async def has_proof(db: Db, account: bytes, code_hash: bytes, now: datetime) -> bool:
    return bool(await db.fetchval(HAS_PROOF, account, code_hash, now))


TAKE_PROOF = "DELETE FROM address_proofs WHERE account = $1 AND code_hash = $2 AND ends_at > $3"


async def take_proof(tx: Transaction, account: bytes, code_hash: bytes, now: datetime) -> bool:
    return affected(await tx.execute(TAKE_PROOF, account, code_hash, now)) == 1


REMOVE_PROOFS = """
    DELETE FROM address_proofs WHERE account = ANY (ARRAY(
        SELECT account FROM address_proofs WHERE ends_at < $1 ORDER BY ends_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ))
"""


async def remove_proofs(db: Db, ended_before: datetime, most: int) -> int:
    return affected(await db.execute(REMOVE_PROOFS, ended_before, most))


# ----------------------------------------------------------------------------------------- signing keys

LOCK_KEYS = "SELECT pg_advisory_xact_lock(hashtext('signing_keys'))"


async def lock_keys(tx: Transaction) -> None:
    """One at a time makes or removes keys, also when there is none to lock."""
    await tx.execute(LOCK_KEYS)


ALL_KEYS = "SELECT kid, private_pem, public_jwk, signs_from FROM signing_keys ORDER BY signs_from"


async def all_keys(db: Db) -> list[KeyRow]:
    return [KeyRow(**row) for row in await db.fetch(ALL_KEYS)]


ADD_KEY = "INSERT INTO signing_keys (kid, private_pem, public_jwk, signs_from) VALUES ($1, $2, $3, $4)"


async def add_key(tx: Transaction, key: KeyRow) -> None:
    await tx.execute(ADD_KEY, key.kid, key.private_pem, key.public_jwk, key.signs_from)


REMOVE_KEYS = "DELETE FROM signing_keys WHERE kid = ANY ($1::text[])"


async def remove_keys(tx: Transaction, kids: Sequence[str]) -> None:
    await tx.execute(REMOVE_KEYS, kids)


def _user(row: asyncpg.Record | None) -> User | None:
    return None if row is None else _there(row)


def _there(row: asyncpg.Record | None) -> User:
    assert row is not None  # the caller holds it
    return User(**dict(row) | {"roles": tuple(row["roles"])})
