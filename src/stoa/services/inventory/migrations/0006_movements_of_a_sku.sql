--! compatible with 0003
--! concurrently
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS stock_movements_before_pkey ON stock_movements (sku, created_at, id);
