--! compatible with 0001
-- Counts what was announced of a user: 1 is user.registered, each user.changed takes the next.
ALTER TABLE users ADD COLUMN version bigint NOT NULL DEFAULT 1;
