--! compatible with 0001

-- Who sells a SKU, as catalog has told: its seller, or null for the shop itself. A SKU that is missing was never
-- heard of. What is older than `product_version` of the SKU's product is not believed.
CREATE TABLE owners (
    sku             text PRIMARY KEY CHECK (length(sku) BETWEEN 1 AND 64),
    seller_id       uuid,
    product_version bigint NOT NULL
);

-- Whoever counted a SKU first stood here as its keeper. Nobody reads it any more; it goes with a later migration, so
-- that yesterday's code still runs.
COMMENT ON COLUMN items.seller_id IS 'unused';
