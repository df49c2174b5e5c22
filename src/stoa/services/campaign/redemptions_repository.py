"""The SQL of what was used. Campaigns are locked first, in the order of their ids: under that lock nobody else changes
a counter of theirs, of their coupons or of their customers. Purchases come last."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from stoa.kit.db import Db, Transaction
from stoa.services.campaign.campaign import Conditions, Coupon, Limits
from stoa.services.campaign.counting import Known, Running

LOCK_CAMPAIGNS = """
    SELECT id, state, ends_at, limits, conditions, used FROM campaigns WHERE id = ANY($1::uuid[])
    ORDER BY id FOR NO KEY UPDATE
"""


async def lock_campaigns(tx: Transaction, campaign_ids: Collection[str]) -> dict[str, Running]:
    locked: dict[str, Running] = {}
    for row in await tx.fetch(LOCK_CAMPAIGNS, sorted(campaign_ids)):
        limits = msgspec.convert(row["limits"], Limits)
        first_order = msgspec.convert(row["conditions"], Conditions).first_order
        per_customer = 1 if first_order else limits.most_uses_per_customer
        locked[row["id"]] = Running(row["id"], row["state"], row["ends_at"], limits, per_customer, row["used"])
    return locked


# Begun when the campaigns are locked: so it sees what was done under these locks before.
READ_KNOWN = """
    SELECT
        (SELECT json_object_agg(checkout_id, state) FROM purchases WHERE checkout_id = ANY($1::uuid[])) AS states,
        (
            SELECT json_agg(found) FROM (
                SELECT id, campaign_id, code, most_uses, used, starts_at, ends_at, revoked_at IS NOT NULL AS revoked
                FROM coupons WHERE code = ANY($2::text[])
            ) AS found
        ) AS coupons,
        (
            SELECT json_agg(json_build_array(campaign_id, currency, spent_minor))
            FROM spending WHERE campaign_id = ANY($3::uuid[])
        ) AS spent,
        (
            SELECT json_agg(json_build_array(found.campaign_id, found.user_id, found.used))
            FROM unnest($3::uuid[]) AS counted (id) CROSS JOIN unnest($4::uuid[]) AS asked (user_id)
            CROSS JOIN LATERAL (
                SELECT * FROM customer_uses WHERE campaign_id = counted.id AND user_id = asked.user_id LIMIT 1
            ) AS found
        ) AS customers
"""


async def read_known(
    tx: Transaction,
    checkout_ids: Collection[str],
    codes: Collection[str],
    campaign_ids: Collection[str],
    users: Collection[str],
) -> Known:
    row = await tx.fetchrow(READ_KNOWN, sorted(checkout_ids), sorted(codes), sorted(campaign_ids), sorted(users))
    assert row is not None
    coupons = [msgspec.convert(each, Coupon) for each in row["coupons"] or ()]
    return Known(
        states=row["states"] or {},
        coupons={one.code: one for one in coupons},
        spent={(campaign, currency): spent for campaign, currency, spent in row["spent"] or ()},
        by_customer={(campaign, user): used for campaign, user, used in row["customers"] or ()},
    )


# By arrays, so that campaigns and codes are looked up, however many there are one day.
REDEEM = """
    WITH new AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset($1) AS new (
            checkout_id uuid, order_id uuid, user_id uuid, campaign_id uuid, coupon_id uuid, currency text,
            amount_minor bigint, shipping_minor bigint, per_customer bigint
        )
    ), counted AS (
        UPDATE campaigns SET used = used + more.uses
        FROM (SELECT campaign_id, count(*) AS uses FROM new GROUP BY campaign_id) AS more
        WHERE campaigns.id = ANY(ARRAY(SELECT campaign_id FROM new)) AND campaigns.id = more.campaign_id
    ), spent AS (
        INSERT INTO spending (campaign_id, currency, spent_minor)
        SELECT campaign_id, currency, sum(amount_minor) FROM new GROUP BY campaign_id, currency
        ON CONFLICT (campaign_id, currency) DO UPDATE SET spent_minor = spending.spent_minor + EXCLUDED.spent_minor
    ), coupon AS (
        UPDATE coupons SET used = used + more.uses
        FROM (SELECT coupon_id, count(*) AS uses FROM new GROUP BY coupon_id) AS more
        WHERE coupons.id = ANY(ARRAY(SELECT coupon_id FROM new)) AND coupons.id = more.coupon_id
    ), customer AS (
        INSERT INTO customer_uses (campaign_id, user_id, most_uses, used)
        SELECT campaign_id, user_id, min(per_customer), count(*)
        FROM new WHERE user_id IS NOT NULL GROUP BY campaign_id, user_id
        ON CONFLICT (campaign_id, user_id)
        DO UPDATE SET used = customer_uses.used + EXCLUDED.used, most_uses = EXCLUDED.most_uses
    ), line AS (
        INSERT INTO redemptions (checkout_id, campaign_id, coupon_id, currency, amount_minor, shipping_minor)
        SELECT checkout_id, campaign_id, coupon_id, currency, amount_minor, shipping_minor FROM new
    ), kept AS (
        INSERT INTO purchases (checkout_id, order_id, user_id, state)
        SELECT DISTINCT checkout_id, order_id, user_id, 'redeemed' FROM new ORDER BY checkout_id
        ON CONFLICT (checkout_id) DO NOTHING
        RETURNING checkout_id
    )
    SELECT (SELECT count(*) FROM kept) = (SELECT count(DISTINCT checkout_id) FROM new)
