--! compatible with 0004
--! concurrently

-- The next of a seller's products that do not say yet what is known of him.
CREATE INDEX CONCURRENTLY IF NOT EXISTS products_of_seller_barred ON products (seller_id, seller_barred, id)
    WHERE seller_id IS NOT NULL;
