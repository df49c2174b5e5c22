--! compatible with 0011
-- What variants cost for some: in another currency, for a customer group, where the goods go, from a quantity on, for a
-- time. Where no list says anything holds the variant's own price.
CREATE TABLE price_lists (
    id             uuid PRIMARY KEY,
    slug           text NOT NULL CONSTRAINT price_lists_slug UNIQUE
                   CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 60),
    name           text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    currency       text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    -- Null: everybody.
    customer_group text,
    -- Where the goods go; empty: anywhere.
    countries      text[] NOT NULL DEFAULT '{}',
    -- Of two that hold the greater counts.
    priority       integer NOT NULL DEFAULT 0,
    -- Holds from the one, not any more at the other; null: no such end.
    starts_at      timestamptz,
    ends_at        timestamptz,
    status         text NOT NULL CHECK (status IN ('draft', 'active', 'archived')),
    version        bigint NOT NULL DEFAULT 1,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT price_lists_time CHECK (starts_at < ends_at)
);

CREATE TABLE prices (
    variant_id     uuid NOT NULL REFERENCES variants,
    list_id        uuid NOT NULL REFERENCES price_lists,
    least_quantity integer NOT NULL CHECK (least_quantity BETWEEN 1 AND 100000),
    amount_minor   bigint NOT NULL CHECK (amount_minor >= 0),
    PRIMARY KEY (variant_id, list_id, least_quantity)
);
CREATE INDEX prices_of_list ON prices (list_id, variant_id, least_quantity);
