--! compatible with 0021

-- A file that cannot be worked off is left for a while, each time for longer, and given up in the end: how often it was
-- taken up since something of it was done last, and when it is next.
ALTER TABLE product_imports
    ADD COLUMN attempts integer NOT NULL DEFAULT 0,
    ADD COLUMN due_at timestamptz NOT NULL DEFAULT now();
