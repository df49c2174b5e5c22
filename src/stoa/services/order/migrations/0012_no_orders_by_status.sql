--! compatible with 0010
--! concurrently
DROP INDEX CONCURRENTLY IF EXISTS orders_by_status;
