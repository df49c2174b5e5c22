--! compatible with 0022

-- What a file says of stock: kept with the products that were made of it, until inventory has heard.
CREATE TABLE product_import_stock (
    import_id uuid NOT NULL REFERENCES product_imports ON DELETE CASCADE,
    sku       text NOT NULL,
    quantity  bigint NOT NULL CHECK (quantity >= 0),
    PRIMARY KEY (import_id, sku)
);
ALTER TABLE product_imports
    ADD COLUMN stock_opened bigint NOT NULL DEFAULT 0,
    ADD COLUMN stock_there bigint NOT NULL DEFAULT 0;
