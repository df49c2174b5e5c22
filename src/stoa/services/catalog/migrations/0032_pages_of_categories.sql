--! compatible with 0031

-- What a category says and shows on its page, as a collection does.
ALTER TABLE categories
    ADD COLUMN description text NOT NULL DEFAULT '',
    ADD COLUMN image jsonb;
