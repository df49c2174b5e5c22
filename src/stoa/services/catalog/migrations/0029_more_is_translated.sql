--! compatible with 0028

ALTER TABLE translations DROP CONSTRAINT translations_kind_check,
    ADD CONSTRAINT translations_kind_check
        CHECK (kind IN ('product', 'category', 'collection', 'brand', 'product_type'));

-- Others are told by which slugs in other languages a product's collections are found: of those that have one already,
-- too.
UPDATE collections SET settling = 'due', retell = true
WHERE published AND id IN (SELECT thing_id FROM translations WHERE kind = 'collection' AND slug IS NOT NULL);
