--! compatible with 0010
--! concurrently
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_of_email ON orders (lower(email), id);
