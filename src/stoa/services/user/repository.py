"""All SQL of user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from stoa.kit.custom_fields.values import NOTHING, Fields, fields_of
from stoa.kit.db import Db, Transaction, affected
from stoa.kit.http.types import Address
from stoa.kit.pictures import Picture

# --------------------------------------------------------------------------------------------- profiles


class Avatar(msgspec.Struct, frozen=True):
    """A file of the user's own. `url` and `picture` are null until its pictures are made."""

    file_id: str
    url: str | None
    picture: Picture | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    user_id: str
    email: str
    first_name: str
    last_name: str
    phone: str
    avatar: Avatar | None = None
    version: int = 1
    custom_fields: Fields = NOTHING
    metadata: Mapping[str, str] = field(default_factory=dict)


SHOWS_FILE = "SELECT EXISTS (SELECT FROM user_profiles WHERE user_id = $1 AND avatar ->> 'file_id' = $2)"


async def shows_file(db: Db, user_id: str, file_id: str) -> bool:
    return bool(await db.fetchval(SHOWS_FILE, user_id, file_id))


ADD_PROFILE = """
    INSERT INTO user_profiles (user_id, email, first_name, last_name, phone) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (user_id) DO NOTHING
"""


async def add_profile(db: Db, new: Profile) -> None:
    """Unless it is there: what its owner has edited since registering stays."""
    await db.execute(ADD_PROFILE, new.user_id, new.email, new.first_name, new.last_name, new.phone)


FIND_PROFILE = """
    SELECT user_id, email, first_name, last_name, phone, avatar, version,
        named_fields(custom_fields) AS custom_fields, metadata
    FROM user_profiles WHERE user_id = $1 AND deleted_at IS NULL
"""


async def find_profile(db: Db, user_id: str) -> Profile | None:
    row = await db.fetchrow(FIND_PROFILE, user_id)
    return None if row is None else _profile(row)


EDIT_PROFILE = """
    UPDATE user_profiles
    SET first_name = $2, last_name = $3, phone = $4,
        custom_fields = nullif(coalesce($5, custom_fields), '{}'), metadata = $6,
        updated_at = now(), version = version + 1
    WHERE user_id = $1
    RETURNING user_id, email, first_name, last_name, phone, avatar, version,
        named_fields(custom_fields) AS custom_fields, metadata
"""


async def edit_profile(tx: Transaction, wanted: Profile, custom_fields: Mapping[str, Any] | None) -> Profile:
    """The profile, which must be there, one version on. `custom_fields` by their numbers; None where they stay."""
    row = await tx.fetchrow(
        EDIT_PROFILE,
        wanted.user_id,
        wanted.first_name,
        wanted.last_name,
        wanted.phone,
        custom_fields,
        wanted.metadata,
    )
    assert row is not None
    return _profile(row)


SET_AVATAR = """
    UPDATE user_profiles SET avatar = $2, updated_at = now(), version = version + 1 WHERE user_id = $1
    RETURNING user_id, email, first_name, last_name, phone, avatar, version,
        named_fields(custom_fields) AS custom_fields, metadata
"""


async def set_avatar(tx: Transaction, user_id: str, avatar: Avatar | None) -> Profile:
    """Of a locked profile; it, one version on."""
    row = await tx.fetchrow(SET_AVATAR, user_id, None if avatar is None else msgspec.to_builtins(avatar))
    assert row is not None
    return _profile(row)


def _profile(row: asyncpg.Record) -> Profile:
    avatar = msgspec.convert(row["avatar"], Avatar | None)
    return Profile(**dict(row) | {"avatar": avatar, "custom_fields": fields_of(row["custom_fields"])})


LOCK_PROFILE = "SELECT version FROM user_profiles WHERE user_id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE"


async def lock_profile(tx: Transaction, user_id: str) -> int | None:
    """One change at a time to it and to what hangs on it; its version, None where there is no profile or no more."""
    version: int | None = await tx.fetchval(LOCK_PROFILE, user_id)
    return version


