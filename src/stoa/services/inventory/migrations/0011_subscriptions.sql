--! compatible with 0003

-- Who wants to be told when a SKU can be bought again. Each is told once, and ends with that.
CREATE TABLE stock_subscriptions (
    -- Begins with its time: what is old is found by it.
    id      uuid PRIMARY KEY,
    -- Who came first has the smallest.
    place   bigint GENERATED ALWAYS AS IDENTITY,
    sku     text NOT NULL CHECK (length(sku) BETWEEN 1 AND 64),
    email   text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    -- Whose account it is of; null of a guest.
    user_id uuid,
    -- Ends all that are of the same address.
    token   uuid NOT NULL,
    UNIQUE (sku, email)
);
CREATE INDEX stock_subscriptions_waiting ON stock_subscriptions (sku, place);
CREATE INDEX stock_subscriptions_of_address ON stock_subscriptions (email);
CREATE INDEX stock_subscriptions_of_token ON stock_subscriptions (token);
CREATE INDEX stock_subscriptions_of_user ON stock_subscriptions (user_id) WHERE user_id IS NOT NULL;

-- SKUs that somebody waits for. Who makes one buyable again, under its item's lock, says that it is due.
CREATE TABLE awaited_skus (
    sku    text PRIMARY KEY,
    due_at timestamptz,
    -- How many are still to be told in the round that has begun.
    to_tell bigint CHECK (to_tell > 0)
);
CREATE INDEX awaited_skus_due ON awaited_skus (due_at) WHERE due_at IS NOT NULL;
