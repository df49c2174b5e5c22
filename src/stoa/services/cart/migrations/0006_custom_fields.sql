--! compatible with 0005
-- What was said for a line's custom fields, by their numbers, and what the shopper's programs note of it.
ALTER TABLE cart_items
    ADD COLUMN custom_fields jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}';
