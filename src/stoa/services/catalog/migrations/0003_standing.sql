--! compatible with 0002

-- Where a product stands, whatever its seller calls it: withheld by staff, or suspended because its seller may not sell.
ALTER TABLE products
    ADD COLUMN withheld_at timestamptz,
    ADD COLUMN withheld_by uuid,
    ADD COLUMN withheld_reason text,
    ADD COLUMN seller_barred boolean NOT NULL DEFAULT false,
    ADD COLUMN standing text NOT NULL GENERATED ALWAYS AS (
        CASE
            WHEN withheld_at IS NOT NULL THEN 'withheld'
            WHEN seller_barred AND status = 'active' THEN 'suspended'
            ELSE status
        END
    ) STORED,
    ADD CONSTRAINT products_withheld_by_somebody CHECK (
        (withheld_at IS NULL) = (withheld_by IS NULL) AND (withheld_at IS NULL) = (withheld_reason IS NULL)
    ),
    ADD CONSTRAINT products_barred_have_seller CHECK (NOT seller_barred OR seller_id IS NOT NULL);

-- Who may sell, as auth has told: a seller of whom it has told nothing may.
CREATE TABLE sellers (
    id      uuid PRIMARY KEY,
    barred  boolean NOT NULL,
    version bigint NOT NULL
);

-- A list is read in its order from an index that begins with what it is filtered by, so a page costs the same at any
-- depth. Names stand by their beginning, so that a cursor has an end.
DROP INDEX products_newest, products_by_price, products_by_name, products_in_category;
CREATE INDEX products_newest ON products (standing, id);
CREATE INDEX products_by_price ON products (standing, price_minor, id);
CREATE INDEX products_by_name ON products (standing, lower(left(name, 60)), id);
CREATE INDEX products_of_category_newest ON products (category_id, standing, id);
CREATE INDEX products_of_category_by_price ON products (category_id, standing, price_minor, id);
CREATE INDEX products_of_category_by_name ON products (category_id, standing, lower(left(name, 60)), id);
CREATE INDEX products_of_brand_newest ON products (brand, standing, id);
CREATE INDEX products_of_brand_by_price ON products (brand, standing, price_minor, id);
CREATE INDEX products_of_brand_by_name ON products (brand, standing, lower(left(name, 60)), id);
CREATE INDEX products_of_seller_newest ON products (seller_id, standing, id) WHERE seller_id IS NOT NULL;
CREATE INDEX products_of_seller_by_price ON products (seller_id, standing, price_minor, id) WHERE seller_id IS NOT NULL;
CREATE INDEX products_of_seller_by_name ON products (seller_id, standing, lower(left(name, 60)), id)
    WHERE seller_id IS NOT NULL;
