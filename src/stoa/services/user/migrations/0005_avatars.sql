--! compatible with 0004
-- The file that the user shows, and how, as media has told of it.
ALTER TABLE user_profiles ADD COLUMN avatar jsonb;
