--! compatible with 0001
-- Counts the changes of what its owner edits: who saves says which version they saw. What older code changes meanwhile
-- it does not count; whoever saw a thing before that is let through as before.
ALTER TABLE user_profiles ADD COLUMN version bigint NOT NULL DEFAULT 1;
ALTER TABLE addresses ADD COLUMN version bigint NOT NULL DEFAULT 1;
ALTER TABLE user_preferences ADD COLUMN version bigint NOT NULL DEFAULT 1;
