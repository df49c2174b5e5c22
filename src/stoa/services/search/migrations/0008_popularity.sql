--! compatible with 0001
-- How popular a product is, by what was sold of it. Sales before this are told by a replay of `order.placed`.
--
-- Lock order, everywhere: feed, then sold, popularity, skus, stale and documents, each by its key.

-- The lines of orders, so that what is canceled or comes back is taken off again. They end when that counts little.
CREATE TABLE sold (
    order_id   uuid NOT NULL,
    -- Empty: the order came back before its sale was heard of, and does not count.
    sku        text NOT NULL CHECK (length(sku) <= 64),
    product_id uuid CHECK (product_id IS NOT NULL OR sku = ''),
    -- What did not come back, and what it counts for.
    units      integer NOT NULL CHECK (units >= 0),
    weight     double precision NOT NULL,
    sold_at    timestamptz NOT NULL,
    PRIMARY KEY (order_id, sku)
);
CREATE INDEX sold_by_age ON sold (sold_at);

CREATE TABLE popularity (
    product_id uuid PRIMARY KEY,
    -- All that was sold. A unit counts twice as much as one of a half-life before, so what is here need not fade.
    weight     double precision NOT NULL,
    -- What it was worth at a moment, and is in the document.
    popularity double precision NOT NULL CHECK (popularity >= 0),
    as_of      timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX popularity_by_age ON popularity (as_of);
