--! compatible with 0002
-- A checkout that has ended keeps its answer for as long as it is promised, and is cut to its summary then. The index
-- has only what is still to be cut, and no column that a step changes.
ALTER TABLE checkouts ADD COLUMN cut_at timestamptz;
CREATE INDEX checkouts_to_cut ON checkouts (id) WHERE state IN ('completed', 'failed') AND cut_at IS NULL;
