--! compatible with 0032

-- A brand has a page, whose name leads on as that of any other. Older code renames without a row.
ALTER TABLE old_slugs DROP CONSTRAINT old_slugs_kind_check,
    ADD CONSTRAINT old_slugs_kind_check CHECK (kind IN ('product', 'category', 'collection', 'brand'));
