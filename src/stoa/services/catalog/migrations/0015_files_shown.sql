--! compatible with 0014
--! concurrently

-- Which products show a file.
CREATE INDEX CONCURRENTLY IF NOT EXISTS products_showing ON products USING gin (images jsonb_path_ops);
