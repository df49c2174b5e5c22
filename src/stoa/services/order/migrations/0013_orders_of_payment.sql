--! compatible with 0010
--! concurrently
-- Whose payment was told something of.
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_of_payment ON orders (payment_id) WHERE payment_id IS NOT NULL;
