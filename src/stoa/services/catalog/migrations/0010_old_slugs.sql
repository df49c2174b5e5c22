--! compatible with 0009

-- Names under which things were found: whoever asks by one is led to whom it was last. Not read while somebody has the
-- slug. Older code renames without a row.
CREATE TABLE old_slugs (
    kind     text NOT NULL CHECK (kind IN ('product', 'category', 'collection')),
    slug     text NOT NULL,
    thing_id uuid NOT NULL,
    since    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, slug)
);
CREATE INDEX old_slugs_of ON old_slugs (thing_id, since);
