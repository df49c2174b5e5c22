"""Invariant 9: no campaign is used beyond its limits, and what an order has off is what was counted for it."""

from __future__ import annotations

from stoa.audit.finding import Finding, Findings, Invariant
from stoa.audit.look import Look, side_by_side

# Each counter beside the sum of what stands of the redemptions.
MISCOUNTED = """
    WITH standing AS MATERIALIZED (
        SELECT redemption.*, purchase.user_id
        FROM redemptions AS redemption JOIN purchases AS purchase ON purchase.checkout_id = redemption.checkout_id
        WHERE purchase.state = 'redeemed'
    ), counters AS (
        SELECT id::text, 'was used' AS what, used, coalesce(uses, 0) AS counted
        FROM campaigns LEFT JOIN (
            SELECT campaign_id AS id, count(*) AS uses FROM standing GROUP BY campaign_id
        ) AS of_campaign USING (id)
        UNION ALL
        SELECT campaign_id::text, 'has taken off, in minor units of ' || currency || ',', spent_minor,
            coalesce(amount, 0)
        FROM spending LEFT JOIN (
            SELECT campaign_id, currency, sum(amount_minor)::bigint AS amount
            FROM standing GROUP BY campaign_id, currency
        ) AS of_currency USING (campaign_id, currency)
        UNION ALL
        SELECT code, 'was used', used, coalesce(uses, 0)
        FROM coupons LEFT JOIN (
            SELECT coupon_id AS id, count(*) AS uses FROM standing GROUP BY coupon_id
        ) AS of_coupon USING (id)
        UNION ALL
        SELECT campaign_id::text, 'was used by ' || user_id, coalesce(used, 0), coalesce(uses, 0)
        FROM customer_uses FULL JOIN (
            SELECT campaign_id, user_id, count(*) AS uses FROM standing WHERE user_id IS NOT NULL
            GROUP BY campaign_id, user_id
        ) AS of_customer USING (campaign_id, user_id)
    )
    SELECT * FROM counters WHERE used <> counted
"""

# As staff have said it, which the columns behind the CHECKs repeat.
OVERUSED = """
    SELECT id::text, 'was used' AS what, used, (limits ->> 'most_uses')::bigint AS most
    FROM campaigns WHERE used > (limits ->> 'most_uses')::bigint
    UNION ALL
    SELECT campaign_id::text, 'has taken off', spent_minor, (budget ->> 'amount')::bigint
    FROM spending JOIN campaigns ON campaigns.id = campaign_id
    CROSS JOIN jsonb_array_elements(limits -> 'budget') AS budget
    WHERE budget ->> 'currency' = currency AND spent_minor > (budget ->> 'amount')::bigint
    UNION ALL
    SELECT code, 'was used', used, most_uses FROM coupons WHERE used > most_uses
    UNION ALL
    SELECT campaign_id::text, 'was used by ' || user_id, used, most_uses FROM customer_uses WHERE used > most_uses
"""

REDEEMED = """
    SELECT purchase.order_id AS key, coalesce(sum(redemption.amount_minor), 0)::bigint AS amount
    FROM purchases AS purchase LEFT JOIN redemptions AS redemption ON redemption.checkout_id = purchase.checkout_id
    WHERE purchase.state = 'redeemed' AND purchase.order_id >= $1
    GROUP BY purchase.order_id ORDER BY purchase.order_id
"""

DISCOUNTED = """
    SELECT id AS key, discount_minor, status FROM orders WHERE confirmed_at IS NOT NULL AND id >= $1 ORDER BY id
"""


async def check(look: Look) -> Findings:
    async for row in look.rows("campaign", MISCOUNTED):
        yield Finding(row["id"], f"{row['what']} {row['used']} by its counter, and {row['counted']} by its redemptions")
    async for row in look.rows("campaign", OVERUSED):
        yield Finding(row["id"], f"{row['what']} {row['used']}, and {row['most']} is the limit")
    orders, redeemed = look.rows("order", DISCOUNTED, look.since), look.rows("campaign", REDEEMED, look.since)
    async for order_id, (placed, used) in side_by_side(orders, redeemed):
        counted = used[0]["amount"] if used else 0
        if not placed:
            yield Finding(order_id, f"has used campaigns for {counted}, and there is no such order")
        elif placed[0]["status"] == "canceled":
            if used:
                yield Finding(order_id, "is canceled, and what it used of campaigns was not given back")
        elif placed[0]["discount_minor"] != counted:
            yield Finding(order_id, f"has {placed[0]['discount_minor']} off, and {counted} were counted for it")


PROMOTIONS = Invariant(
    9, "no campaign is used beyond its limits; what an order has off is what was counted for it, once", check
)
