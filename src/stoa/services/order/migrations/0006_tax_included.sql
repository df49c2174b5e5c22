--! compatible with 0005
-- Prices may be with tax: then it is a part of the total, and not beside it. What was due by which rate, and how and when
-- the goods come, stay as they were said.
ALTER TABLE orders
    ADD COLUMN tax_included boolean NOT NULL DEFAULT false,
    -- [{"name": "VAT", "rate": "20", "base_minor": 5492, "amount_minor": 1098}]; the rate in percent, null where nobody said.
    ADD COLUMN taxes jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN shipping_name text NOT NULL DEFAULT '',
    -- The buyer fetches it: its shipping address is where.
    ADD COLUMN pickup boolean NOT NULL DEFAULT false,
    ADD COLUMN delivery_earliest date,
    ADD COLUMN delivery_latest date,
    DROP CONSTRAINT orders_check1,
    ADD CONSTRAINT orders_total CHECK (
        total_minor = subtotal_minor - discount_minor + shipping_minor + CASE WHEN tax_included THEN 0 ELSE tax_minor END
    ),
    ADD CONSTRAINT orders_tax_included CHECK (NOT tax_included OR tax_minor <= total_minor),
    ADD CONSTRAINT orders_delivery CHECK (delivery_earliest <= delivery_latest);
