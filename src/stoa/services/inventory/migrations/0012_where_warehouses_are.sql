--! compatible with 0011

-- Where a warehouse is, as far as somebody has said it: who draws from the nearest goes by it.
ALTER TABLE warehouses
    ADD COLUMN country text,
    ADD COLUMN region text NOT NULL DEFAULT '',
    ADD COLUMN postal_code text NOT NULL DEFAULT '',
    ADD COLUMN latitude double precision CHECK (latitude BETWEEN -90 AND 90),
    ADD COLUMN longitude double precision CHECK (longitude BETWEEN -180 AND 180),
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    ADD CONSTRAINT warehouses_coordinates CHECK ((latitude IS NULL) = (longitude IS NULL));