# First the row, which everybody who adds to the profile holds.
EMPTY_PROFILE = """
    INSERT INTO user_profiles (user_id, email, first_name, last_name, phone, deleted_at)
    VALUES ($1, '', '', '', '', now())
    ON CONFLICT (user_id) DO UPDATE SET email = '', first_name = '', last_name = '', phone = '',
        avatar = NULL, custom_fields = DEFAULT, metadata = DEFAULT, deleted_at = now()
    WHERE user_profiles.deleted_at IS NULL
"""
DELETE_ADDRESSES = "DELETE FROM addresses WHERE user_id = $1"
DELETE_PREFERENCES = "DELETE FROM user_preferences WHERE user_id = $1"
DELETE_WISHES = "DELETE FROM wishlist WHERE user_id = $1"


async def forget(tx: Transaction, user_id: str) -> None:
    """Nothing is left but that the user was deleted."""
    await tx.execute(EMPTY_PROFILE, user_id)
    await tx.execute(DELETE_ADDRESSES, user_id)
    await tx.execute(DELETE_PREFERENCES, user_id)
    await tx.execute(DELETE_WISHES, user_id)


# -------------------------------------------------------------------------------------------- addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedAddress:
    id: str
    name: str
    line1: str
    line2: str
    city: str
    region: str
    postal_code: str
    country: str
    phone: str
    is_default: bool
    version: int
    created_at: datetime


COUNT_ADDRESSES = "SELECT count(*) FROM addresses WHERE user_id = $1"


async def count_addresses(tx: Transaction, user_id: str) -> int:
    return int(await tx.fetchval(COUNT_ADDRESSES, user_id))


ADD_ADDRESS = """
    INSERT INTO addresses (id, user_id, is_default, name, line1, line2, city, region, postal_code, country, phone)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    RETURNING id, name, line1, line2, city, region, postal_code, country, phone, is_default, version,
           created_at
"""


async def add_address(
    tx: Transaction, address_id: str, user_id: str, address: Address, *, is_default: bool
) -> BookedAddress:
    row = await tx.fetchrow(ADD_ADDRESS, address_id, user_id, is_default, *_columns(address))
    assert row is not None
    return BookedAddress(**row)


FIND_ADDRESS = """
    SELECT id, name, line1, line2, city, region, postal_code, country, phone, is_default, version,
           created_at
    FROM addresses WHERE user_id = $1 AND id = $2
"""


async def find_address(db: Db, user_id: str, address_id: str) -> BookedAddress | None:
    row = await db.fetchrow(FIND_ADDRESS, user_id, address_id)
    return None if row is None else BookedAddress(**row)


LIST_ADDRESSES = """
    SELECT id, name, line1, line2, city, region, postal_code, country, phone, is_default, version,
           created_at
    FROM addresses WHERE user_id = $1 AND id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
    ORDER BY id LIMIT $3
"""


async def list_addresses(db: Db, user_id: str, after_id: str | None, limit: int) -> list[BookedAddress]:
    """In the order in which they were added."""
    return [BookedAddress(**row) for row in await db.fetch(LIST_ADDRESSES, user_id, after_id, limit)]


REPLACE_ADDRESS = """
    UPDATE addresses
    SET is_default = $3, name = $4, line1 = $5, line2 = $6, city = $7, region = $8, postal_code = $9, country = $10,
        phone = $11, updated_at = now(), version = version + 1
    WHERE user_id = $1 AND id = $2
    RETURNING id, name, line1, line2, city, region, postal_code, country, phone, is_default, version,
           created_at
"""


async def replace_address(
    tx: Transaction, user_id: str, address_id: str, address: Address, *, is_default: bool
) -> BookedAddress:
    """The address, which must be there, as it is now."""
    row = await tx.fetchrow(REPLACE_ADDRESS, user_id, address_id, is_default, *_columns(address))
    assert row is not None
    return BookedAddress(**row)


CLEAR_DEFAULT = """
    UPDATE addresses SET is_default = false, updated_at = now(), version = version + 1 WHERE user_id = $1 AND is_default
"""


async def clear_default(tx: Transaction, user_id: str) -> None:
    await tx.execute(CLEAR_DEFAULT, user_id)


DELETE_ADDRESS = "DELETE FROM addresses WHERE user_id = $1 AND id = $2"


