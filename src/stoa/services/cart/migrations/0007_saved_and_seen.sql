--! compatible with 0006
-- What a shopper has set aside for later. Not in `cart_items`, where code of an older version would sell it.
CREATE TABLE saved_items (
    cart_id uuid NOT NULL REFERENCES carts (id) ON DELETE CASCADE,
    sku text NOT NULL,
    quantity bigint NOT NULL CHECK (quantity BETWEEN 1 AND 100000),
    -- The cart's version in which it was set aside.
    saved_in bigint NOT NULL,
    custom_fields jsonb NOT NULL DEFAULT '{}',
    metadata jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (cart_id, sku)
);

-- What one cost when the shopper last had it before his eyes: only to tell him that it has changed.
ALTER TABLE cart_items
    ADD COLUMN seen_minor bigint CHECK (seen_minor >= 0),
    ADD COLUMN seen_currency text CHECK (seen_currency ~ '^[A-Z]{3}$'),
    ADD CHECK ((seen_minor IS NULL) = (seen_currency IS NULL));

-- When it was told that a cart was left with something in it; null again as soon as it changes. Of those that were here
-- before nobody is told.
ALTER TABLE carts ADD COLUMN abandoned_at timestamptz DEFAULT now();
ALTER TABLE carts ALTER COLUMN abandoned_at DROP DEFAULT;
CREATE INDEX carts_in_use ON carts (updated_at) WHERE abandoned_at IS NULL;
