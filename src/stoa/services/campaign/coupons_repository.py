"""The SQL of codes."""

# ruff: noqa: S608 - what is put into the statements are the columns below, never a value

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

import asyncpg
import msgspec

from stoa.kit.db import Db, Transaction
from stoa.kit.ids import uuid7

_COLUMNS = "id, campaign_id, code, most_uses, used, starts_at, ends_at, revoked_at, created_at"


class KeptCoupon(msgspec.Struct, frozen=True, kw_only=True):
    """A code as staff see it."""

    id: str
    campaign_id: str
    code: str
    most_uses: int | None
    used: int
    starts_at: datetime | None
    ends_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime


COUPONS_AFTER = f"SELECT {_COLUMNS} FROM coupons WHERE campaign_id = $1 AND code > $2 ORDER BY code LIMIT $3"


async def coupons_after(db: Db, campaign_id: str, after: str, limit: int) -> list[KeptCoupon]:
    """In the order of the codes."""
    return [_coupon(row) for row in await db.fetch(COUPONS_AFTER, campaign_id, after, limit)]


READ_COUPON = f"SELECT {_COLUMNS} FROM coupons WHERE campaign_id = $1 AND code = $2"


async def read_coupon(db: Db, campaign_id: str, code: str) -> KeptCoupon | None:
    row = await db.fetchrow(READ_COUPON, campaign_id, code)
    return None if row is None else _coupon(row)


ADD_COUPONS = f"""
    INSERT INTO coupons (id, campaign_id, code, most_uses, starts_at, ends_at)
    SELECT id, $1, code, $4, $5, $6 FROM unnest($2::uuid[], $3::text[]) AS new (id, code) ORDER BY code
    ON CONFLICT (code) DO NOTHING
    RETURNING {_COLUMNS}
"""


class Terms(NamedTuple):
    """How often each may be used, and when."""

    most_uses: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


async def add_coupons(tx: Transaction, campaign_id: str, codes: Collection[str], terms: Terms) -> list[KeptCoupon]:
    """A code that there is already is left out."""
    ids = [uuid7() for _ in codes]
    rows = await tx.fetch(ADD_COUPONS, campaign_id, ids, sorted(codes), *terms)
    return [_coupon(row) for row in rows]


REVOKE_COUPON = f"UPDATE coupons SET revoked_at = now() WHERE id = $1 RETURNING {_COLUMNS}"


async def revoke_coupon(tx: Transaction, coupon_id: str) -> KeptCoupon:
    """Of a campaign that is locked."""
    row = await tx.fetchrow(REVOKE_COUPON, coupon_id)
    assert row is not None
    return _coupon(row)


def _coupon(row: asyncpg.Record) -> KeptCoupon:
    return KeptCoupon(**row)
