"""The SQL of campaigns. Whoever changes one holds its row; what staff change of those that run counts in `changes`."""

# ruff: noqa: S608 - what is put into the statements are the columns below, never a value

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
import msgspec

from stoa.kit.db import Db, Transaction, affected, later
from stoa.services.campaign.bodies import NewCampaign
from stoa.services.campaign.campaign import (
    Campaign,
    Conditions,
    Counts,
    Coupon,
    Effect,
    Hours,
    Limits,
    Selection,
    State,
)
from stoa.services.campaign.errors import NameTaken
from stoa.services.campaign.index import Index

_RULES = """id, name, state, by_coupon, priority, exclusive, combination_sets, starts_at, ends_at, hours, selection,
    conditions, effects, limits"""
_SPENT = """
    (SELECT coalesce(jsonb_object_agg(currency, spent_minor), '{}') FROM spending WHERE campaign_id = campaigns.id)
"""
_CAMPAIGN = f"""
    SELECT {_RULES}, description, used, version, created_at, updated_at, {_SPENT} AS spent FROM campaigns
"""


class KeptCampaign(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign as staff see it: with how often and for how much it was used."""

    campaign: Campaign
    description: str
    used: int
    spent: Mapping[str, int]
    version: int
    created_at: datetime
    updated_at: datetime


CAMPAIGNS_BEFORE = _CAMPAIGN + "WHERE id < $1 ORDER BY id DESC LIMIT $2"
# In the words of the index to walk.
CAMPAIGNS_IN_STATE = (
    _CAMPAIGN + "WHERE state >= $3 AND (state, id) < ($3, $1::uuid) ORDER BY state DESC, id DESC LIMIT $2"
)
_LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff"


async def campaigns_before(db: Db, before: str | None, limit: int, state: State | None) -> list[KeptCampaign]:
    """The newest first."""
    if state is None:
        rows = await db.fetch(CAMPAIGNS_BEFORE, before or _LAST, limit)
    else:
        rows = await db.fetch(CAMPAIGNS_IN_STATE, before or _LAST, limit, state)
    return [_kept(row) for row in rows]


READ_CAMPAIGN = _CAMPAIGN + "WHERE id = $1"


async def read_campaign(db: Db, campaign_id: str) -> KeptCampaign | None:
    row = await db.fetchrow(READ_CAMPAIGN, campaign_id)
    return None if row is None else _kept(row)


LOCK_CAMPAIGN = "SELECT FROM campaigns WHERE id = $1 FOR NO KEY UPDATE"


async def lock_campaign(tx: Transaction, campaign_id: str) -> KeptCampaign | None:
    """As it is under the lock, its counters too."""
    await tx.execute(LOCK_CAMPAIGN, campaign_id)
    return await read_campaign(tx, campaign_id)


HOLD_CHANGES = "UPDATE changes SET revision = revision + 1"


async def hold_changes(tx: Transaction) -> None:
    """Staff change one after the other, and every process reads anew what runs."""
    await later(tx, HOLD_CHANGES)


COUNT_RUNNING = "SELECT count(*) FROM campaigns WHERE state = 'active' AND coalesce(ends_at > $1, true)"


async def count_running(db: Db, now: datetime) -> int:
    """Those that are over only because their time is, are none."""
    count: int = await db.fetchval(COUNT_RUNNING, now)
    return count


ADD_CAMPAIGN = """
    INSERT INTO campaigns (
        id, name, description, state, by_coupon, priority, exclusive, combination_sets, starts_at, ends_at, hours,
        selection, conditions, effects, limits, most_uses
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""
CHANGE_CAMPAIGN = """
    UPDATE campaigns SET
        name = $2, description = $3, state = $4, by_coupon = $5, priority = $6, exclusive = $7, combination_sets = $8,
        starts_at = $9, ends_at = $10, hours = $11, selection = $12, conditions = $13, effects = $14, limits = $15,
        most_uses = $16, version = version + 1, updated_at = now()
    WHERE id = $1
"""
SET_BUDGETS = """
    WITH said AS MATERIALIZED (
        SELECT $1::uuid AS campaign_id, currency, amount
        FROM jsonb_to_recordset($2) AS said (currency text, amount bigint)
    ), unsaid AS (
        UPDATE spending SET budget_minor = NULL
        WHERE campaign_id = $1 AND currency NOT IN (SELECT currency FROM said) AND budget_minor IS NOT NULL
    )
    INSERT INTO spending (campaign_id, currency, budget_minor) SELECT campaign_id, currency, amount FROM said
    ON CONFLICT (campaign_id, currency) DO UPDATE SET budget_minor = EXCLUDED.budget_minor
"""


async def add_campaign(tx: Transaction, campaign_id: str, new: NewCampaign) -> None:
    """Raises `NameTaken`."""
    await _write(tx, ADD_CAMPAIGN, campaign_id, new)


async def change_campaign(tx: Transaction, campaign_id: str, new: NewCampaign) -> None:
    """A locked one, one version on. Raises `NameTaken`."""
    await _write(tx, CHANGE_CAMPAIGN, campaign_id, new)


async def _write(tx: Transaction, sql: str, campaign_id: str, new: NewCampaign) -> None:
    limits = new.limits
    try:
        await tx.execute(
            sql,
            campaign_id,
            new.name,
            new.description,
            new.state,
            new.by_coupon,
            new.priority,
            new.exclusive,
            new.combination_sets,
            new.starts_at,
            new.ends_at,
            new.hours,
            new.selection,
            new.conditions,
            new.effects,
            limits,
            limits.most_uses,
        )
    except asyncpg.UniqueViolationError:
        raise NameTaken from None
    await tx.execute(SET_BUDGETS, campaign_id, limits.budget)


REMOVE_CAMPAIGN = "DELETE FROM campaigns WHERE id = $1"


async def remove_campaign(tx: Transaction, campaign_id: str) -> bool:
    """With its codes. Nothing may have been redeemed of it."""
    return affected(await tx.execute(REMOVE_CAMPAIGN, campaign_id)) == 1


WAS_REDEEMED = "SELECT EXISTS (SELECT FROM redemptions WHERE campaign_id = $1)"


async def was_redeemed(tx: Transaction, campaign_id: str) -> bool:
    """Also what was given back since."""
    redeemed: bool = await tx.fetchval(WAS_REDEEMED, campaign_id)
    return redeemed


NAMED = "SELECT name FROM campaigns WHERE name = ANY($1::text[])"


async def names_there(db: Db, names: Collection[str]) -> set[str]:
    return {row["name"] for row in await db.fetch(NAMED, list(names))}


# -------------------------------------------------------------------------------------------------------- what runs

RUNNING = f"""
    SELECT changes.revision, {_RULES.replace("id, name", "campaigns.id, name", 1)}
    FROM changes LEFT JOIN campaigns ON state = 'active' AND coalesce(ends_at > now(), true)
    ORDER BY campaigns.id
"""


async def load_index(db: Db) -> Index:
    rows = await db.fetch(RUNNING)
    return Index(rows[0]["revision"], [_campaign(row) for row in rows if row["id"] is not None])


class Looked(NamedTuple):
    """`revision` is that of what staff say; `coupons` are by code, `counts` by campaign and user."""

    revision: int
    coupons: Mapping[str, Coupon]
    used: Mapping[str, Counts]
    by_customer: Mapping[tuple[str, str], int]

    def counts_for(self, user_id: str | None) -> dict[str, Counts]:
        return {
            campaign_id: Counts(one.used, self.by_customer.get((campaign_id, user_id or ""), 0), one.spent)
            for campaign_id, one in self.used.items()
        }


# All that a wave of carts has to know, as of one moment.
LOOK = """
    WITH entered AS MATERIALIZED (
        SELECT id, campaign_id, code, most_uses, used, starts_at, ends_at, revoked_at IS NOT NULL AS revoked
        FROM coupons WHERE code = ANY($1::text[])
    ), counted AS MATERIALIZED (
        SELECT unnest($2::uuid[]) AS id UNION SELECT campaign_id FROM entered
    )
    SELECT (SELECT revision FROM changes) AS revision,
        (SELECT json_agg(entered) FROM entered) AS coupons,
        (
            SELECT json_agg(json_build_object(
                'id', found.id, 'used', found.used,
                'spent', (SELECT json_object_agg(currency, spent_minor) FROM spending WHERE campaign_id = found.id)
            ))
            FROM counted CROSS JOIN LATERAL (SELECT id, used FROM campaigns WHERE id = counted.id LIMIT 1) AS found
        ) AS campaigns,
        (
            SELECT json_agg(json_build_array(found.campaign_id, found.user_id, found.used))
            FROM counted CROSS JOIN unnest($3::uuid[]) AS asked (user_id)
            CROSS JOIN LATERAL (
                SELECT * FROM customer_uses WHERE campaign_id = counted.id AND user_id = asked.user_id LIMIT 1
            ) AS found
        ) AS customers
"""


async def look(db: Db, codes: Collection[str], counted: Collection[str], users: Collection[str]) -> Looked:
    """At these codes, and how often these campaigns, and those of the codes, were used, also by these users."""
    row = await db.fetchrow(LOOK, sorted(codes), sorted(counted), sorted(users))
    assert row is not None
    coupons = [msgspec.convert(each, Coupon) for each in row["coupons"] or ()]
    return Looked(
        revision=row["revision"],
        coupons={one.code: one for one in coupons},
        used={each["id"]: Counts(used=each["used"], spent=each["spent"] or {}) for each in row["campaigns"] or ()},
        by_customer={(campaign, user): used for campaign, user, used in row["customers"] or ()},
    )


MEASURE = "SELECT count(*) FROM campaigns WHERE state = 'active'"


async def count_active(db: Db) -> int:
    count: int = await db.fetchval(MEASURE)
    return count


def _kept(row: asyncpg.Record) -> KeptCampaign:
    return KeptCampaign(
        campaign=_campaign(row),
        description=row["description"],
        used=row["used"],
        spent=row["spent"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _campaign(row: asyncpg.Record) -> Campaign:
    return Campaign(
        id=row["id"],
        name=row["name"],
        state=row["state"],
        by_coupon=row["by_coupon"],
        priority=row["priority"],
        exclusive=row["exclusive"],
        combination_sets=row["combination_sets"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        hours=_of(row["hours"], Hours | None),
        selection=_of(row["selection"], Selection),
        conditions=_of(row["conditions"], Conditions),
        effects=_of(row["effects"], list[Effect]),
        limits=_of(row["limits"], Limits),
    )


def _of(stored: Any, shape: Any) -> Any:
    return msgspec.convert(stored, shape)
