--! compatible with 0004
-- What the buyer was promised of what was not on hand, and for which day: like a line's name and price it stays.
ALTER TABLE order_items
    ADD COLUMN promise text CHECK (promise IN ('ships_by', 'preorder_from')),
    ADD COLUMN promised_on date,
    ADD CONSTRAINT order_items_promised CHECK ((promise IS NULL) = (promised_on IS NULL));
