--! compatible with 0030

-- What a variant is as an article: what a scanner reads from it, what it weighs, and which of its product's images shows
-- it. A barcode may stand at several variants: a bundle or a second condition has that of the same article.
ALTER TABLE variants
    ADD COLUMN barcode text NOT NULL DEFAULT '' CHECK (barcode ~ '^([0-9]{8}|[0-9]{12,14})?$'),
    -- Null: nobody has weighed it.
    ADD COLUMN weight_grams integer CHECK (weight_grams > 0),
    -- The file or the address of an image that its product has; null for none of its own.
    ADD COLUMN image text CHECK (image <> '');
