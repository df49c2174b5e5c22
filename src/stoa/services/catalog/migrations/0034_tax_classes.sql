--! compatible with 0033
-- By which rates a product is taxed: which these are where, checkout says.
ALTER TABLE products
    ADD COLUMN tax_class text NOT NULL DEFAULT 'standard'
    CHECK (tax_class ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(tax_class) <= 40);
