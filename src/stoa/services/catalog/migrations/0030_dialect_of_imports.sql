--! compatible with 0029

-- How a table that was brought is written, so that what is refused of it comes back written as it came.
ALTER TABLE product_imports ADD COLUMN dialect jsonb NOT NULL DEFAULT '{}';