"""


async def redeem(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Of locked campaigns; False where somebody else has written down one of the checkouts: roll back then."""
    written: bool = await tx.fetchval(REDEEM, list(rows))
    return written


LOCK_REDEEMED = """
    WITH used AS MATERIALIZED (
        SELECT checkout_id, campaign_id FROM redemptions WHERE checkout_id = ANY($1::uuid[])
    ), locked AS MATERIALIZED (
        SELECT id FROM campaigns WHERE id = ANY(ARRAY(SELECT DISTINCT campaign_id FROM used))
        ORDER BY id FOR NO KEY UPDATE
    )
    SELECT DISTINCT checkout_id FROM used WHERE (SELECT count(*) FROM locked) > 0
"""


async def lock_redeemed(tx: Transaction, checkout_ids: Collection[str]) -> list[str]:
    """Those that have used campaigns, which are locked then."""
    return [row["checkout_id"] for row in await tx.fetch(LOCK_REDEEMED, sorted(checkout_ids))]


RELEASE = """
    WITH freed AS MATERIALIZED (
        UPDATE purchases SET state = 'released', released_at = now()
        WHERE checkout_id = ANY($1::uuid[]) AND state = 'redeemed'
        RETURNING checkout_id, user_id
    ), gone AS MATERIALIZED (
        SELECT used.*, freed.user_id FROM freed CROSS JOIN LATERAL (
            SELECT campaign_id, coupon_id, currency, amount_minor FROM redemptions
            WHERE checkout_id = freed.checkout_id LIMIT 1000
        ) AS used
    ), counted AS (
        UPDATE campaigns SET used = used - less.uses
        FROM (SELECT campaign_id, count(*) AS uses FROM gone GROUP BY campaign_id) AS less
        WHERE campaigns.id = less.campaign_id
    ), spent AS (
        UPDATE spending SET spent_minor = spent_minor - less.amount
        FROM (
            SELECT campaign_id, currency, sum(amount_minor) AS amount FROM gone GROUP BY campaign_id, currency
        ) AS less
        WHERE spending.campaign_id = less.campaign_id AND spending.currency = less.currency
    ), coupon AS (
        UPDATE coupons SET used = used - less.uses
        FROM (SELECT coupon_id, count(*) AS uses FROM gone WHERE coupon_id IS NOT NULL GROUP BY coupon_id) AS less
        WHERE coupons.id = less.coupon_id
    ), customer AS (
        UPDATE customer_uses SET used = customer_uses.used - less.uses
        FROM (SELECT campaign_id, user_id, count(*) AS uses FROM gone GROUP BY campaign_id, user_id) AS less
        WHERE customer_uses.campaign_id = less.campaign_id AND customer_uses.user_id = less.user_id
    )
    SELECT checkout_id FROM freed
    UNION ALL
    SELECT checkout_id FROM purchases WHERE checkout_id = ANY($2::uuid[]) AND state = 'released'
"""


async def release(tx: Transaction, used: Collection[str], checkout_ids: Collection[str]) -> set[str]:
    """What was `used`, of locked campaigns, is free again, once. Which of the checkouts are released then: one that
    has used something since the campaigns were locked is not."""
    return {row["checkout_id"] for row in await tx.fetch(RELEASE, sorted(used), sorted(checkout_ids))}


LEAVE_TOMBSTONES = """
    INSERT INTO purchases (checkout_id, state, released_at)
    SELECT id, 'released', now() FROM unnest($1::uuid[]) AS late (id) ORDER BY id
    ON CONFLICT (checkout_id) DO NOTHING
    RETURNING checkout_id
"""


async def leave_tombstones(tx: Transaction, checkout_ids: Collection[str]) -> bool:
    """False where one of them has used something by now: roll back then."""
    return len(await tx.fetch(LEAVE_TOMBSTONES, sorted(checkout_ids))) == len(checkout_ids)


CHECKOUTS_OF = "SELECT checkout_id FROM purchases WHERE order_id = ANY($1::uuid[])"


async def checkouts_of(db: Db, order_ids: Collection[str]) -> list[str]:
    """Those of these orders that have used something."""
    return [row["checkout_id"] for row in await db.fetch(CHECKOUTS_OF, sorted(order_ids))]


class Redeemed(msgspec.Struct, frozen=True, kw_only=True):
    """That an order has used a campaign; `released_at` where it was given back."""

    checkout_id: str
    order_id: str | None
    user_id: str | None
    code: str | None
    currency: str
    amount_minor: int
    shipping_minor: int
    created_at: datetime
    released_at: datetime | None


REDEMPTIONS_BEFORE = """
    SELECT redemption.checkout_id, purchase.order_id, purchase.user_id, coupon.code, redemption.currency,
        redemption.amount_minor, redemption.shipping_minor, purchase.created_at, purchase.released_at
    FROM redemptions AS redemption
    CROSS JOIN LATERAL (SELECT * FROM purchases WHERE checkout_id = redemption.checkout_id LIMIT 1) AS purchase
    LEFT JOIN LATERAL (SELECT code FROM coupons WHERE id = redemption.coupon_id LIMIT 1) AS coupon ON true
    WHERE redemption.campaign_id = $1 AND redemption.checkout_id < $2
    ORDER BY redemption.checkout_id DESC LIMIT $3
"""
_LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff"


async def redemptions_before(db: Db, campaign_id: str, before: str | None, limit: int) -> list[Redeemed]:
    """The newest first."""
    rows = await db.fetch(REDEMPTIONS_BEFORE, campaign_id, before or _LAST, limit)
    return [Redeemed(**row) for row in rows]
