--! compatible with 0015
-- Who waits for what has come in, and is not for sale, waits on until catalog tells of its product.
ALTER TABLE awaited_skus
    -- It was not for sale when catalog was asked last.
    ADD COLUMN hidden boolean NOT NULL DEFAULT false,
    -- Of a hidden one; null where no product has the SKU.
    ADD COLUMN product_id uuid;
CREATE INDEX awaited_skus_hidden ON awaited_skus (product_id) WHERE hidden;
