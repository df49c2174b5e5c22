--! compatible with 0014
-- A warehouse that had goods stays, for movements tell of it; closed, it takes no more. What is counted without naming a
-- warehouse lies in the main one, and so does what comes back to one that is closed by now: that is never closed.
ALTER TABLE warehouses
    ADD COLUMN closed_at timestamptz,
    ADD CONSTRAINT warehouses_main_is_open CHECK (id <> 'main' OR closed_at IS NULL);
