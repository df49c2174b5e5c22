-- An order goes in as many parcels as it takes. Units of a line: bought, canceled, shipped, returned. What is there
-- already is filled in by the next file, which holds no table. Code that knows one parcel per order would count no
-- unit as shipped: it is to be stopped first.
ALTER TABLE shipments
    ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD COLUMN number int NOT NULL DEFAULT 1 CHECK (number > 0),
    ADD COLUMN tracking_url text,
    DROP CONSTRAINT shipments_pkey,
    ADD PRIMARY KEY (id),
    ADD CONSTRAINT shipments_of_order UNIQUE (order_id, number);
ALTER TABLE shipments ALTER COLUMN id DROP DEFAULT, ALTER COLUMN number DROP DEFAULT;

CREATE TABLE shipment_items (
    shipment_id uuid NOT NULL REFERENCES shipments (id),
    sku text NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (shipment_id, sku)
);

ALTER TABLE order_items
    ADD COLUMN canceled_quantity bigint NOT NULL DEFAULT 0,
    ADD COLUMN shipped_quantity bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT order_items_sent CHECK (
        canceled_quantity >= 0 AND shipped_quantity >= 0 AND shipped_quantity + canceled_quantity <= quantity
    ) NOT VALID,
    ADD CONSTRAINT order_items_back CHECK (returned_quantity + requested_quantity <= shipped_quantity) NOT VALID;
