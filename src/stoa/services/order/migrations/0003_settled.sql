--! compatible with 0002
-- What was to go back and did not, and what the staff has settled in another way: payment will not give it.
ALTER TABLE orders ADD COLUMN settled_minor bigint NOT NULL DEFAULT 0 CHECK (settled_minor >= 0);
