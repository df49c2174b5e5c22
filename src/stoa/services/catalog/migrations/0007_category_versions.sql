--! compatible with 0006

-- Counts a category's changes, each of which is announced. Older code changes one without either.
ALTER TABLE categories ADD COLUMN version bigint NOT NULL DEFAULT 1;
