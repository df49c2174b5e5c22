-- What is for sale: categories, products and their variants.

CREATE TABLE categories (
    id         uuid PRIMARY KEY,
    parent_id  uuid REFERENCES categories CHECK (parent_id <> id),
    slug       text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 200),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    position   integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX categories_of ON categories (parent_id);

CREATE TABLE products (
    id              uuid PRIMARY KEY,
    slug            text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 200),
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    description     text NOT NULL DEFAULT '',
    brand           text NOT NULL DEFAULT '',
    category_id     uuid REFERENCES categories ON DELETE SET NULL,
    status          text NOT NULL CHECK (status IN ('draft', 'active', 'archived')),
    -- Whose product it is; null: the shop's own.
    seller_id       uuid,
    tags            text[] NOT NULL DEFAULT '{}',
    specifications  jsonb NOT NULL DEFAULT '{}',
    images          jsonb NOT NULL DEFAULT '[]',
    -- The lowest and highest price of its variants, kept here by whoever changes them, so that lists are sorted
    -- and filtered by an index; no currency: no variants.
    price_minor     bigint NOT NULL DEFAULT 0,
    price_max_minor bigint NOT NULL DEFAULT 0,
    currency        text,
    version         bigint NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT products_price CHECK (0 <= price_minor AND price_minor <= price_max_minor),
    CONSTRAINT products_active_has_price CHECK (status <> 'active' OR currency IS NOT NULL)
);
-- One for each way to sort a list. Ids are ordered by time, so they are what "newest" means.
CREATE INDEX products_newest ON products (status, id);
CREATE INDEX products_by_price ON products (status, price_minor, id);
CREATE INDEX products_by_name ON products (status, lower(name), id);
CREATE INDEX products_in_category ON products (category_id, id);

CREATE TABLE variants (
    sku         text PRIMARY KEY CHECK (length(sku) BETWEEN 1 AND 64),
    product_id  uuid NOT NULL REFERENCES products,
    name        text NOT NULL DEFAULT '',
    price_minor bigint NOT NULL CHECK (price_minor >= 0),
    currency    text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    position    integer NOT NULL DEFAULT 0,
    options     jsonb NOT NULL DEFAULT '{}',
    -- Orders and stock refer to the SKU for ever, so a variant is never removed and its SKU stays taken.
    archived_at timestamptz
);
CREATE INDEX variants_of ON variants (product_id, position, sku);
