--! compatible with 0012
-- Of what kind the promise of a backorder is: with its day it is what the buyer was told.
ALTER TABLE backorders
    ADD COLUMN promise text NOT NULL DEFAULT 'ships_by' CHECK (promise IN ('ships_by', 'preorder_from'));
UPDATE backorders SET promise = 'preorder_from' FROM items WHERE items.sku = backorders.sku AND items.policy = 'preorder';