async def delete_address(tx: Transaction, user_id: str, address_id: str) -> None:
    await tx.execute(DELETE_ADDRESS, user_id, address_id)


PROMOTE_OLDEST = """
    UPDATE addresses SET is_default = true, updated_at = now(), version = version + 1
    WHERE id = (SELECT id FROM addresses WHERE user_id = $1 ORDER BY id LIMIT 1)
"""


async def promote_oldest(tx: Transaction, user_id: str) -> None:
    """Make it the default, if there is one at all."""
    await tx.execute(PROMOTE_OLDEST, user_id)


def _columns(address: Address) -> tuple[str, ...]:
    return (
        address.name,
        address.line1,
        address.line2,
        address.city,
        address.region,
        address.postal_code,
        address.country,
        address.phone,
    )


# ------------------------------------------------------------------------------------------ preferences


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """Before anything was said, in version 0: no marketing, because silence is not consent."""

    language: str = "en"
    currency: str = "GBP"
    marketing_by_email: bool = False
    marketing_by_sms: bool = False
    version: int = 0


FIND_PREFERENCES = """
    SELECT language, currency, marketing_by_email, marketing_by_sms, version FROM user_preferences WHERE user_id = $1
"""


async def find_preferences(db: Db, user_id: str) -> Preferences:
    row = await db.fetchrow(FIND_PREFERENCES, user_id)
    return Preferences() if row is None else Preferences(**row)


SET_PREFERENCES = """
    INSERT INTO user_preferences (user_id, language, currency, marketing_by_email, marketing_by_sms)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (user_id) DO UPDATE
    SET language = excluded.language, currency = excluded.currency,
        marketing_by_email = excluded.marketing_by_email, marketing_by_sms = excluded.marketing_by_sms,
        version = user_preferences.version + 1
    RETURNING language, currency, marketing_by_email, marketing_by_sms, version
"""


async def set_preferences(tx: Transaction, user_id: str, wanted: Preferences) -> Preferences:
    row = await tx.fetchrow(
        SET_PREFERENCES,
        user_id,
        wanted.language,
        wanted.currency,
        wanted.marketing_by_email,
        wanted.marketing_by_sms,
    )
    assert row is not None
    return Preferences(**row)


# --------------------------------------------------------------------------------------------- wishlist


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Either of a product or of one variant: the other is None."""

    id: str
    product_id: str | None
    sku: str | None
    added_at: datetime


FIND_WISH = """
    SELECT id, product_id, sku, added_at FROM wishlist WHERE user_id = $1 AND (product_id = $2 OR sku = $3)
"""


async def find_wish(db: Db, user_id: str, product_id: str | None, sku: str | None) -> Wish | None:
    row = await db.fetchrow(FIND_WISH, user_id, product_id, sku)
    return None if row is None else Wish(**row)


COUNT_WISHES = "SELECT count(*) FROM wishlist WHERE user_id = $1"


async def count_wishes(tx: Transaction, user_id: str) -> int:
    return int(await tx.fetchval(COUNT_WISHES, user_id))


ADD_WISH = """
    INSERT INTO wishlist (id, user_id, product_id, sku) VALUES ($1, $2, $3, $4)
    RETURNING id, product_id, sku, added_at
"""


async def add_wish(tx: Transaction, wish_id: str, user_id: str, product_id: str | None, sku: str | None) -> Wish:
    row = await tx.fetchrow(ADD_WISH, wish_id, user_id, product_id, sku)
    assert row is not None
    return Wish(**row)


LIST_WISHES = """
    SELECT id, product_id, sku, added_at FROM wishlist
    WHERE user_id = $1 AND id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    ORDER BY id DESC LIMIT $3
"""


async def list_wishes(db: Db, user_id: str, before_id: str | None, limit: int) -> list[Wish]:
    """The newest first."""
    return [Wish(**row) for row in await db.fetch(LIST_WISHES, user_id, before_id, limit)]


DELETE_WISH = "DELETE FROM wishlist WHERE user_id = $1 AND (product_id = $2 OR sku = $3)"


async def delete_wish(tx: Transaction, user_id: str, product_id: str | None, sku: str | None) -> bool:
    return affected(await tx.execute(DELETE_WISH, user_id, product_id, sku)) > 0
