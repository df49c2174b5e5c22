--! compatible with 0001
-- Since when what is stale waits. A mark that is set anew meanwhile changes nothing of that.

ALTER TABLE stale ADD COLUMN since timestamptz NOT NULL DEFAULT now();
