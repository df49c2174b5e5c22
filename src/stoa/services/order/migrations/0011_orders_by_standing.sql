--! compatible with 0010
--! concurrently
-- In place of the index by status alone.
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_by_standing
ON orders (status, payment_status, fulfillment_status, id);
