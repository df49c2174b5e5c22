-- What comes off, and how often that was used.
--
-- Lock order, everywhere: changes, then campaigns by id, then purchases by checkout. Whoever changes a counter, of a campaign,
-- its coupons, customers or spending, holds the campaign's row.

-- One row. It counts what staff change of campaigns that run: so every process knows whether it has them as they are.
CREATE TABLE changes (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    revision bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO changes DEFAULT VALUES;

CREATE TABLE campaigns (
    id               uuid PRIMARY KEY,
    name             text NOT NULL CONSTRAINT campaigns_name UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
    description      text NOT NULL DEFAULT '' CHECK (length(description) <= 500),
    state            text NOT NULL CHECK (state IN ('draft', 'active', 'paused', 'ended')),
    by_coupon        boolean NOT NULL,
    priority         integer NOT NULL,
    exclusive        boolean NOT NULL,
    combination_sets text[] NOT NULL,
    starts_at        timestamptz,
    ends_at          timestamptz,
    hours            jsonb,
    selection        jsonb NOT NULL,
    conditions       jsonb NOT NULL,
    effects          jsonb NOT NULL,
    limits           jsonb NOT NULL,
    -- As in the limits, for the CHECK behind what redeem.py decides.
    most_uses        bigint,
    used             bigint NOT NULL DEFAULT 0,
    version          bigint NOT NULL DEFAULT 1,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT campaigns_schedule CHECK (ends_at > starts_at),
    CONSTRAINT campaigns_used CHECK (used BETWEEN 0 AND coalesce(most_uses, used))
) WITH (fillfactor = 70);
CREATE INDEX campaigns_running ON campaigns (id) WHERE state = 'active';
CREATE INDEX campaigns_by_state ON campaigns (state, id);

-- What came off lines in all, by currency; and what may at most, where there is a budget.
CREATE TABLE spending (
    campaign_id  uuid NOT NULL REFERENCES campaigns ON DELETE CASCADE,
    currency     text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    budget_minor bigint,
    spent_minor  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign_id, currency),
    CONSTRAINT spending_within_budget CHECK (spent_minor BETWEEN 0 AND coalesce(budget_minor, spent_minor))
) WITH (fillfactor = 70);

CREATE TABLE coupons (
    id          uuid PRIMARY KEY,
    campaign_id uuid NOT NULL REFERENCES campaigns ON DELETE CASCADE,
    -- In capital letters, as it is compared.
    code        text NOT NULL CONSTRAINT coupons_code UNIQUE CHECK (code = upper(code) AND length(code) BETWEEN 3 AND 64),
    most_uses   bigint,
    used        bigint NOT NULL DEFAULT 0,
    starts_at   timestamptz,
    ends_at     timestamptz,
    revoked_at  timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT coupons_schedule CHECK (ends_at > starts_at),
    CONSTRAINT coupons_used CHECK (used BETWEEN 0 AND coalesce(most_uses, used))
) WITH (fillfactor = 80);
CREATE INDEX coupons_of ON coupons (campaign_id, code);

-- How often each customer has used a campaign; `most_uses`, where it is limited, as it was when that was last decided.
CREATE TABLE customer_uses (
    campaign_id uuid NOT NULL REFERENCES campaigns ON DELETE CASCADE,
    user_id     uuid NOT NULL,
    most_uses   bigint,
    used        bigint NOT NULL,
    PRIMARY KEY (campaign_id, user_id),
    CONSTRAINT customer_uses_used CHECK (used BETWEEN 0 AND coalesce(most_uses, used))
) WITH (fillfactor = 80);

-- A checkout that used something, or may not any more: a tombstone has no redemptions. Kept as long as orders are.
CREATE TABLE purchases (
    checkout_id uuid PRIMARY KEY,
    order_id    uuid,
    user_id     uuid,
    state       text NOT NULL CHECK (state IN ('redeemed', 'released')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    released_at timestamptz CHECK ((released_at IS NULL) = (state = 'redeemed'))
);
CREATE UNIQUE INDEX purchases_of_orders ON purchases (order_id) WHERE order_id IS NOT NULL;

CREATE TABLE redemptions (
    checkout_id    uuid NOT NULL REFERENCES purchases,
    campaign_id    uuid NOT NULL REFERENCES campaigns,
    coupon_id      uuid REFERENCES coupons,
    currency       text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor   bigint NOT NULL CHECK (amount_minor >= 0),
    shipping_minor bigint NOT NULL CHECK (shipping_minor >= 0),
    PRIMARY KEY (checkout_id, campaign_id)
);
CREATE INDEX redemptions_of ON redemptions (campaign_id, checkout_id);
